"""What another program writes while the window is open is listed when the window is looked at again."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest

from app.controllers.conversations.elsewhere_controller import ElsewhereController
from app.conversations.store import ConversationStore
from tests.app.controllers.conftest import Desk
from tests.app.conversations.samples import a_conversation


@pytest.fixture
def elsewhere(desk: Desk) -> ElsewhereController:
    desk.open_shop()
    looking = ElsewhereController(desk.conversations, desk.requests, desk.list)
    looking.setParent(desk.conversations)
    looking.look()
    desk.settle()
    return looking


@contextmanager
def another_program(desk: Desk) -> Iterator[ConversationStore]:
    store = ConversationStore(desk.thread.submit(lambda own: own.database.path).result(10))
    try:
        yield store
    finally:
        store.close()


def titles(desk: Desk) -> list[str]:
    return [each.title for each in desk.list.all]


def test_a_conversation_of_another_program_is_listed(desk: Desk, elsewhere: ElsewhereController) -> None:
    desk.talk("Mine", "Yes")
    with another_program(desk) as store:
        store.find_or_create("travel")
    assert "travel" not in titles(desk)
    elsewhere.look()
    desk.settle()
    assert sorted(titles(desk)) == ["Mine", "travel"]


def test_nothing_is_listed_for_what_was_written_here(desk: Desk, elsewhere: ElsewhereController) -> None:
    desk.talk("Mine", "Yes")
    before = list(desk.list.all)
    desk.list.remove(before[0].id)
    elsewhere.look()
    desk.settle()
    assert desk.list.all == [], "the store wasn't even read"


def test_a_newer_state_is_shown_but_not_of_the_shown_conversation(desk: Desk, elsewhere: ElsewhereController) -> None:
    desk.talk("One", "Yes")
    first = desk.conversations.current_id
    desk.conversations.new()
    desk.talk("Two", "Yes")
    second = desk.conversations.current_id
    assert first is not None
    assert second is not None
    with another_program(desk) as store:
        for each in (first, second):
            stored = store.load_conversation(each)
            assert stored is not None
            store.save_conversation(msgspec.structs.replace(stored, updated_at=stored.updated_at + 60))
            store.rename(each, f"{stored.title} elsewhere")
    elsewhere.look()
    desk.settle()
    assert sorted(titles(desk)) == ["One elsewhere", "Two"]


def test_what_is_deleted_here_meanwhile_stays_away(desk: Desk, elsewhere: ElsewhereController) -> None:
    desk.talk("Mine", "Yes")
    mine = desk.conversations.current_id
    assert mine is not None
    with another_program(desk) as store:
        store.find_or_create("travel")
    elsewhere.look()
    desk.deletions.delete((mine,))
    desk.settle()
    assert titles(desk) == ["travel"]


def test_a_page_that_was_begun_elsewhere_is_no_conversation_yet(desk: Desk, elsewhere: ElsewhereController) -> None:
    with another_program(desk) as store:
        store.save_conversation(a_conversation(title=""))
    elsewhere.look()
    desk.settle()
    assert titles(desk) == []
