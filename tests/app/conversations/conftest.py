"""Real stores in a temporary folder, closed again whatever happens."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.conversations.store import ConversationStore
from app.conversations.store_thread import StoreThread


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "data" / "conversations.db"


@pytest.fixture
def open_store(database: Path) -> Iterator[Callable[..., ConversationStore]]:
    stores: list[ConversationStore] = []

    def open_one(path: Path = database, **options) -> ConversationStore:
        stores.append(ConversationStore(path, **options))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


@pytest.fixture
def store(open_store: Callable[..., ConversationStore]) -> ConversationStore:
    return open_store()


@pytest.fixture
def store_thread(database: Path) -> Iterator[StoreThread]:
    thread = StoreThread(database)
    yield thread
    assert thread.close(30)
