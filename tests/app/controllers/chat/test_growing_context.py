"""While an answer is written the meter grows with it, by what the engine tells on the way."""

import msgspec
import pytest

from app.conversations.records import Conversation, Message, MessageState
from app.models.context_use import Room
from engine.api.commands import Generate, WhenFull
from engine.api.errors import ErrorKind
from engine.api.events import FinishReason
from engine.api.message import Role
from tests.app.controllers.chat.conftest import SPOKEN, Meter
from tests.app.controllers.conftest import Desk
from tests.engine_scripts import PLAN
from tests.work import work_of

LONG = 2_000
THOUGHTS = "<think>\nHm, Paris"


def used(meter: Meter) -> int:
    return meter.use.used_tokens


def ids(count: int) -> range:
    return range(count)


def test_a_first_answer_grows_and_its_end_changes_nothing(desk: Desk, meter: Meter) -> None:
    command = desk.send("Hello")
    meter.read(command, 40)
    assert (used(meter), meter.use.is_growing, meter.use.has_draft) == (40, True, False)
    desk.say(command, "So", 1)
    desk.say(command, " it is", 2, 3)
    assert used(meter) == 40
    meter.tick()
    assert used(meter) == 43
    desk.say(command, ".", 4)
    meter.tick()
    assert used(meter) == 44
    desk.finish(command, "So it is.", 1, 2, 3, 4, prompt_tokens=40)
    assert (used(meter), meter.use.is_growing) == (44, False)
    assert meter.counts() == []


def test_nothing_is_told_that_has_not_changed(desk: Desk, meter: Meter) -> None:
    command = desk.send("Hello")
    meter.read(command, 40)
    told = len(meter.shown)
    for _ in range(50):
        desk.say(command, "word ", 1)
    assert len(meter.shown) == told
    meter.tick()
    assert len(meter.shown) == told + 1
    assert not meter.controller._growing_timer.isActive()
    meter.read(command, 40)  # how far it has come, once more
    assert (len(meter.shown), used(meter)) == (told + 1, 90)


def test_another_version_grows_from_its_own_prompt(desk: Desk, meter: Meter) -> None:
    _, answer_id = desk.talk("One", "First")
    desk.chat.regenerate(answer_id)
    command = desk.next_generate(1)
    meter.read(command, 9)
    desk.say(command, "Another", 1, 2, 3, 4, 5)
    meter.tick()
    assert used(meter) == 14
    desk.conversations.show_version((desk.shown()[-1].id, -1))
    assert used(meter) == SPOKEN
    desk.say(command, " one", 6)
    meter.tick()
    assert used(meter) == SPOKEN
    desk.conversations.show_version((answer_id, 1))
    assert used(meter) == 15


def test_a_continued_answer_counts_what_it_has(desk: Desk, meter: Meter) -> None:
    command = desk.send("Hello")
    meter.read(command, 9)
    desk.finish(command, "word " * 20, *ids(20), reason=FinishReason.MAXIMUM_TOKENS)
    desk.settle()
    assert used(meter) == 29
    desk.chat.continue_message(desk.shown()[-1].id)
    second = desk.next_generate(1)
    assert used(meter) == 29
    meter.read(second, 30)
    desk.say(second, "and on", 21, 22)
    meter.tick()
    assert used(meter) == 32
    desk.finish(second, "and on", 21, 22, prompt_tokens=30)
    assert used(meter) == 32


def test_thinking_counts_and_the_sentence_says_that_it_may_go(desk: Desk, meter: Meter) -> None:
    command = desk.send("Capital?")
    meter.read(command, 20)
    desk.say(command, THOUGHTS, *ids(50))
    meter.tick()
    assert used(meter) == 70
    assert "thinking is part of it" in meter.use.sentence
    text = f"{THOUGHTS}\n</think>\n\nParis"
    desk.finish(command, text, *ids(60), prompt_tokens=20)
    assert used(meter) == 80
    assert "thinking is part of it" in meter.use.sentence
    meter.type("And of Italy?")
    assert "thinking is part of it" in meter.use.sentence
    meter.count(45)  # the publisher's template leaves it out
    assert (used(meter), meter.use.counts_thinking) == (45, False)


