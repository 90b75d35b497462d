"""What is typed, attached and waiting in a conversation comes to the store as one draft, in the order it was meant."""

from collections.abc import Callable, Hashable

import pytest
from pytestqt.qtbot import QtBot

from app.controllers.conversations.drafts import DraftKeeper
from app.conversations.attachment import Attachment


class Kept:
    """A store that remembers what it was given last."""

    def __init__(self) -> None:
        self.drafts: dict[str, str] = {}
        self.attached: dict[str, list[str]] = {}

    def keep(self, work: Callable[["Kept"], None], key: Hashable) -> None:
        work(self)

    def save_draft(self, conversation_id: str, text: str) -> None:
        self.drafts[conversation_id] = text

    def save_draft_attachments(self, conversation_id: str, attachments: tuple[Attachment, ...]) -> None:
        self.attached[conversation_id] = [each.name for each in attachments]


def file(name: str) -> Attachment:
    return Attachment(name=name, text="", size_bytes=0)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def keeper(kept: Kept, qtbot: QtBot) -> DraftKeeper:
    return DraftKeeper(kept)  # type: ignore[arg-type]


def test_what_waits_stands_before_what_is_typed(keeper: DraftKeeper, kept: Kept) -> None:
    keeper.set_draft("c", "third")
    keeper.set_attachments("c", (file("third"),))
    keeper.set_waiting("c", ("first", "second"), (file("first"),))
    keeper.flush()
    assert kept.drafts == {"c": "first\n\nsecond\n\nthird"}
    assert kept.attached == {"c": ["first", "third"]}


def test_what_was_typed_here_is_newer_than_what_is_read(keeper: DraftKeeper) -> None:
    keeper.set_draft("c", "typed")
    keeper.know_draft("c", "stored")
    assert keeper.draft("c", "stored") == "typed"
    keeper.set_attachments("c", ())
    keeper.set_attachments("c", (file("typed"),))
    keeper.know_attachments("c", ())
    assert [each.name for each in keeper.attachments("c")] == ["typed"]
    keeper.flush()


def test_a_draft_that_moves_is_in_one_place(keeper: DraftKeeper, kept: Kept) -> None:
    keeper.set_draft("a", "from here")
    keeper.set_attachments("a", (file("here"),))
    keeper.set_draft("b", "there")
    keeper.move("a", "b")
    keeper.flush()
    assert kept.drafts == {"a": "", "b": "from here\n\nthere"}
    assert kept.attached == {"a": [], "b": ["here"]}


def test_nothing_is_saved_for_what_was_deleted(keeper: DraftKeeper, kept: Kept) -> None:
    keeper.set_draft("c", "gone")
    keeper.set_attachments("c", (file("gone"),))
    keeper.forget("c")
    keeper.flush()
    assert (kept.drafts, kept.attached) == ({}, {})
