import msgspec
import pytest

from app.controllers import notices
from app.conversations.records import MessageState
from app.settings.schema import Settings
from engine.api.commands import ForgetConversation
from engine.api.errors import ErrorKind
from engine.api.events import CommandCancelled, FinishReason, PrefillProgress
from engine.api.message import Role
from tests.app.controllers.conftest import Desk, ids_of
from tests.engine_scripts import PLAN


def test_a_message_is_in_the_store_before_the_engine_hears_of_it(desk: Desk) -> None:
    desk.open_shop()
    seen: list[list[str]] = []

    def on_command(command: object) -> None:
        seen.append([message.content for message in desk.stored()])

    desk.chat.runner._submit = on_command  # type: ignore[method-assign]
    desk.chat.send("Hello")
    desk.wait_until(lambda: bool(seen))
    assert seen == [["Hello", ""]]


def test_an_answer_grows_on_screen_and_ends_in_the_store(desk: Desk) -> None:
    desk.open_shop()
    command = desk.send("What is the capital of France?")
    assert [(turn.role, turn.content) for turn in command.messages] == [(Role.USER, "What is the capital of France?")]
    assert desk.busy
    desk.say(command, "The capital", 1, 2)
    assert desk.texts() == ["What is the capital of France?", "The capital"]
    assert desk.shown()[1].state is MessageState.STREAMING
    desk.finish(command, "The capital is Paris.", 1, 2, 3)
    desk.settle()
    stored = desk.stored()[1]
    assert desk.shown()[1] == stored
    assert (stored.content, stored.token_ids, stored.state) == (
        "The capital is Paris.",
        (1, 2, 3),
        MessageState.COMPLETE,
    )
    assert (stored.model, stored.precision, stored.tokenizer_id) == (PLAN.name, "bf16", PLAN.tokenizer_id)
    assert stored.statistics is not None
    assert not desk.busy


def test_a_growing_answer_is_on_disk_within_half_a_second(desk: Desk) -> None:
    desk.open_shop()
    command = desk.send("Hello")
    desk.say(command, "Hi", 1)
    desk.say(command, " there", 2)
    desk.qtbot.waitUntil(lambda: desk.stored()[1].content == "Hi there")
    assert desk.stored()[1].state is MessageState.STREAMING
    assert desk.stored()[1].token_ids == (1, 2)


def test_the_second_turn_sends_what_was_generated_token_for_token(desk: Desk) -> None:
    desk.open_shop()
    desk.talk("One", "Two")
    command = desk.send("Three")
    assert [turn.content for turn in command.messages] == ["One", "Two", "Three"]
    assert command.messages[1].token_ids == (1, 2)
    assert command.messages[1].tokenizer_id == PLAN.tokenizer_id


def test_the_first_message_gives_the_title(desk: Desk) -> None:
    desk.open_shop()
    desk.talk("# Plan a *week* in Rome", "Yes.")
    assert desk.list.conversation(0).title == "Plan a week in Rome"
    assert desk.record(desk.list.conversation(0).id).title == "Plan a week in Rome"


def test_a_message_without_a_visible_character_is_none(desk: Desk) -> None:
    desk.open_shop()
    desk.chat.send("  \n\t ")
    desk.settle()
    assert desk.list.rowCount() == 0
    assert desk.engine.commands == []


def test_lone_surrogates_become_replacement_characters(desk: Desk) -> None:
    desk.open_shop()
    assert desk.send("a\ud800b").messages[0].content == "a�b"


def test_new_conversations_keep_the_system_prompt_they_began_with(desk: Desk) -> None:
    desk.settings = Settings(system_prompt="Be brief.")
    desk.open_shop()
    command = desk.send("Hello")
    desk.finish(command, "Hi", 1)
    desk.settings = Settings(system_prompt="Be long.")
    command = desk.send("And?")
    assert (command.messages[0].role, command.messages[0].content) == (Role.SYSTEM, "Be brief.")


# Stop


def test_stop_keeps_the_text(desk: Desk) -> None:
    desk.open_shop()
    command = desk.send("Hello")
    desk.say(command, "One", 1)
    desk.chat.stop()
    assert desk.engine.cancelled == [command.command_id]
    assert desk.phase == "Stopping"
    desk.finish(command, "One", 1, reason=FinishReason.STOPPED)
    desk.settle()
    assert (desk.stored()[1].content, desk.stored()[1].state) == ("One", MessageState.STOPPED)
    assert not desk.busy


