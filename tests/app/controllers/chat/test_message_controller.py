import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from app.controllers import notices
from app.controllers.chat import message_controller
from app.controllers.chat.jobs import Edit
from app.controllers.chat.message_controller import MessageController
from app.conversations.records import MessageState
from app.worker.engine_state import EngineState, EngineStateChanged
from engine.api.commands import ForgetConversation, PrepareConversation
from engine.api.errors import ErrorKind, ErrorReport
from engine.api.events import CommandFailed, ConversationForgotten
from tests.app.controllers.conftest import Desk, FailingStore
from tests.app.whole import UNDO_MS


@pytest.fixture
def messages(desk: Desk) -> Iterator[MessageController]:
    desk.open_shop()
    result = MessageController(
        desk.conversations,
        desk.requests,
        desk.engine.commands.append,
        lambda conversation_id: desk.chat.is_waiting_in(conversation_id),
        lambda: True,
    )
    result._purge_timer.setInterval(UNDO_MS)
    result.notice_raised.connect(lambda notice: desk.notices.__setitem__(notice.key, notice))
    result.notice_cleared.connect(lambda key: desk.notices.pop(key, None))
    yield result
    result.deleteLater()


def undo_keys(desk: Desk) -> list[str]:
    return [each.action_key for each in desk.notices.values() if each.action_key.startswith(notices.UNDO_MESSAGES)]


def undo_newest(desk: Desk, messages: MessageController) -> None:
    messages.on_notice_action(undo_keys(desk)[-1])


def test_a_deleted_answer_goes_with_what_follows_and_comes_back_with_undo(
    desk: Desk, messages: MessageController
) -> None:
    _, first_id = desk.talk("One", "First")
    desk.talk("Two", "Second")
    before = desk.stored()
    back: list[object] = []
    messages.restored.connect(back.append)
    messages.delete(first_id)
    desk.settle()
    assert desk.texts() == ["One"]
    assert [message.content for message in desk.stored()] == ["One"]
    (key,) = undo_keys(desk)
    messages.on_notice_action(key)
    desk.settle()
    assert desk.texts() == ["One", "First", "Two", "Second"]
    assert desk.stored() == before
    assert back == [{message.id for message in before[1:]}]
    assert undo_keys(desk) == []
    assert desk.engine.of(ForgetConversation) == []


def test_deleting_one_of_several_versions_shows_the_one_beside_it(desk: Desk, messages: MessageController) -> None:
    _, first_id = desk.talk("One", "First")
    desk.chat.regenerate(first_id)
    desk.finish(desk.next_generate(1), "Better", 3)
    desk.settle()
    messages.delete(desk.shown()[-1].id)
    desk.settle()
    assert desk.texts() == ["One", "First"]
    assert desk.record(str(desk.conversations.current_id)).active_leaf_id == first_id


def test_the_next_message_follows_what_is_left(desk: Desk, messages: MessageController) -> None:
    question_id, _ = desk.talk("One", "First")
    messages.delete(question_id)
    desk.settle()
    assert desk.texts() == []
    command = desk.send("New")
    assert [turn.content for turn in command.messages] == ["New"]


def test_undo_from_another_conversation_shows_where_it_was(desk: Desk, messages: MessageController) -> None:
    _, answer_id = desk.talk("One", "First")
    first = desk.conversations.current_id
    messages.delete(answer_id)
    desk.settle()
    desk.conversations.new()
    desk.talk("Other", "Thing")
    undo_newest(desk, messages)
    desk.settle()
    assert desk.conversations.current_id == first
    assert desk.texts() == ["One", "First"]


def test_the_newest_undo_goes_back_one_deletion_at_a_time(desk: Desk, messages: MessageController) -> None:
    _, first_id = desk.talk("One", "First")
    question_id, second_id = desk.talk("Two", "Second")
    for message_id in (second_id, question_id, first_id):
        messages.delete(message_id)
        desk.settle()
    assert desk.texts() == ["One"]
    for texts in (["One", "First"], ["One", "First", "Two"], ["One", "First", "Two", "Second"]):
        undo_newest(desk, messages)
        desk.settle()
        assert desk.texts() == texts
    assert not undo_keys(desk)


def test_undo_in_the_wrong_order_says_what_is_missing(desk: Desk, messages: MessageController) -> None:
    _, first_id = desk.talk("One", "First")
    _, second_id = desk.talk("Two", "Second")
    messages.delete(second_id)
    desk.settle()
    (inner,) = undo_keys(desk)
    messages.delete(first_id)
    desk.settle()
    messages.on_notice_action(inner)
    desk.settle()
    assert "restored_later" in desk.notices
    undo_newest(desk, messages)
    desk.settle()
    assert desk.texts() == ["One", "First", "Two", "Second"]


def test_nothing_is_deleted_where_an_answer_is_written_or_waits(desk: Desk, messages: MessageController) -> None:
    question_id, _ = desk.talk("One", "First")
    desk.send("Two")
    messages.delete(question_id)
    desk.settle()
    assert len(desk.stored()) == 4
    assert "busy_deletion" in desk.notices


def test_undo_while_an_answer_is_written_leaves_that_on_screen(desk: Desk, messages: MessageController) -> None:
    question_id, first_id = desk.talk("One", "First")
    messages.delete(first_id)
    desk.settle()
    desk.chat.regenerate(question_id)
    command = desk.next_generate(1)
    desk.say(command, "Second", 1)
    undo_newest(desk, messages)
    desk.settle()
    assert desk.texts() == ["One", "Second"]
    desk.finish(command, "Second", 1)
    assert desk.transcript.entry(1).versions == 2


