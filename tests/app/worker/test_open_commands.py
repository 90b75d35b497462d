import msgspec
import pytest

from app.worker.open_commands import CANCEL_SECONDS, KILL_SECONDS, TRANSFER_KILL_SECONDS, OpenCommands
from engine.api.commands import Command, DownloadCheckpoint, ListCheckpoints, PlanCheckpoint, UnloadCheckpoint
from engine.api.errors import Remedy
from engine.api.events import (
    CheckpointUnloaded,
    CommandCancelled,
    Event,
    LoadPhase,
    LoadProgress,
    PrefillProgress,
    TextGenerated,
)
from engine.api.plan import PrecisionChoice
from tests.link_probe import load


@pytest.fixture
def emitted() -> list[Event]:
    return []


def opened(emitted: list[Event], *commands: Command) -> OpenCommands:
    table = OpenCommands(emitted.append)
    for command in commands:
        table.add(command)
    return table


def text(content: str) -> TextGenerated:
    return TextGenerated(command_id="a", conversation_id="v", message_id="m", text=content, token_ids=())


ENDED = CheckpointUnloaded(command_id="a")
CANCELLED = CommandCancelled(command_id="a")
COMMAND = UnloadCheckpoint(command_id="a")


def test_a_second_terminal_event_is_dropped(emitted: list[Event]) -> None:
    table = opened(emitted, COMMAND)
    assert table.handle(ENDED, 0.0) == COMMAND
    assert table.handle(ENDED, 0.0) is None
    assert table.handle(text("late"), 0.0) is None
    assert emitted == [ENDED]
    assert len(table) == 0


def test_what_is_held_goes_before_progress_and_before_the_end(emitted: list[Event]) -> None:
    progress = PrefillProgress(
        command_id="a", conversation_id="v", message_id="m", prompt_tokens=1, reused_tokens=0, done_tokens=1
    )
    table = opened(emitted, COMMAND)
    for event in (text("1"), text("2"), progress, text("3"), text("4"), text("5"), ENDED):
        table.handle(event, 0.0)
    assert emitted == [text("1"), text("2"), progress, text("3"), text("45"), ENDED]


def test_joined_text_goes_out_at_its_deadline(emitted: list[Event]) -> None:
    table = opened(emitted, COMMAND)
    for content in "abc":
        table.handle(text(content), 10.0)
    due = table.next_deadline()
    assert due is not None
    assert not table.meet_deadlines(due)
    assert emitted == [text("a"), text("bc")]
    assert table.next_deadline() is None


def test_an_ignored_cancel_ends_the_command_first_and_the_engine_later(emitted: list[Event]) -> None:
    table = opened(emitted, COMMAND)
    assert table.cancel("a", 10.0)
    assert not table.cancel("a", 10.9), "a second Stop does not postpone anything"
    assert not table.meet_deadlines(10.0 + CANCEL_SECONDS - 0.01)
    assert emitted == []
    assert not table.meet_deadlines(10.0 + CANCEL_SECONDS)
    assert emitted == [CANCELLED]
    assert not table.meet_deadlines(10.0 + KILL_SECONDS - 0.01)
    assert table.meet_deadlines(10.0 + KILL_SECONDS)


def test_an_engine_that_follows_a_cancel_late_is_left_alive(emitted: list[Event]) -> None:
    table = opened(emitted, COMMAND)
    table.cancel("a", 10.0)
    table.meet_deadlines(11.0)
    table.handle(ENDED, 12.0)
    assert emitted == [CANCELLED]
    assert table.next_deadline() is None
    assert not table.meet_deadlines(100.0)


@pytest.mark.parametrize(
    ("command", "seconds"),
    [
        (DownloadCheckpoint(command_id="a", checkpoint="someone/something"), TRANSFER_KILL_SECONDS),
        (ListCheckpoints(command_id="a"), TRANSFER_KILL_SECONDS),
        (PlanCheckpoint(command_id="a", checkpoint="someone/something", ask_hub=True), TRANSFER_KILL_SECONDS),
        (PlanCheckpoint(command_id="a", checkpoint="starter"), KILL_SECONDS),
    ],
    ids=["download", "list", "plan with the Hub", "plan"],
)
def test_what_may_wait_for_a_slow_server_is_given_more_time(
    emitted: list[Event], command: Command, seconds: float
) -> None:
    table = opened(emitted, command)
    table.cancel("a", 0.0)
    assert not table.meet_deadlines(seconds - 1)
    assert emitted == [CANCELLED]
    assert table.next_deadline() == seconds, "nothing else may wake the link by then"
    assert table.meet_deadlines(seconds)


def test_ending_all_forgets_what_was_overdue(emitted: list[Event]) -> None:
    other = UnloadCheckpoint(command_id="b")
    table = opened(emitted, COMMAND, other)
    table.cancel("a", 0.0)
    table.meet_deadlines(1.0)
    table.end_all(lambda command, lighter: CommandCancelled(command_id=command.command_id))
    assert emitted == [CANCELLED, CommandCancelled(command_id="b")]
    assert not table.meet_deadlines(100.0)


def test_only_what_has_not_begun_behind_an_ignored_cancel_is_handed_on(emitted: list[Event]) -> None:
    """What has begun would be done twice, and its text would stand there twice."""
    table = opened(emitted, COMMAND)
    table.cancel("a", 0.0)
    for command_id in "bc":
        table.add(UnloadCheckpoint(command_id=command_id))
    table.meet_deadlines(CANCEL_SECONDS)
    table.handle(msgspec.structs.replace(text("begun"), command_id="b"), 2.0)
    assert [command.command_id for command in table.take_behind_overdue()] == ["c"]
    assert [command.command_id for command in table.commands()] == ["b"]


def test_what_is_sent_once_an_ignored_cancel_has_ended_here_is_handed_on_unless_it_was_stopped(
    emitted: list[Event],
) -> None:
    """As somebody does who sees that Stop has worked: the engine is given up some seconds later."""
    table = opened(emitted, COMMAND)
    table.cancel("a", 0.0)
    table.meet_deadlines(CANCEL_SECONDS)
    for command_id in "bc":
        table.add(UnloadCheckpoint(command_id=command_id))
    table.cancel("c", 2.0)
    assert [command.command_id for command in table.take_behind_overdue()] == ["b"]


def test_the_newest_load_is_the_last_that_was_not_stopped(emitted: list[Event]) -> None:
    table = opened(emitted, load("first"), load("second"), COMMAND, load("stopped"))
    table.cancel("stopped", 0.0)
    newest = table.newest_load()
    assert newest is not None
    assert newest.command_id == "second"


def test_what_would_need_less_is_remembered_for_the_end(emitted: list[Event]) -> None:
    table = opened(emitted, COMMAND)
    step = LoadProgress(command_id="a", phase=LoadPhase.LOADING, done=0, total=0)
    for lighter in ((Remedy("Load in INT4", PrecisionChoice.INT4),), None, None):
        table.handle(msgspec.structs.replace(step, lighter=lighter), 0.0)
    told: list[tuple[Remedy, ...]] = []

    def end(command: Command, lighter: tuple[Remedy, ...]) -> CommandCancelled:
        told.append(lighter)
        return CommandCancelled(command_id=command.command_id)

    table.end_all(end)
    assert told == [(Remedy("Load in INT4", PrecisionChoice.INT4),)]


def test_cancelling_an_unknown_command_does_nothing(emitted: list[Event]) -> None:
    assert not opened(emitted).cancel("a", 0.0)