def test_each_answer_can_be_stopped_and_says_nothing_else_until_it_has_ended(desk: Desk) -> None:
    desk.open_shop()
    for count in (1, 2):
        command = desk.send("Hello")
        desk.chat.stop()
        assert len(desk.engine.cancelled) == count
        progress = PrefillProgress(prompt_tokens=9, reused_tokens=0, done_tokens=4, **ids_of(command))
        desk.chat.on_event(progress)
        assert desk.phase == "Stopping"
        desk.finish(command, "", reason=FinishReason.STOPPED)
        desk.settle()


def test_the_end_of_another_command_ends_no_answer(desk: Desk) -> None:
    desk.open_shop()
    command = desk.send("Hello")
    desk.say(command, "One", 1)
    desk.chat.on_event(CommandCancelled(command_id="a count of tokens"))
    assert desk.shown()[1].state is MessageState.STREAMING
    desk.finish(command, "One two", 1, 2)
    assert desk.texts() == ["Hello", "One two"]


def test_stop_while_the_message_is_being_saved_counts(desk: Desk) -> None:
    desk.open_shop()
    desk.chat.send("Hello")
    desk.chat.stop()
    desk.settle()
    assert desk.engine.generates == []
    assert [message.state for message in desk.stored()] == [MessageState.COMPLETE, MessageState.STOPPED]
    assert not desk.busy
    assert desk.send("Again").messages[-1].content.endswith("Again")


def test_an_engine_that_ends_the_command_itself_after_stop_means_stopped(desk: Desk) -> None:
    desk.open_shop()
    command = desk.send("Hello")
    desk.say(command, "One", 1)
    desk.chat.stop()
    desk.chat.on_event(CommandCancelled(command_id=command.command_id))
    assert desk.shown()[1].state is MessageState.STOPPED


def test_events_after_the_end_change_nothing(desk: Desk) -> None:
    desk.open_shop()
    command = desk.send("Hello")
    desk.finish(command, "One", 1)
    desk.say(command, "late", 9)
    desk.fail(command, ErrorKind.INTERNAL)
    desk.settle()
    assert (desk.stored()[1].content, desk.stored()[1].state) == ("One", MessageState.COMPLETE)


# Phases


def test_phases_are_told_in_words(desk: Desk) -> None:
    desk.open_shop()
    command = desk.send("Hello")
    assert desk.phase == "Reading"
    progress = PrefillProgress(prompt_tokens=640, reused_tokens=0, done_tokens=320, **ids_of(command))
    desk.chat.on_event(progress)
    assert desk.phase == "Reading 320 of 640 tokens"
    assert desk.transcript.entry(1).phase == desk.phase
    desk.say(command, "<think>Hm")
    assert desk.phase == "Thinking 0 s"
    desk.say(command, "</think>Yes")
    assert desk.phase == "Answering"
    desk.finish(command, "<think>Hm</think>Yes", 1)
    assert desk.phase == ""
    assert desk.transcript.entry(1).phase == ""


# The queue


def test_what_is_sent_while_answering_waits_in_a_visible_queue(desk: Desk) -> None:
    desk.open_shop()
    first = desk.send("One")
    desk.chat.send("Two")
    desk.chat.send("Three")
    assert desk.queue == ("Two", "Three")
    assert len(desk.engine.generates) == 1
    desk.finish(first, "1", 1)
    second = desk.next_generate(1)
    assert [turn.content for turn in second.messages] == ["One", "1", "Two"]
    assert desk.queue == ("Three",)
    desk.finish(second, "2", 2)
    desk.next_generate(2)
    assert desk.queue == ()


def test_what_waits_can_be_removed_or_taken_back_for_editing(desk: Desk) -> None:
    desk.open_shop()
    first = desk.send("One")
    desk.chat.send("Two")
    desk.chat.send("Three")
    desk.chat.waiting.remove(0)
    assert desk.queue == ("Three",)
    desk.chat.waiting.edit(0)
    assert (desk.queue, desk.draft) == ((), "Three")
    desk.chat.waiting.remove(5)
    desk.finish(first, "1", 1)
    desk.settle()
    assert len(desk.engine.generates) == 1