def test_ending_the_thinking_counts_the_closing_tag_once(desk: Desk, meter: Meter) -> None:
    first = desk.send("Capital?")
    meter.read(first, 20)
    desk.say(first, THOUGHTS, *ids(50))
    desk.chat.runner.answer_now()
    desk.finish(first, THOUGHTS, *ids(50), reason=FinishReason.STOPPED, prompt_tokens=20)
    second = desk.engine.generates[-1]
    assert isinstance(second, Generate)
    assert second is not first
    desk.say(second, "\n</think>\n\n", 7, 8)
    meter.tick()
    assert used(meter) == 72
    meter.read(second, 72)
    desk.say(second, "Paris", 9)
    meter.tick()
    assert used(meter) == 73
    desk.finish(second, "\n</think>\n\nParis", 7, 8, 9, prompt_tokens=72)
    assert 73 <= used(meter) <= 75


def test_an_answer_elsewhere_changes_nothing_here(desk: Desk, meter: Meter) -> None:
    desk.talk("One", "First")
    here = desk.conversations.current_id
    desk.conversations.new()
    assert meter.shown[-1] is None
    command = desk.send("Two")
    meter.read(command, 300)
    desk.conversations.open(here)
    desk.settle()
    assert used(meter) == SPOKEN
    told = len(meter.shown)
    desk.say(command, "Second", 1, 2, 3)
    meter.tick()
    assert len(meter.shown) == told
    desk.conversations.open(command.conversation_id)
    assert used(meter) == 303
    desk.conversations.new()
    assert meter.shown[-1] is None
    desk.say(command, " and more", 4)
    meter.tick()
    assert meter.shown[-1] is None


def test_what_is_typed_meanwhile_is_added_and_counted_at_the_end(desk: Desk, meter: Meter) -> None:
    command = desk.send("One")
    meter.read(command, 40)
    meter.type("Two, " + "word " * 20)
    typed = used(meter) - 40
    assert typed > 20
    desk.say(command, "First", 1, 2, 3)
    meter.tick()
    assert used(meter) == 43 + typed
    assert not meter.use.is_exact
    assert meter.counts() == []
    desk.finish(command, "First", 1, 2, 3, prompt_tokens=40)
    assert used(meter) == 43 + typed
    meter.count(88)
    assert (used(meter), meter.use.is_exact) == (88, True)


def test_an_edit_that_waits_changes_nothing(desk: Desk, meter: Meter) -> None:
    question_id, _ = desk.talk("One", "First")
    command = desk.send("Two")
    meter.read(command, 30)
    desk.chat.edit((question_id, "Another " * 50))
    assert used(meter) == 30
    desk.say(command, "Second", 1)
    meter.tick()
    assert used(meter) == 31


@pytest.mark.parametrize("kind", [ErrorKind.ENGINE_DIED, ErrorKind.OUT_OF_MEMORY])
def test_an_answer_that_breaks_off_keeps_about_its_number(desk: Desk, meter: Meter, kind: ErrorKind) -> None:
    desk.talk("One", "First")
    command = desk.send("Two")
    meter.read(command, SPOKEN + 8)
    desk.say(command, "a " * 30, *ids(60))
    meter.tick()
    before = used(meter)
    desk.fail(command, kind)
    assert desk.shown()[-1].statistics is None
    assert not meter.use.is_growing
    assert abs(used(meter) - before) <= 8  # what a template puts around two turns is guessed again


def test_without_a_model_there_is_no_number(desk: Desk, meter: Meter) -> None:
    command = desk.send("Hello")
    meter.read(command, 40)
    meter.controller.set_plan(None)
    desk.say(command, "So", 1)
    meter.tick()
    assert meter.shown[-1] is None


