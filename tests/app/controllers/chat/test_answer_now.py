"""Thinking is timed, and can be ended: the same answer goes on behind the closing tag, and every step is saved."""

from types import SimpleNamespace

import msgspec
import pytest

from app.controllers.chat import answer_runner
from app.conversations.records import MessageState
from engine.api.commands import Generate
from engine.api.errors import ErrorKind, ErrorReport
from engine.api.events import CommandFailed, FinishReason
from engine.api.message import Role
from tests.app.controllers.conftest import Desk
from tests.engine_scripts import PLAN

OPENING_PLAN = msgspec.structs.replace(PLAN, opens_thinking=True)


def newest(desk: Desk) -> Generate:
    command = desk.engine.generates[-1]
    assert isinstance(command, Generate)
    return command


def test_ending_the_thinking_goes_on_with_the_same_answer(desk: Desk) -> None:
    desk.open_shop()
    first = desk.send("Capital of France?")
    desk.say(first, "<think>\nHm, Paris", 1, 2, 3)
    desk.chat.runner.answer_now()
    assert desk.phase == "Ending the thinking"
    desk.chat.runner.answer_now()
    desk.finish(first, "<think>\nHm, Paris", 1, 2, 3, reason=FinishReason.STOPPED)
    second = newest(desk)
    assert second.command_id != first.command_id
    assert (second.message_id, second.continue_last, second.closing) == (first.message_id, True, "\n</think>\n\n")
    last = second.messages[-1]
    assert (last.role, last.content, last.token_ids) == (Role.ASSISTANT, "<think>\nHm, Paris", (1, 2, 3))
    assert second.messages[:-1] == first.messages
    assert desk.shown()[1].state is MessageState.STREAMING
    assert desk.busy
    desk.say(second, "\n</think>\n\n", 7, 8)
    desk.say(second, "Paris", 9)
    desk.finish(second, "\n</think>\n\nParis", 7, 8, 9)
    desk.settle()
    stored = desk.stored()[1]
    assert (stored.content, stored.token_ids) == ("<think>\nHm, Paris\n</think>\n\nParis", (1, 2, 3, 7, 8, 9))
    assert stored.state is MessageState.COMPLETE
    assert not desk.busy


def test_a_thought_that_was_written_on_before_it_is_ended_is_read_once(desk: Desk) -> None:
    desk.open_shop()
    first = desk.send("Capital of France?")
    desk.say(first, "<think>\nHm,", 1, 2)
    desk.chat.stop()
    desk.finish(first, "<think>\nHm,", 1, 2, reason=FinishReason.STOPPED)
    desk.settle()
    desk.chat.continue_message(first.message_id)
    again = desk.next_generate(1)
    desk.say(again, " Paris", 3)
    desk.chat.runner.answer_now()
    desk.finish(again, " Paris", 3, reason=FinishReason.STOPPED)
    assert [turn.content for turn in newest(desk).messages] == ["Capital of France?", "<think>\nHm, Paris"]
    assert newest(desk).messages[-1].token_ids == (1, 2, 3)


def test_an_answer_that_does_not_think_is_left_alone(desk: Desk) -> None:
    desk.open_shop()
    command = desk.send("Hello")
    desk.chat.runner.answer_now()
    desk.say(command, "Hi", 1)
    desk.chat.runner.answer_now()
    assert newest(desk) is command
    desk.finish(command, "Hi", 1)
    desk.settle()
    assert desk.stored()[1].state is MessageState.COMPLETE
    assert newest(desk).closing == ""


def test_thinking_that_ended_by_itself_meanwhile_is_not_closed_twice(desk: Desk) -> None:
    desk.open_shop()
    first = desk.send("Hello")
    desk.say(first, "<think>Hm", 1)
    desk.chat.runner.answer_now()
    desk.say(first, "</think>Well", 2)
    desk.finish(first, "<think>Hm</think>Well", 1, 2, reason=FinishReason.STOPPED)
    assert (newest(desk).closing, newest(desk).continue_last) == ("", True)


def test_stop_wins_over_answering(desk: Desk) -> None:
    desk.open_shop()
    first = desk.send("Hello")
    desk.say(first, "<think>Hm", 1)
    desk.chat.runner.answer_now()
    desk.chat.stop()
    desk.finish(first, "<think>Hm", 1, reason=FinishReason.STOPPED)
    desk.settle()
    assert newest(desk).command_id == first.command_id
    assert desk.stored()[1].state is MessageState.STOPPED


def test_an_engine_that_dies_meanwhile_leaves_what_was_thought(desk: Desk) -> None:
    desk.open_shop()
    first = desk.send("Hello")
    desk.say(first, "<think>Hm", 1)
    desk.chat.runner.answer_now()
    report = ErrorReport(kind=ErrorKind.ENGINE_DIED, message="The engine ended.")
    desk.chat.on_event(CommandFailed(command_id=first.command_id, error=report))
    desk.settle()
    assert (desk.stored()[1].content, desk.stored()[1].state) == ("<think>Hm", MessageState.INTERRUPTED)


def test_how_long_was_thought_is_kept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(answer_runner, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    desk.open_shop()
    command = desk.send("Hello")
    for piece, seconds in (("<think>Hm", 2.0), (" so", 3.5), ("</think>", 4.0), ("Yes", 5.0), (" indeed", 6.0)):
        desk.say(command, piece, 1)
        clock[0] += seconds
    assert desk.shown()[1].thinking_seconds == 5.5
    desk.finish(command, "<think>Hm so</think>Yes indeed", 1)
    desk.settle()
    assert desk.stored()[1].thinking_seconds == 5.5


def test_a_template_that_opens_the_thinking_is_remembered(desk: Desk) -> None:
    desk.open_shop()
    desk.chat.set_plan(OPENING_PLAN)
    command = desk.send("Hello")
    desk.say(command, "Hm", 1)
    assert desk.phase == "Thinking 0 s"
    desk.say(command, "\n</think>\n\nYes", 2)
    assert desk.phase == "Answering"
    desk.finish(command, "Hm\n</think>\n\nYes", 1, 2)
    desk.settle()
    assert desk.stored()[1].opens_thinking
    assert desk.stored()[1].content == "Hm\n</think>\n\nYes"


def test_an_answer_without_thinking_has_no_time(desk: Desk) -> None:
    desk.open_shop()
    command = desk.send("Hello")
    desk.say(command, "Hi", 1)
    desk.finish(command, "Hi", 1)
    desk.settle()
    assert desk.stored()[1].thinking_seconds is None
