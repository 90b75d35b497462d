import pytest

from app.controllers import notices
from app.conversations.errors import DiskFull
from app.conversations.records import MessageState
from engine.api.errors import ErrorKind, ErrorReport, Remedy
from engine.api.events import CommandCancelled, CommandFailed
from engine.api.message import Role
from engine.api.plan import PrecisionChoice
from tests.app.controllers.conftest import Desk, FailingStore
from tests.engine_scripts import PLAN

# Failures


def test_the_engines_death_keeps_the_text_and_offers_to_continue(desk: Desk) -> None:
    desk.open_shop()
    command = desk.send("Hello")
    desk.say(command, "Half an", 1, 2)
    desk.chat.send("Next")
    desk.fail(command, ErrorKind.ENGINE_DIED, "The engine stopped.")
    desk.settle()
    stored = desk.stored()[1]
    assert (stored.content, stored.state) == ("Half an", MessageState.INTERRUPTED)
    assert len(desk.engine.generates) == 1, "nothing is thrown at an engine that is just starting again"
    assert desk.notices[notices.ANSWER_KEY].action == "Continue"
    desk.chat.set_plan(None)
    desk.chat.set_plan(PLAN)
    desk.next_generate(1)


def test_continue_writes_the_same_message_on(desk: Desk) -> None:
    desk.open_shop()
    command = desk.send("Hello")
    desk.say(command, "Half an", 1, 2)
    desk.fail(command, ErrorKind.ENGINE_DIED)
    desk.chat.set_plan(PLAN)
    desk.chat.on_notice_action(desk.notices[notices.ANSWER_KEY].action_key)
    again = desk.next_generate(1)
    assert again.continue_last
    assert again.message_id == command.message_id
    assert [turn.content for turn in again.messages] == ["Hello", "Half an"]
    assert notices.ANSWER_KEY not in desk.notices
    desk.say(again, " answer", 3)
    assert desk.texts() == ["Hello", "Half an answer"]
    desk.finish(again, " answer.", 3, 4)
    desk.settle()
    stored = desk.stored()
    assert [message.content for message in stored] == ["Hello", "Half an answer."]
    assert stored[1].token_ids == (1, 2, 3, 4)
    assert stored[1].state is MessageState.COMPLETE


def test_what_is_offered_for_an_answer_goes_with_its_conversation(desk: Desk) -> None:
    desk.open_shop()
    desk.fail(desk.send("Hello"), ErrorKind.ENGINE_DIED)
    desk.conversations.show_branch()
    assert desk.notices[notices.ANSWER_KEY].action == "Try again"
    desk.conversations.new()
    assert notices.ANSWER_KEY not in desk.notices


def test_what_died_before_its_first_word_is_tried_again(desk: Desk) -> None:
    desk.open_shop()
    command = desk.send("Hello")
    desk.fail(command, ErrorKind.ENGINE_DIED)
    desk.chat.set_plan(PLAN)
    assert desk.notices[notices.ANSWER_KEY].action == "Try again"
    desk.chat.on_notice_action(desk.notices[notices.ANSWER_KEY].action_key)
    again = desk.next_generate(1)
    assert not again.continue_last
    assert [turn.content for turn in again.messages] == ["Hello"]


def test_what_waited_goes_on_behind_an_interrupted_answer_and_takes_its_offer_away(desk: Desk) -> None:
    desk.open_shop()
    command = desk.send("Hello")
    desk.chat.send("More")
    desk.say(command, "Half an", 1, 2)
    desk.fail(command, ErrorKind.ENGINE_DIED)
    assert desk.notices[notices.ANSWER_KEY].action == "Continue"
    desk.chat.set_plan(PLAN)
    desk.next_generate(1)
    assert desk.texts() == ["Hello", "Half an", "More", ""]
    assert notices.ANSWER_KEY not in desk.notices


def test_a_failure_is_kept_with_the_answer(desk: Desk) -> None:
    desk.open_shop()
    command = desk.send("Hello")
    desk.fail(command, ErrorKind.TEMPLATE_FAILED)
    desk.settle()
    assert desk.stored()[1].state is MessageState.FAILED
    assert desk.stored()[1].error is not None
    assert not desk.busy


def test_ways_out_of_a_full_memory_are_offered_with_the_answer_that_may_go_on(desk: Desk) -> None:
    desk.open_shop()
    command = desk.send("Hello")
    desk.say(command, "Half an", 1, 2)
    remedy = Remedy(label="Load in INT8", precision=PrecisionChoice.INT8)
    error = ErrorReport(kind=ErrorKind.OUT_OF_MEMORY, message="2 GiB needed, 1 GiB free.", remedies=(remedy,))
    desk.chat.on_event(CommandFailed(command_id=command.command_id, error=error))
    desk.settle()
    stored = desk.stored()[1]
    assert (stored.content, stored.token_ids, stored.error) == ("Half an", (1, 2), error)
    (choice,) = desk.notices[notices.ANSWER_KEY].choices
    assert choice.label == "Load in INT8"
    assert notices.remedy_choice(choice.key) == notices.RemedyChoice(remedy, "", command.message_id, True)
    desk.chat.continue_message(command.message_id)
    assert desk.next_generate(1).continue_last


def test_a_lost_card_keeps_the_text_and_offers_to_continue(desk: Desk) -> None:
    desk.open_shop()
    command = desk.send("Hello")
    desk.say(command, "Half an", 1, 2)
    desk.fail(command, ErrorKind.DEVICE_LOST)
    desk.settle()
    assert desk.stored()[1].content == "Half an"
    assert desk.notices[notices.ANSWER_KEY].action == "Continue"


