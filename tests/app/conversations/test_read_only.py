"""Conversations in a place that can't be written: what is there is read, and a private one is had without it."""

import os
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from app.conversations.errors import StoreReadOnly
from app.conversations.store import ConversationStore
from app.conversations.store_thread import StoreThread
from tests.app.conversations.samples import a_conversation, a_message

OpenStore = Callable[..., ConversationStore]


def with_private(store: ConversationStore) -> set[str]:
    """Keep a private conversation and return the ids of all that are listed."""
    store.save_conversation(a_conversation("private", is_private=True))
    return {each.id for each in store.list_conversations()}


def test_a_folder_that_cannot_be_made_is_one_sentence(open_store: OpenStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = open_store(tmp_path / "file" / "data" / "conversations.db")
    (notice,) = store.notices
    assert str(tmp_path / "file") in notice
    assert "HEARTH_HOME" in notice
    with pytest.raises(StoreReadOnly) as caught:
        store.save_conversation(a_conversation())
    assert str(tmp_path / "file") in caught.value.message
    assert "HEARTH_HOME" in caught.value.hint
    assert store.list_conversations() == []
    assert store.may_open_again
    assert with_private(store) == {"private"}
    assert not store.may_open_again, "what is in memory only would be gone"


def test_what_stands_for_an_unplugged_disk_becomes_no_backup(
    open_store: OpenStore, database: Path, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    database.parent.mkdir()
    database.symlink_to(disk / "conversations.db")
    first = open_store()
    first.save_turn(a_conversation(), [a_message()])
    first.maintain()
    first.close()
    (backup,) = database.with_name("conversations-backups").iterdir()
    os.utime(backup, (0, 0))
    disk.rename(tmp_path / "unplugged")
    thread = StoreThread(database)
    assert thread.submit(lambda store: store.list_conversations()).result(30) == []
    assert thread.close(30)
    assert list(backup.parent.iterdir()) == [backup]


@pytest.mark.parametrize("is_journal_left", [False, True])
def test_a_folder_that_cannot_be_written_is_read(
    open_store: OpenStore, database: Path, folder_is_open: Callable[[bool], None], is_journal_left: bool
) -> None:
    first = open_store()
    first.save_turn(a_conversation(), [a_message()])
    if not is_journal_left:
        first.close()
    folder_is_open(False)
    store = open_store()
    (notice,) = store.notices
    assert notice.startswith(f"The conversations in {database.parent} can be read, but nothing new can be saved")
    assert store.list_conversations() == [a_conversation()]
    assert store.load_messages("c") == [a_message()]
    with pytest.raises(StoreReadOnly):
        store.rename("c", "Another")
    assert store.may_open_again
    assert with_private(store) == {"private", "c"}


def test_a_format_of_before_is_not_read_where_it_cannot_be_brought_up(
    open_store: OpenStore, database: Path, folder_is_open: Callable[[bool], None]
) -> None:
    open_store().close()
    other = apsw.Connection(str(database))
    other.execute("PRAGMA user_version = 1").fetchall()
    other.close()
    folder_is_open(False)
    (notice,) = open_store().notices
    assert notice.startswith(f"The folder {database.parent} can't be used (Permission denied).")


def test_a_folder_that_is_mended_is_written_from_then_on(
    database: Path, folder_is_open: Callable[[bool], None]
) -> None:
    folder_is_open(False)
    thread = StoreThread(database)
    assert isinstance(
        thread.submit(lambda store: store.save_conversation(a_conversation())).exception(30), StoreReadOnly
    )
    folder_is_open(True)
    thread.submit(lambda store: store.save_conversation(a_conversation())).result(30)
    assert thread.submit(lambda store: store.list_conversations()).result(30) == [a_conversation()]
    assert thread.close(30)


def test_a_file_in_use_by_nobody_is_read_without_anything_beside_it(
    open_store: OpenStore, database: Path, folder_is_open: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_store()
    first.save_turn(a_conversation(), [a_message()])
    first.close()
    connect = apsw.Connection

    def connect_as_in_a_closed_folder(name: str, flags: int) -> apsw.Connection:
        if not flags & apsw.SQLITE_OPEN_URI:
            raise apsw.CantOpenError("unable to open database file")
        return connect(name, flags=flags)

    folder_is_open(False)
    monkeypatch.setattr(apsw, "Connection", connect_as_in_a_closed_folder)
    store = open_store()
    assert store.load_messages("c") == [a_message()]
    assert not list(database.parent.glob("*-wal"))
