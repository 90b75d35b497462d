import pytest

from app.controllers import notices
from app.conversations.records import MessageState
from app.settings.schema import Settings
from engine.api.commands import Generate, WhenFull
from engine.api.errors import ErrorKind
from engine.api.events import ContextRolled, FinishReason, PrefillProgress
from tests.app.controllers.conftest import Desk, ids_of


def roll(desk: Desk, command: Generate, first_kept: int) -> None:
    desk.chat.on_event(ContextRolled(first_kept=first_kept, **ids_of(command)))


def marked(desk: Desk) -> list[str]:
    """Return the messages above which the model no longer reads."""
    entries = [desk.transcript.entry(row) for row in range(desk.transcript.rowCount())]
    return [entry.message.content for entry in entries if entry.is_context_start]


def prompted(command: Generate) -> list[str]:
    return [turn.content for turn in command.messages]


def fill(desk: Desk, *, system_prompt: str = "") -> Generate:
    """Have two turns answered and the third one asked."""
    desk.settings = Settings(system_prompt=system_prompt)
    desk.open_shop()
    desk.talk("One", "First")
    desk.talk("Two", "Second")
    return desk.send("Three")


def test_what_was_left_out_is_marked_and_stays_left_out(desk: Desk) -> None:
    command = fill(desk, system_prompt="Be brief.")
    assert command.when_full is WhenFull.ROLL
    assert command.speculates
    desk.chat.on_event(PrefillProgress(prompt_tokens=9, reused_tokens=0, done_tokens=3, **ids_of(command)))
    roll(desk, command, 3)
    assert marked(desk) == ["Two"]
    assert desk.transcript.entry(5).phase == "Reading 3 of 9 tokens"
    desk.finish(command, "Third", 5)
    desk.settle()
    assert desk.stored()[-1].context_start_id == desk.stored()[2].id
    assert desk.stored()[-1].state is MessageState.COMPLETE
    assert prompted(desk.send("Four")) == ["Be brief.", "Two", "Second", "Three", "Third", "Four"]
    assert marked(desk) == ["Two"]


def test_a_later_mark_takes_the_place_of_an_earlier_one(desk: Desk) -> None:
    command = fill(desk)
    roll(desk, command, 2)
    desk.finish(command, "Third", 5)
    command = desk.send("Four")
    assert prompted(command) == ["Two", "Second", "Three", "Third", "Four"]
    roll(desk, command, 2)
    desk.finish(command, "Fourth", 6)
    desk.settle()
    assert marked(desk) == ["Three"]
    assert prompted(desk.send("Five"))[0] == "Three"


def test_the_mark_holds_on_its_branch_only(desk: Desk) -> None:
    command = fill(desk)
    roll(desk, command, 2)
    desk.finish(command, "Third", 5)
    desk.settle()
    marked_id = desk.shown()[-1].id
    desk.chat.regenerate(marked_id)
    command = desk.next_generate(3)
    assert prompted(command) == ["One", "First", "Two", "Second", "Three"]
    desk.finish(command, "Another", 6)
    assert marked(desk) == []
    desk.conversations.show_version((desk.shown()[-1].id, -1))
    assert marked(desk) == ["Two"]


def test_the_mark_is_there_after_a_restart(desk: Desk) -> None:
    command = fill(desk)
    roll(desk, command, 2)
    desk.finish(command, "Third", 5)
    desk.settle()
    known = desk.conversations.current_id
    desk.conversations.new()
    desk.conversations.open(known)
    desk.settle()
    assert marked(desk) == ["Two"]


def test_a_conversation_that_is_to_stop_is_read_from_its_beginning(desk: Desk) -> None:
    command = fill(desk)
    roll(desk, command, 2)
    desk.finish(command, "Third", 5)
    desk.settle()
    desk.conversations.set_when_full(WhenFull.STOP)
    assert marked(desk) == []
    command = desk.send("Four")
    assert command.when_full is WhenFull.STOP
    assert prompted(command)[0] == "One"
    assert desk.record(command.conversation_id).when_full is WhenFull.STOP


def test_the_settings_choice_holds_where_the_conversation_has_none(desk: Desk) -> None:
    command = fill(desk)
    roll(desk, command, 2)
    desk.settings = Settings(when_full=WhenFull.STOP)
    desk.conversations.on_settings_changed()
    assert marked(desk) == []
    desk.conversations.set_when_full(WhenFull.ROLL)
    assert marked(desk) == ["Two"]
    desk.conversations.set_when_full(None)
    assert marked(desk) == []


def test_other_settings_do_not_show_all_messages_anew(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(desk)
    shown: list[bool] = []
    monkeypatch.setattr(desk.conversations, "show_branch", lambda: shown.append(True))
    desk.settings = Settings(theme="dark")
    desk.conversations.on_settings_changed()
    assert not shown
    desk.settings = Settings(when_full=WhenFull.STOP)
    desk.conversations.on_settings_changed()
    assert shown


def test_too_long_with_a_stop_offers_to_leave_messages_out(desk: Desk) -> None:
    desk.settings = Settings(when_full=WhenFull.STOP)
    desk.open_shop()
    desk.talk("One", "First")
    command = desk.send("Two")
    desk.fail(command, ErrorKind.PROMPT_TOO_LONG)
    (choice,) = desk.notices[notices.ANSWER_KEY].choices
    assert choice.label == "Leave out the oldest messages"
    desk.chat.on_notice_action(choice.key)
    again = desk.next_generate(2)
    assert again.when_full is WhenFull.ROLL
    assert prompted(again) == ["One", "First", "Two"]
    roll(desk, again, 2)
    desk.finish(again, "Second", 6)
    desk.settle()
    assert desk.texts() == ["One", "First", "Two", "Second"]
    assert desk.record(again.conversation_id).when_full is WhenFull.ROLL


def test_a_message_that_is_too_long_by_itself_leaves_nothing_out_for_it(desk: Desk) -> None:
    desk.settings = Settings(when_full=WhenFull.STOP)
    desk.open_shop()
    desk.talk("One", "First")
    desk.fail(desk.send("Two"), ErrorKind.MESSAGE_TOO_LONG)
    assert notices.ANSWER_KEY not in desk.notices
    assert prompted(desk.send("Three")) == ["One", "First", "Three"]


@pytest.mark.parametrize("when_full", WhenFull)
def test_a_single_message_that_is_too_long_offers_nothing(desk: Desk, when_full: WhenFull) -> None:
    desk.settings = Settings(when_full=when_full)
    desk.open_shop()
    desk.fail(desk.send("One"), ErrorKind.PROMPT_TOO_LONG)
    assert notices.ANSWER_KEY not in desk.notices


@pytest.mark.parametrize("when_full", WhenFull)
def test_an_answer_that_filled_the_window_can_go_on(desk: Desk, when_full: WhenFull) -> None:
    desk.settings = Settings(when_full=when_full)
    desk.open_shop()
    desk.talk("One", "First")
    desk.finish(desk.send("Two"), "Second, as far as", 5, reason=FinishReason.CONTEXT_FULL)
    notice = desk.notices[notices.ANSWER_KEY]
    desk.chat.on_notice_action(notice.action_key or notice.choices[0].key)
    command = desk.next_generate(2)
    assert command.continue_last
    assert command.when_full is WhenFull.ROLL
    roll(desk, command, 2)
    desk.finish(command, " it goes", 6)
    assert desk.texts()[-1] == "Second, as far as it goes"
    assert marked(desk) == ["Two"]