def test_a_missing_model_can_be_loaded_from_the_notice(desk: Desk) -> None:
    desk.open_shop()
    desk.fail(desk.send("Hello"), ErrorKind.NO_MODEL_LOADED)
    assert desk.notices[notices.ANSWER_KEY].action_key == notices.LOAD_MODEL


def test_a_message_that_was_too_long_does_not_spoil_the_next(desk: Desk) -> None:
    desk.open_shop()
    desk.talk("One", "Two")
    desk.fail(desk.send("long " * 100), ErrorKind.PROMPT_TOO_LONG)
    command = desk.send("Short")
    assert [turn.content for turn in command.messages] == ["One", "Two", "Short"]
    assert desk.transcript.entry(2).versions == 2, "the long one is still there, as another version"


# A store that can't save


def test_a_message_that_can_not_be_saved_stays_and_is_sent_by_retry(desk: Desk) -> None:
    desk.open_shop()
    desk.talk("One", "Two")
    FailingStore.full = True
    desk.chat.send("Three")
    desk.wait_until(lambda: notices.NOT_SAVED_KEY in desk.notices)
    assert desk.notices[notices.NOT_SAVED_KEY].text == "Not saved. The disk is full. Free some space."
    assert desk.queue == ("Three",)
    assert len(desk.engine.generates) == 1
    assert not desk.busy
    FailingStore.full = False
    desk.chat.on_notice_action(notices.RETRY_SAVING)
    command = desk.next_generate(1)
    assert command.messages[-1].content == "Three"
    assert desk.queue == ()
    assert notices.NOT_SAVED_KEY not in desk.notices


def test_retry_saves_what_else_waits_for_the_disk(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.open_shop()
    desk.talk("One", "Two")
    conversation_id = desk.conversations.current_id
    assert conversation_id is not None

    def refuse(*_: object) -> None:
        raise DiskFull("The disk is full.", "Free some space.")

    with monkeypatch.context() as full:
        full.setattr(FailingStore, "rename", refuse)
        desk.conversations.rename((conversation_id, "Another"))
        desk.wait_until(lambda: notices.NOT_SAVED_KEY in desk.notices)
    desk.chat.on_notice_action(notices.RETRY_SAVING)
    desk.settle()
    assert desk.record(conversation_id).title == "Another"
    assert notices.NOT_SAVED_KEY not in desk.notices


def test_an_answer_that_can_not_be_saved_is_told_and_saved_later(desk: Desk) -> None:
    desk.open_shop()
    command = desk.send("One")
    FailingStore.full = True
    desk.say(command, "Two", 1)
    desk.wait_until(lambda: notices.NOT_SAVED_KEY in desk.notices)
    desk.finish(command, "Two.", 1)
    assert desk.texts() == ["One", "Two."]
    FailingStore.full = False
    desk.wait_until(lambda: notices.NOT_SAVED_KEY not in desk.notices)
    assert desk.stored()[1].content == "Two."


# Versions


def test_regenerate_writes_another_version(desk: Desk) -> None:
    desk.open_shop()
    _, answer_id = desk.talk("One", "Two")
    desk.chat.regenerate(answer_id)
    command = desk.next_generate(1)
    assert [turn.content for turn in command.messages] == ["One"]
    desk.finish(command, "Zwei", 3)
    assert desk.texts() == ["One", "Zwei"]
    assert (desk.transcript.entry(1).version, desk.transcript.entry(1).versions) == (2, 2)
    desk.conversations.show_version((desk.shown()[1].id, -1))
    assert desk.texts() == ["One", "Two"]
    desk.conversations.show_version((desk.shown()[1].id, -1))
    assert desk.texts() == ["One", "Two"]
    desk.settle()
    assert desk.record(desk.list.conversation(0).id).active_leaf_id == answer_id


def test_edit_writes_another_question_and_keeps_what_followed_the_first(desk: Desk) -> None:
    desk.open_shop()
    question_id, _ = desk.talk("One", "Two")
    desk.talk("Three", "Four")
    desk.chat.edit((question_id, "Eins"))
    command = desk.next_generate(2)
    assert [turn.content for turn in command.messages] == ["Eins"]
    desk.finish(command, "Zwei", 3)
    assert desk.texts() == ["Eins", "Zwei"]
    desk.conversations.show_version((desk.shown()[0].id, -1))
    assert desk.texts() == ["One", "Two", "Three", "Four"]


def test_continuing_an_answer_that_was_followed_writes_a_version_beside_it(desk: Desk) -> None:
    desk.open_shop()
    _, answer_id = desk.talk("One", "Two")
    desk.talk("Three", "Four")
    desk.chat.continue_message(answer_id)
    command = desk.next_generate(2)
    assert command.message_id != answer_id
    desk.finish(command, " more", 3)
    assert desk.texts() == ["One", "Two more"]
    desk.conversations.show_version((desk.shown()[1].id, -1))
    assert desk.texts() == ["One", "Two", "Three", "Four"]


def test_continue_of_an_empty_answer_writes_it_from_the_start(desk: Desk) -> None:
    desk.open_shop()
    command = desk.send("Hello")
    desk.chat.stop()
    desk.chat.on_event(CommandCancelled(command_id=command.command_id))
    desk.chat.continue_message(command.message_id)
    again = desk.next_generate(1)
    assert not again.continue_last
    assert [turn.role for turn in again.messages] == [Role.USER]


def test_what_was_asked_of_a_message_that_is_gone_is_dropped(desk: Desk) -> None:
    desk.open_shop()
    desk.talk("One", "Two")
    desk.chat.regenerate("unknown")
    desk.chat.continue_message("unknown")
    assert desk.send("Three").messages[-1].content == "Three"