def test_what_can_no_longer_be_undone_is_forgotten_by_the_engine_and_then_gone_for_good(
    desk: Desk, messages: MessageController
) -> None:
    desk.talk("One", "First")
    _, second_id = desk.talk("Two", "Second")
    messages.delete(second_id)
    desk.settle()
    messages._on_purge_due()
    messages._forget_due(9e12)
    desk.settle()
    forgotten = desk.engine.of(ForgetConversation)
    assert [command.conversation_id for command in forgotten] == [desk.conversations.current_id]
    assert undo_keys(desk) == []
    due = desk.thread.submit(lambda store: store.list_deletions(9e12))
    assert due.result(30) == [desk.conversations.current_id]  # the text goes last
    messages.on_event(ConversationForgotten(command_id=forgotten[0].command_id, freed_bytes=1))
    desk.settle()
    assert desk.thread.submit(lambda store: store.list_deletions(9e12)).result(30) == []


def test_text_that_the_engine_could_not_forget_stays_until_it_has(desk: Desk, messages: MessageController) -> None:
    _, answer_id = desk.talk("One", "First")
    messages.delete(answer_id)
    desk.settle()
    messages._forget_due(9e12)
    desk.settle()
    (forgotten,) = desk.engine.of(ForgetConversation)
    report = ErrorReport(kind=ErrorKind.ENGINE_DIED, message="It ended.", hint="")
    messages.on_event(CommandFailed(command_id=forgotten.command_id, error=report))
    desk.settle()
    due = desk.thread.submit(lambda store: store.list_deletions(9e12))
    assert due.result(30) == [desk.conversations.current_id]
    messages._forget_due(9e12)
    desk.settle()
    assert len(desk.engine.of(ForgetConversation)) == 2


def test_a_new_engine_forgets_what_could_be_brought_back_no_more(
    desk: Desk, messages: MessageController, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, answer_id = desk.talk("One", "First")
    messages.delete(answer_id)
    desk.settle()
    monkeypatch.setattr(message_controller, "time", SimpleNamespace(time=lambda: time.time() + 3600))
    messages.on_event(EngineStateChanged(EngineState.STARTING, ""))
    desk.settle()
    assert desk.engine.of(ForgetConversation) == []
    messages.on_event(EngineStateChanged(EngineState.READY, ""))
    desk.settle()
    assert len(desk.engine.of(ForgetConversation)) == 1


def forgetting_the_second_of_two(desk: Desk, messages: MessageController) -> str:
    """Delete a question and its answer below another; return the command by which the engine forgets them."""
    desk.talk("One", "First")
    question_id, _ = desk.talk("Two", "Second")
    messages.delete(question_id)
    desk.settle()
    messages._forget_due(9e12)
    desk.settle()
    (forgotten,) = desk.engine.of(ForgetConversation)
    return forgotten.command_id


def test_nothing_is_read_again_while_an_answer_is_asked_for(desk: Desk, messages: MessageController) -> None:
    command_id = forgetting_the_second_of_two(desk, messages)
    desk.send("Three")
    prepared = len(desk.engine.of(PrepareConversation))
    messages.on_event(ConversationForgotten(command_id=command_id, freed_bytes=1))
    assert len(desk.engine.of(PrepareConversation)) == prepared


def test_what_is_left_is_read_again_in_quiet_time(desk: Desk, messages: MessageController) -> None:
    command_id = forgetting_the_second_of_two(desk, messages)
    messages.on_event(ConversationForgotten(command_id=command_id, freed_bytes=1))
    (read,) = desk.engine.of(PrepareConversation)
    assert isinstance(read, PrepareConversation)
    assert [turn.content for turn in read.messages] == ["One", "First"]


def test_what_was_deleted_before_a_crash_is_forgotten_later(desk: Desk, messages: MessageController) -> None:
    _, answer_id = desk.talk("One", "First")
    messages.delete(answer_id)
    desk.settle()
    messages._undoable.clear()
    messages.on_event(EngineStateChanged(EngineState.READY, ""))
    desk.settle()
    assert desk.engine.of(ForgetConversation) == []  # not before Undo has passed
    messages._forget_due(9e12)
    desk.settle()
    assert len(desk.engine.of(ForgetConversation)) == 1


def test_an_edited_answer_is_another_version_without_generated_ids(desk: Desk, messages: MessageController) -> None:
    _, answer_id = desk.talk("One", "First")
    messages.edit_answer((answer_id, "Mine"))
    desk.settle()
    assert desk.texts() == ["One", "Mine"]
    edited = desk.shown()[-1]
    assert (edited.is_edited, edited.token_ids, edited.statistics) == (True, (), None)
    assert edited.state is MessageState.COMPLETE
    assert desk.transcript.entry(1).versions == 2
    assert desk.stored()[-1] == edited
    assert [turn.content for turn in desk.send("Go on").messages] == ["One", "Mine", "Go on"]


def test_an_edit_without_text_or_of_a_question_changes_nothing(desk: Desk, messages: MessageController) -> None:
    question_id, answer_id = desk.talk("One", "First")
    messages.edit_answer((answer_id, "  \n"))
    messages.edit_answer((question_id, "Other"))
    messages.edit_answer(("unknown", "Other"))
    desk.settle()
    assert len(desk.stored()) == 2


def test_an_edit_that_can_not_be_saved_is_given_back(
    desk: Desk, messages: MessageController, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, answer_id = desk.talk("One", "First")
    back: list[object] = []
    messages.edit_restored.connect(back.append)
    monkeypatch.setattr(FailingStore, "full", True)
    messages.edit_answer((answer_id, "Mine"))
    desk.settle()
    assert back == [Edit(str(desk.conversations.current_id), answer_id, "Mine")]
    assert desk.texts() == ["One", "First"]
