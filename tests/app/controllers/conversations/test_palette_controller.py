from collections.abc import Iterator

import pytest

from app.controllers.conversations.jump_controller import JumpController
from app.controllers.conversations.palette_controller import PaletteController
from app.models.palette_entries import Entry, Kind
from tests.app.controllers.conftest import Desk

COMMANDS = [
    Entry(Kind.COMMAND, "new", "File: New conversation", end="Ctrl+N"),
    Entry(Kind.COMMAND, "quit", "File: Quit"),
]
MODELS = [Entry(Kind.MODEL, "starter", "Starter tides")]


class Searching:
    """The palette's controllers on a desk, and what they listed last."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        sources = ((Kind.COMMAND, lambda: COMMANDS), (Kind.MODEL, lambda: MODELS))
        self.controller = PaletteController(desk.list, desk.requests, sources)
        self.jumps = JumpController(desk.conversations)
        self.listed: list[Entry] = []
        self.told = 0
        self.controller.found.connect(self._on_found)

    def _on_found(self, entries: list[Entry]) -> None:
        self.listed = entries
        self.told += 1

    def type(self, text: str) -> None:
        self.controller.search(text)
        self.desk.settle()

    def of(self, kind: Kind) -> list[Entry]:
        return [entry for entry in self.listed if entry.kind is kind]


@pytest.fixture
def searching(desk: Desk) -> Iterator[Searching]:
    desk.open_shop()
    for question, answer in (
        ("Tides", "The moon pulls."),
        ("Bread", "Flour and tides of water."),
        ("Sky", "It is blue."),
    ):
        desk.conversations.new()
        desk.talk(question, answer)
    result = Searching(desk)
    result.controller.begin()
    yield result
    for controller in (result.controller, result.jumps):
        controller.deleteLater()


def test_without_words_the_newest_and_what_can_be_typed(searching: Searching) -> None:
    assert [each.title for each in searching.of(Kind.CONVERSATION)] == ["Sky", "Bread", "Tides"]
    assert [each.key for each in searching.of(Kind.HINT)] == [">", "@", "#", "/"]


def test_all_kinds_at_once(searching: Searching) -> None:
    searching.type("tides")
    assert [each.title for each in searching.of(Kind.CONVERSATION)] == ["Tides"]
    assert {each.title for each in searching.of(Kind.MESSAGE)} == {"Tides", "Bread"}
    assert [each.key for each in searching.of(Kind.MODEL)] == ["starter"]
    assert searching.of(Kind.COMMAND) == []
    searching.type("conv new")
    assert [each.key for each in searching.of(Kind.COMMAND)] == ["new"]


def test_a_prefix_leaves_one_kind(searching: Searching) -> None:
    searching.type("@ tides")
    assert {each.kind for each in searching.listed} == {Kind.MODEL}
    searching.type(">")
    assert [each.key for each in searching.listed] == ["new", "quit"]
    searching.type("/ tides")
    assert {each.kind for each in searching.listed} == {Kind.MESSAGE}


def test_only_the_newest_question_is_answered(searching: Searching) -> None:
    before = searching.told
    for text in ("t", "ti", "tid", "tide", "blue"):
        searching.controller.search(text)
    searching.desk.settle()
    assert [each.title for each in searching.of(Kind.MESSAGE)] == ["Sky"]
    assert searching.told - before == 6, "each key is answered at once, and the store's answer once"


def test_deleted_ones_are_not_found_and_private_ones_by_title_only(searching: Searching) -> None:
    desk = searching.desk
    desk.deletions.delete(str(desk.conversations.current_id))
    desk.conversations.new_private()
    desk.talk("Secret", "It is blue too.")
    searching.controller.begin()
    searching.type("blue")
    assert searching.of(Kind.MESSAGE) == []
    searching.type("secret")
    assert [each.title for each in searching.listed] == ["Secret"]


def test_more_messages_than_a_few_are_one_key_away(searching: Searching) -> None:
    for number in range(6):
        searching.desk.conversations.new()
        searching.desk.talk(f"Question {number}", "Herring")
    searching.type("herring")
    (more,) = searching.of(Kind.MORE)
    few = len(searching.of(Kind.MESSAGE))
    searching.type(more.key)
    assert len(searching.of(Kind.MESSAGE)) == 6 > few


def test_a_message_on_another_branch_is_shown(searching: Searching) -> None:
    desk = searching.desk
    conversation_id, answer_id = str(desk.conversations.current_id), desk.shown()[-1].id
    desk.chat.regenerate(answer_id)
    desk.finish(desk.next_generate(3), "Another", 3)
    desk.settle()
    assert answer_id not in {each.id for each in desk.shown()}
    desk.conversations.new()
    arrived: list[str] = []
    searching.jumps.arrived.connect(arrived.append)
    searching.jumps.expect((conversation_id, answer_id))
    desk.conversations.open(conversation_id)
    desk.settle()
    assert arrived == [answer_id]
    assert desk.shown()[-1].id == answer_id
    assert desk.record(conversation_id).active_leaf_id == answer_id
    desk.conversations.open(conversation_id)
    assert arrived == [answer_id], "once"


def test_a_jump_that_was_overtaken_changes_nothing(searching: Searching) -> None:
    desk = searching.desk
    ids = [each.id for each in desk.list.all]
    arrived: list[str] = []
    searching.jumps.arrived.connect(arrived.append)
    searching.jumps.expect((ids[2], "whatever"))
    desk.conversations.open(ids[2])
    desk.conversations.open(ids[1])
    desk.settle()
    assert desk.conversations.current_id == ids[1]
    assert arrived == []