def test_what_waits_survives_the_death_of_the_program_as_a_draft(desk: Desk) -> None:
    desk.open_shop()
    desk.send("One")
    desk.chat.send("Two")
    desk.conversations.save_draft("Thr")
    desk.chat.shut_down()
    desk.settle()
    conversation_id = desk.conversations.current_id
    assert conversation_id is not None
    assert desk.record(conversation_id).draft == "Two\n\nThr"


def test_messages_wait_for_the_model(desk: Desk) -> None:
    desk.open_shop(with_model=False)
    desk.chat.set_loading("Loading the model: 43 %")
    desk.chat.send("Hello")
    desk.settle()
    assert desk.queue == ("Hello",)
    assert desk.phase == "Loading the model: 43 %"
    assert desk.busy
    assert desk.models_needed == 1, "who loads models knows whether one is on its way"
    desk.chat.set_loading("")
    desk.chat.set_plan(PLAN)
    desk.next_generate(0)
    assert desk.queue == ()


def test_stop_while_waiting_for_the_model_stops_the_load_and_keeps_the_message(desk: Desk) -> None:
    desk.open_shop(with_model=False)
    desk.chat.set_loading("Loading the model")
    desk.chat.send("Hello")
    with desk.qtbot.waitSignal(desk.chat.load_stop_requested):
        desk.chat.stop()
    desk.chat.set_loading("")
    assert desk.queue == ("Hello",)
    assert not desk.busy


def test_a_message_without_any_model_asks_for_one(desk: Desk) -> None:
    desk.open_shop(with_model=False)
    desk.chat.send("Hello")
    assert desk.models_needed == 1
    assert desk.queue == ("Hello",)


# Other conversations


def test_an_answer_goes_on_while_another_conversation_is_shown(desk: Desk) -> None:
    desk.open_shop()
    desk.talk("Elsewhere", "There")
    elsewhere = desk.conversations.current_id
    desk.conversations.new()
    command = desk.send("Here")
    here = desk.conversations.current_id
    desk.say(command, "On", 1)
    desk.conversations.open(elsewhere)
    desk.settle()
    assert desk.texts() == ["Elsewhere", "There"]
    assert not desk.busy
    desk.say(command, " and on", 2)
    desk.chat.send("Waiting")
    assert desk.queue == ("Waiting",)
    assert desk.phase == "Waiting for the answer in “Here”"
    desk.conversations.open(here)
    assert desk.texts() == ["Here", "On and on"]
    assert desk.transcript.entry(1).phase == "Answering"
    assert desk.busy
    assert desk.queue == ()
    desk.finish(command, "On and on and on", 1, 2, 3)
    waiting = desk.next_generate(2)
    assert [turn.content for turn in waiting.messages] == ["Elsewhere", "There", "Waiting"]
    desk.settle()
    assert desk.stored(here)[1].content == "On and on and on"


def test_stop_leaves_an_answer_in_another_conversation_alone(desk: Desk) -> None:
    desk.open_shop()
    desk.send("Here")
    desk.conversations.new()
    desk.chat.stop()
    assert desk.engine.cancelled == []


def test_a_failure_elsewhere_is_told_with_the_way_there(desk: Desk) -> None:
    desk.open_shop()
    command = desk.send("Here")
    here = desk.conversations.current_id
    desk.conversations.new()
    desk.fail(command, ErrorKind.OUT_OF_MEMORY)
    notice = desk.notices[notices.ANSWER_KEY]
    assert notice.text == "In “Here”: It failed."
    desk.conversations.on_notice_action(notice.action_key)
    desk.settle()
    assert desk.conversations.current_id == here
    assert desk.shown()[1].state is MessageState.FAILED
    assert notices.ANSWER_KEY not in desk.notices


# The end of the program and of conversations


def test_closing_while_streaming_saves_the_partial_answer_as_interrupted(desk: Desk) -> None:
    desk.open_shop()
    command = desk.send("Hello")
    desk.say(command, "Half", 1)
    desk.chat.shut_down()
    desk.settle()
    assert (desk.stored()[1].content, desk.stored()[1].state) == ("Half", MessageState.INTERRUPTED)
    assert desk.engine.cancelled == [command.command_id]


def test_closing_begins_nothing_of_what_waits(desk: Desk) -> None:
    desk.open_shop()
    desk.send("Hello")
    desk.chat.send("Waiting")
    desk.chat.shut_down()
    desk.settle()
    assert len(desk.engine.generates) == 1
    assert [message.content for message in desk.stored()] == ["Hello", ""]


