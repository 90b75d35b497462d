"""What another program writes while the window is open is listed when the window is looked at again."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest

from app.controllers.conversations.elsewhere_controller import ElsewhereController
from app.conversations import organizing
from app.conversations.records import Folder, MessageState
from app.conversations.store import ConversationStore
from engine.api.message import Role
from tests.app.controllers.conftest import Desk
from tests.app.conversations.samples import a_conversation, a_message


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
    store = ConversationStore(desk.thread.submit(lambda own: own.database.path).result(30))
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


def test_folders_of_another_program_are_listed_with_what_is_in_them(desk: Desk, elsewhere: ElsewhereController) -> None:
    home, gone, theirs = (Folder(id=each, name=each, created_at=0) for each in ("home", "gone", "theirs"))
    desk.thread.submit(lambda own: [organizing.save_folder(own.database, each) for each in (home, gone)]).result(30)
    desk.list.set_folders([home, gone])
    with another_program(desk) as store:
        organizing.save_folder(store.database, theirs)
        found = store.find_or_create("travel")
        organizing.move(store.databases_of([found.id]), theirs.id)
    elsewhere.look()
    renamed = msgspec.structs.replace(home, name="house")
    desk.list.set_folders([renamed])  # meanwhile the other one was deleted here
    desk.settle()
    assert desk.list.folders == (renamed, theirs)
    assert [each.folder_id for each in desk.list.all if each.title == "travel"] == [theirs.id]


def test_nothing_is_listed_for_what_was_written_here(desk: Desk, elsewhere: ElsewhereController) -> None:
    desk.talk("Mine", "Yes")
    before = list(desk.list.all)
    desk.list.remove(before[0].id)
    elsewhere.look()
    desk.settle()
    assert desk.list.all == [], "the store wasn't even read"


def test_a_newer_state_is_listed_and_shown(desk: Desk, elsewhere: ElsewhereController) -> None:
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
    assert sorted(titles(desk)) == ["One elsewhere", "Two elsewhere"]


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


def go_on(desk: Desk, state: MessageState = MessageState.COMPLETE) -> str:
    """Let another program ask in the shown conversation; return the id of the answer."""
    current = desk.conversations.current
    assert current is not None
    with another_program(desk) as store:
        stored = store.load_conversation(current.conversation.id)
        assert stored is not None
        number, chat = store.next_sequence(stored.id), {"conversation_id": stored.id}
        asked = a_message("asked", stored.active_leaf_id, number, content="And then?", **chat)
        answer = a_message("answer", asked.id, number + 1, content="Home", role=Role.ASSISTANT, state=state, **chat)
        later = stored.updated_at + 60
        turned = msgspec.structs.replace(stored, active_leaf_id=answer.id, updated_at=later)
        store.save_turn(turned, [asked, answer])
    return answer.id


def test_what_another_program_said_in_the_shown_conversation_is_shown_and_gone_on_from(
    desk: Desk, elsewhere: ElsewhereController
) -> None:
    desk.talk("Mine", "Yes")
    desk.conversations.save_draft("half a thou")
    resets: list[object] = []
    desk.transcript.modelReset.connect(lambda: resets.append(None))
    go_on(desk)
    elsewhere.look()
    desk.settle()
    assert desk.texts() == ["Mine", "Yes", "And then?", "Home"]
    assert resets == [], "the messages that were there stay, with place and selection"
    page = desk.conversations.page
    assert page is not None
    assert desk.conversations.drafts.draft(page.id, "") == "half a thou"
    desk.talk("Good", "Indeed")
    assert desk.texts() == ["Mine", "Yes", "And then?", "Home", "Good", "Indeed"]
    assert all(desk.transcript.entry(row).versions == 1 for row in range(6))


def test_a_conversation_in_which_something_is_edited_is_read_again_afterwards(
    desk: Desk, elsewhere: ElsewhereController
) -> None:
    desk.talk("Mine", "Yes")
    mine = desk.transcript.entry(0).message
    desk.transcript.edits.begin(mine)
    go_on(desk)
    elsewhere.look()
    desk.settle()
    assert desk.texts() == ["Mine", "Yes"]
    desk.transcript.edits.end(mine.id)
    elsewhere.look()
    desk.settle()
    assert desk.texts() == ["Mine", "Yes", "And then?", "Home"]


def test_what_is_asked_here_while_the_store_is_read_is_not_lost(desk: Desk, elsewhere: ElsewhereController) -> None:
    desk.talk("Mine", "Yes")
    go_on(desk)
    elsewhere.look()
    desk.talk("Quick", "Really")
    assert desk.texts()[-2:] == ["Quick", "Really"]
    elsewhere.look()
    desk.settle()
    assert desk.texts()[-2:] == ["Quick", "Really"]


def test_an_answer_that_grew_elsewhere_is_shown_to_its_end(desk: Desk, elsewhere: ElsewhereController) -> None:
    desk.talk("Mine", "Yes")
    answer_id = go_on(desk, state=MessageState.STREAMING)
    elsewhere.look()
    desk.settle()
    with another_program(desk) as store:
        grown = next(each for each in store.load_messages(desk.conversations.current_id or "") if each.id == answer_id)
        ended = msgspec.structs.replace(grown, content="Home again", state=MessageState.COMPLETE)
        store.save_message(ended)
    elsewhere.look()
    desk.settle()
    assert desk.texts()[-1] == "Home again"
