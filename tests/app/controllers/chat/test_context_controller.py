from collections.abc import Sequence

import msgspec
import pytest

from app.controllers.chat import context_controller, context_page
from app.conversations.attachment import Attachment
from app.conversations.prompting import Prompt
from app.conversations.records import Conversation, Message
from app.settings.schema import Settings
from engine.api.commands import WhenFull
from engine.api.errors import ErrorKind, ErrorReport
from engine.api.events import CommandCancelled, CommandFailed
from engine.api.sampling import Sampling
from tests.app.controllers.chat.conftest import SPOKEN, Meter
from tests.app.controllers.conftest import Desk
from tests.engine_scripts import PLAN


def test_an_empty_page_says_nothing(meter: Meter) -> None:
    assert meter.shown == []
    assert meter.counts() == []


def test_what_is_typed_is_counted_behind_the_conversation(desk: Desk, meter: Meter) -> None:
    desk.settings = Settings(system_prompt="Be brief.")
    desk.talk("One", "First")
    meter.type("Two")
    (command,) = meter.counts()
    assert [turn.content for turn in command.messages] == ["Be brief.", "One", "First", "Two"]
    assert command.messages[2].token_ids == (1, 2)
    assert command.started_at == desk.list.conversation(0).created_at
    assert not meter.use.is_exact
    meter.count(321)
    assert (meter.use.used_tokens, meter.use.window_tokens, meter.use.is_exact) == (321, PLAN.context_window, True)
    assert len(meter.counts()) == 1


def test_the_first_message_is_counted_with_the_instructions(desk: Desk, meter: Meter) -> None:
    desk.settings = Settings(system_prompt="Be brief.")
    meter.type("Hello")
    assert [turn.content for turn in meter.counts()[0].messages] == ["Be brief.", "Hello"]
    meter.count(12)
    assert meter.use.used_tokens == 12
    assert not meter.use.has_history
    meter.type("")
    assert meter.shown[-1] is None


def test_an_empty_draft_shows_what_the_last_answer_cost(desk: Desk, meter: Meter) -> None:
    desk.talk("One", "First")
    assert meter.use.used_tokens == SPOKEN
    assert not meter.use.has_draft
    assert meter.counts() == []


def test_one_count_at_a_time_and_the_newest_text_in_the_end(desk: Desk, meter: Meter) -> None:
    meter.type("Hello")
    meter.type("Hello again")
    meter.type("Hello again, " + "and again " * 40)
    assert len(meter.counts()) == 1
    meter.count(10)
    assert not meter.use.is_exact
    assert 90 < meter.use.used_tokens < 120
    assert len(meter.counts()) == 2
    meter.count(95)
    assert (meter.use.used_tokens, meter.use.is_exact) == (95, True)


def test_while_an_answer_is_written_it_is_guessed_and_counted_after_it(desk: Desk, meter: Meter) -> None:
    desk.talk("One", "First")
    command = desk.send("Two")
    meter.type("Three, " + "word " * 40)
    assert meter.counts() == []
    assert meter.use.used_tokens > SPOKEN + 40
    desk.finish(command, "Second", 3)
    (count,) = meter.counts()
    assert [turn.content for turn in count.messages[:4]] == ["One", "First", "Two", "Second"]


def test_a_count_for_a_page_that_is_no_longer_shown_is_dropped(desk: Desk, meter: Meter) -> None:
    desk.talk("One", "First")
    meter.type("Two")
    desk.conversations.new()
    meter.count(321)
    assert meter.shown[-1] is None


def test_no_model_no_meter(desk: Desk, meter: Meter) -> None:
    desk.talk("One", "First")
    meter.controller.set_plan(None)
    assert meter.shown[-1] is None
    meter.controller.set_plan(msgspec.structs.replace(PLAN, context_window=4096))
    assert meter.use.window_tokens == 4096