def test_deleting_a_conversation_leaves_the_answer_in_another_alone(desk: Desk) -> None:
    desk.open_shop()
    desk.talk("One", "Two")
    deleted_id = desk.conversations.current_id
    desk.conversations.new()
    command = desk.send("Hello")
    desk.deletions.delete(deleted_id)
    assert desk.engine.cancelled == []
    desk.finish(command, "Hi", 1)
    desk.settle()
    assert desk.stored()[1].state is MessageState.COMPLETE


def test_deleting_a_conversation_stops_its_answer_and_empties_its_queue(desk: Desk) -> None:
    desk.open_shop()
    command = desk.send("Hello")
    desk.chat.send("Waiting")
    desk.deletions.delete(desk.conversations.current_id)
    assert desk.engine.cancelled == [command.command_id]
    desk.chat.on_event(CommandCancelled(command_id=command.command_id))
    desk.settle()
    assert len(desk.engine.generates) == 1
    assert desk.texts() == []


def test_deleting_a_conversation_while_its_message_is_being_saved_asks_nothing(desk: Desk) -> None:
    desk.open_shop()
    desk.talk("Hello", "Hi")
    desk.chat.send("More")
    desk.deletions.delete(desk.conversations.current_id)
    desk.settle()
    assert len(desk.engine.generates) == 1
    assert desk.chat.is_idle


def test_the_engine_forgets_what_was_deleted_for_good(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.open_shop()
    desk.talk("One", "Two")
    conversation_id = desk.conversations.current_id
    desk.deletions.delete(conversation_id)
    desk.settle()
    assert desk.engine.of(ForgetConversation) == []
    monkeypatch.setattr("app.controllers.conversations.deletion_controller.UNDO_SECONDS", 0.0)
    desk.deletions._on_purge_due()
    desk.wait_until(lambda: bool(desk.engine.of(ForgetConversation)))
    (forget,) = desk.engine.of(ForgetConversation)
    assert msgspec.to_builtins(forget)["conversation_id"] == conversation_id
    assert desk.stored(conversation_id) == []


def test_send_now_stops_the_running_answer_and_sends_that_message_next(desk: Desk) -> None:
    desk.open_shop()
    first = desk.send("First")
    desk.say(first, "Once upon", 1)
    for text in ("Second", "Third"):
        desk.chat.send(text)
    desk.chat.waiting.send_now(1)
    assert desk.engine.cancelled == [first.command_id]
    desk.finish(first, "Once upon", 1, reason=FinishReason.STOPPED)
    assert desk.next_generate(1).messages[-1].content == "Third"
    assert desk.queue == ("Second",)
    assert "Once upon" in desk.texts()
    desk.chat.waiting.send_now(5)


def test_a_message_says_for_which_conversation_it_waits_and_can_be_sent_now(desk: Desk) -> None:
    told: list[tuple[str, bool]] = []
    desk.chat.waiting_changed.connect(told.append)
    desk.open_shop()
    first = desk.send("The first question")
    desk.say(first, "Once", 1)
    desk.conversations.new()
    desk.chat.send("Elsewhere")
    assert told[-1] == ("Waits for the answer in “The first question”", True)
    desk.chat.waiting.send_now(0)
    assert desk.engine.cancelled == [first.command_id]
    desk.finish(first, "Once", 1, reason=FinishReason.STOPPED)
    assert desk.next_generate(1).messages[-1].content == "Elsewhere"
    assert told[-1] == ("", False)


def test_a_message_says_that_it_waits_for_a_model(desk: Desk) -> None:
    told: list[tuple[str, bool]] = []
    desk.chat.waiting_changed.connect(told.append)
    desk.open_shop(with_model=False)
    desk.chat.send("Hello")
    assert told[-1] == ("Waits for a model", True), "sending it has a model loaded"
    desk.chat.set_loading("Loading 3 %")
    assert told[-1] == ("Waits for the model", False)


def test_editing_a_waiting_message_keeps_what_is_being_typed(desk: Desk) -> None:
    desk.open_shop()
    desk.send("First")
    desk.chat.send("Second")
    desk.conversations.save_draft("half a thou")
    desk.chat.waiting.edit(0)
    assert desk.draft == "Second\n\nhalf a thou"