def test_the_warning_comes_while_the_answer_fills_the_window(desk: Desk, meter: Meter) -> None:
    desk.talk("One", "First")
    desk.conversations.set_when_full(WhenFull.STOP)
    command = desk.send("Two")
    meter.read(command, PLAN.context_window - 300)
    assert meter.use.room is Room.ENOUGH
    desk.say(command, "word " * 200, *ids(200))
    meter.tick()
    assert (meter.use.room, meter.use.words) == (Room.LITTLE, "Nearly full")
    desk.say(command, "word " * 100, *ids(100))
    meter.tick()
    assert (meter.use.room, meter.use.words) == (Room.NONE, "Full")
    assert meter.use.answer_tokens == PLAN.context_window // 4


def test_an_answer_that_fills_the_window_never_takes_more_than_all_of_it(desk: Desk, meter: Meter) -> None:
    window = PLAN.context_window
    command = desk.send("Hello")
    meter.read(command, window - 3)
    desk.say(command, "one two three four", *ids(4))  # the last one found no room any more
    meter.tick()
    assert used(meter) == window
    desk.finish(command, "one two three four", *ids(4), reason=FinishReason.CONTEXT_FULL, prompt_tokens=window - 3)
    assert (used(meter), meter.use.is_growing) == (window, False)


def test_the_only_question_does_not_give_way_to_its_own_answer(desk: Desk, meter: Meter) -> None:
    command = desk.send("Hello")
    meter.read(command, PLAN.context_window - 1)
    assert meter.use.words == "Nearly full"
    meter.type("And then?")
    assert meter.use.words == "Oldest messages will be left out"
    desk.finish(command, "So it is.", 1)
    meter.type("")
    meter.read(desk.send("And then?"), PLAN.context_window - 1)
    assert meter.use.words == "Oldest messages will be left out"


def imported(desk: Desk, count: int) -> str:
    """Have a conversation without statistics; return its id."""
    messages: list[Message] = []
    for number in range(count):
        role = Role.ASSISTANT if number % 2 else Role.USER
        parent = messages[-1].id if messages else None
        messages.append(
            Message(
                id=f"{count}-{number}",
                conversation_id=f"of {count}",
                parent_id=parent,
                sequence=number + 1,
                role=role,
                content="Some words. ",
                created_at=1.0,
            )
        )
    conversation = Conversation(
        id=f"of {count}", title=f"{count}", created_at=1.0, updated_at=1.0, active_leaf_id=messages[-1].id
    )
    desk.thread.submit(lambda store: store.save_turn(conversation, messages)).result(30)
    return conversation.id


def test_an_imported_conversation_is_guessed_until_the_engine_has_read_it(desk: Desk, meter: Meter) -> None:
    desk.conversations.open(imported(desk, 4))
    desk.settle()
    assert used(meter) == 4 * 9
    command = desk.send("Some words. ")
    assert used(meter) == 5 * 9
    desk.say(command, "word " * 20)  # an engine that would not tell, nor its ids
    meter.tick()
    assert used(meter) == 5 * 9 + 25 + 6
    meter.read(command, 61)
    assert used(meter) == 61


@pytest.mark.parametrize("tells", [True, False])
def test_a_growing_answer_costs_the_same_behind_any_conversation(desk: Desk, meter: Meter, tells: bool) -> None:
    work = {}
    for count in (4, LONG):
        desk.conversations.open(imported(desk, count))
        desk.settle()
        command = desk.send("Go on")
        if tells:
            meter.read(command, count)
        desk.say(command, "word", 1)
        meter.tick()
        desk.say(command, "word", 1)
        work[count] = work_of(meter.tick)
        assert work[count]["prompt_of"] == work[count]["branch_tokens"] == work[count]["branch"] == 0
        desk.finish(command, "wordword", 1, 1)
        desk.settle()
    assert work[4].total() == work[LONG].total()


def test_an_answer_of_another_program_is_guessed(desk: Desk, meter: Meter) -> None:
    desk.talk("One", "First")
    current = desk.conversations.current
    assert current is not None
    growing = msgspec.structs.replace(
        desk.shown()[-1], state=MessageState.STREAMING, content="word " * 40, statistics=None, token_ids=()
    )
    desk.conversations.replace_shown(current.conversation, current.tree.with_message(growing))
    assert used(meter) == 50 + 2 * 6
    meter.type("Two")
    assert meter.counts() == []  # what it stands behind is not known yet