def test_a_count_that_was_given_up_is_asked_for_with_the_next_change_one_that_failed_is_not(
    desk: Desk, meter: Meter
) -> None:
    meter.type("Hello")
    meter.controller.on_event(CommandCancelled(command_id=meter.counts()[0].command_id))
    assert len(meter.counts()) == 1
    meter.type("Hello you")
    assert len(meter.counts()) == 2
    error = ErrorReport(kind=ErrorKind.TEMPLATE_FAILED, message="It failed.")
    meter.controller.on_event(CommandFailed(command_id=meter.counts()[1].command_id, error=error))
    meter.type("Hello again")
    assert len(meter.counts()) == 2
    assert not meter.use.is_exact


def test_a_pasted_book_is_not_counted(meter: Meter) -> None:
    meter.type("word " * 20_000)
    assert meter.counts() == []
    assert meter.use.used_tokens > PLAN.context_window


def test_what_happens_when_it_is_full_goes_along(desk: Desk, meter: Meter) -> None:
    desk.talk("One", "First")
    assert meter.use.leaves_out
    desk.conversations.set_when_full(WhenFull.STOP)
    assert not meter.use.leaves_out


def test_a_message_that_is_too_long_by_itself_is_told_although_others_give_way(desk: Desk, meter: Meter) -> None:
    desk.talk("One", "First")
    meter.type("word " * 600)
    meter.count(PLAN.context_window + SPOKEN - 1)
    assert meter.use.words == "Oldest messages will be left out"
    meter.type("word " * 601)
    meter.count(PLAN.context_window + SPOKEN)
    assert meter.use.words == "Does not fit"


def test_a_message_that_was_too_long_does_not_count_for_the_next_one(desk: Desk, meter: Meter) -> None:
    desk.talk("One", "First")
    desk.fail(desk.send("word " * 3000), ErrorKind.PROMPT_TOO_LONG)
    assert meter.use.used_tokens == SPOKEN
    meter.type("Two")
    assert [turn.content for turn in meter.counts()[0].messages] == ["One", "First", "Two"]


def test_attachments_and_the_conversations_own_longest_answer_count(meter: Meter) -> None:
    meter.type("Sum up")
    attached = Attachment(name="a.txt", text="some words", size_bytes=10)
    meter.count(30)
    meter.controller.set_attachments((attached,))
    content = meter.counts()[-1].messages[-1].content
    assert "a.txt\n```\nsome words\n```\n\nSum up" in content
    meter.count(90)
    assert (meter.use.used_tokens, meter.use.is_exact) == (90, True)
    before = meter.use.answer_tokens
    meter.desk.conversations.change_page(sampling=Sampling(maximum_tokens=5))
    meter.controller.refresh()
    assert meter.use.answer_tokens < before


def test_a_long_conversation_is_guessed_once(desk: Desk, meter: Meter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand messages take a moment, and each pause in typing and each setting asks again."""
    asked: list[int] = []
    guess = context_controller.prompt_of

    def counting(conversation: Conversation, branch: Sequence[Message], *, leaves_out: bool) -> Prompt:
        asked.append(1)
        return guess(conversation, branch, leaves_out=leaves_out)

    desk.talk("One", "First")
    for module in (context_controller, context_page):
        monkeypatch.setattr(module, "prompt_of", counting)
    meter.controller.refresh()
    del asked[:]
    for text in ("T", "Tw", "Two"):
        meter.type(text)
        meter.controller.refresh()
    assert len(asked) == len(meter.counts()) == 1
    desk.talk("Two", "Second")
    assert len(asked) > 1


def test_what_was_counted_while_it_was_typed_stands_until_the_engine_tells_more(desk: Desk, meter: Meter) -> None:
    desk.talk("One", "First")
    meter.type("Two, which takes more than is guessed")
    meter.count(321)
    desk.send("Two, which takes more than is guessed")
    meter.type("")
    assert meter.use.used_tokens == 321
    assert meter.use.is_growing


def test_another_message_than_the_counted_one_is_guessed(desk: Desk, meter: Meter) -> None:
    desk.talk("One", "First")
    meter.type("Two")
    meter.count(321)
    desk.send("Three")
    meter.type("")
    assert meter.use.used_tokens < 100
