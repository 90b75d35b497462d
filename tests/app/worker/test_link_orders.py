"""What the link makes of notes in an order that real engines seldom bring: these say only what they are told to."""

from collections.abc import Callable, Sequence

import msgspec
import pytest

from app.worker import engine_link, open_commands
from app.worker.engine_link import EngineLink
from app.worker.engine_process import FromEngine, StreamEnded
from app.worker.engine_state import EngineState, EngineStateChanged, LinkEvent
from engine.api.commands import Cancel, Command, LoadCheckpoint, Shutdown
from engine.api.errors import ErrorKind, ErrorReport
from engine.api.events import (
    CheckpointLoaded,
    CommandCancelled,
    CommandFailed,
    EngineReady,
)
from tests.engine_scripts import PLAN
from tests.link_probe import generate, load


class Engine:
    """Ends when it is told to; before: what else arrives by then."""

    process_id = 1
    was_killed = False
    obeys = True

    def __init__(self, argv: Sequence[str], deliver: Callable[[object], None], *_: object) -> None:
        self.argv = list(argv)
        self.sent: list[Command] = []
        self.exit_status: int | None = None
        self.before: list[object] = []
        self._deliver = deliver
        ENGINES.append(self)

    def send(self, command: Command) -> None:
        if not isinstance(command, Shutdown):
            self.sent.append(command)
            return
        if not self.obeys:
            return
        for note in (*self.before, StreamEnded(self, "")):  # type: ignore[arg-type]
            self._deliver(note)

    def terminate(self) -> None:
        self.was_asked_twice = True

    def end(self, _seconds: float) -> int | None:
        self.exit_status = -9 if self.was_killed else 0
        return self.exit_status

    def log_tail(self) -> str:
        return ""


ENGINES: list[Engine] = []


class Linked:
    """A link whose notes are handled here, and what it has told."""

    def __init__(self) -> None:
        self.told: list[LinkEvent] = []
        self.link = EngineLink(["first"], self.told.append)
        self.link._start_process()

    @property
    def engine(self) -> Engine:
        return ENGINES[-1]

    def take(self) -> None:
        """Handle all that has come in."""
        while not self.link._inbox.empty():
            self.link._handle(self.link._inbox.get())

    def submit(self, *commands: Command) -> None:
        for command in commands:
            self.link.submit(command)
        self.take()

    def hear(self, event: object, engine: Engine | None = None) -> None:
        self.link._handle(FromEngine(engine or self.engine, event))  # type: ignore[arg-type]

    def die(self, engine: Engine | None = None) -> None:
        self.link._handle(StreamEnded(engine or self.engine, ""))  # type: ignore[arg-type]

    def load(self) -> None:
        """Have a model loaded."""
        self.submit(load())
        self.hear(CheckpointLoaded(command_id="load", plan=PLAN))

    def states(self) -> list[EngineState]:
        return [event.state for event in self.told if isinstance(event, EngineStateChanged)]

    def ends(self, command_id: str) -> list[type]:
        return [type(event) for event in self.told if getattr(event, "command_id", "") == command_id]


@pytest.fixture
def linked(monkeypatch: pytest.MonkeyPatch) -> Linked:
    ENGINES.clear()
    monkeypatch.setattr(engine_link, "EngineProcess", Engine)
    return Linked()


def test_what_an_engine_says_after_its_end_is_passed_over(linked: Linked) -> None:
    old = linked.engine
    linked.die()
    linked.submit(generate("g"))
    told = len(linked.told)
    linked.hear(EngineReady(process_id=1), old)
    linked.die(old)
    assert len(linked.told) == told
    assert len(ENGINES) == 2
    assert linked.engine.exit_status is None


def test_a_model_is_loaded_again_on_its_card_and_can_be_given_up(linked: Linked) -> None:
    linked.submit(load())
    plan = msgspec.structs.replace(PLAN, device="cuda:0")
    linked.hear(CheckpointLoaded(command_id="load", plan=plan))
    linked.die()
    (again,) = linked.engine.sent
    assert isinstance(again, LoadCheckpoint)
    assert again.device == "cuda:0"
    linked.link.cancel(again.command_id)
    linked.take()
    assert linked.engine.sent == [again, Cancel(command_id=again.command_id)]
    assert linked.ends(again.command_id) == [], "the engine says when it has stopped"
    linked.hear(CommandCancelled(command_id=again.command_id))
    linked.die()
    assert linked.engine.sent == []


def test_without_a_model_from_before_none_is_announced(linked: Linked) -> None:
    linked.die()
    (told,) = linked.told
    assert isinstance(told, EngineStateChanged)
    assert told.reload_id == ""


def test_who_asks_an_engine_that_was_given_up_is_told_that(linked: Linked) -> None:
    for _ in range(3):
        linked.die()
    linked.submit(generate("g"))
    (failed,) = (event for event in linked.told if isinstance(event, CommandFailed))
    assert "three times" in failed.error.message


def test_a_model_that_loses_the_card_again_is_not_loaded_a_third_time(linked: Linked) -> None:
    linked.load()
    linked.die()
    (again,) = linked.engine.sent
    lost = ErrorReport(kind=ErrorKind.DEVICE_LOST, message="The card is gone.", hint="")
    linked.hear(CommandFailed(command_id=again.command_id, error=lost))
    assert len(ENGINES) == 3
    assert linked.engine.sent == []


def test_another_model_that_was_wanted_behind_an_ignored_stop_is_loaded_instead(
    linked: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_commands, "CANCEL_SECONDS", 0.0)
    monkeypatch.setattr(open_commands, "KILL_SECONDS", 0.0)
    linked.load()
    linked.submit(generate("g"))
    linked.link.cancel("g")
    linked.take()
    linked.submit(load("other"))
    linked.link.cancel("nothing")
    linked.link._take_note()
    assert len(ENGINES) == 2
    assert [command.command_id for command in linked.engine.sent] == ["other"]


def test_only_deaths_that_follow_each_other_end_the_restarts(linked: Linked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_link, "DEATH_WINDOW_SECONDS", 0.0)
    for _ in range(5):
        linked.die()
    assert linked.states() == [EngineState.RESTARTING] * 5


def test_a_restart_that_was_asked_for_begins_anew_with_the_model_and_the_newest_arguments(linked: Linked) -> None:
    linked.load()
    linked.link.restart()
    linked.take()
    assert len(ENGINES) == 1, "it runs"
    for _ in range(3):
        (load_sent,) = linked.engine.sent
        linked.hear(CheckpointLoaded(command_id=load_sent.command_id, plan=PLAN))
        linked.die()
    assert linked.states()[-1] is EngineState.FAILED
    linked.link.renew(["second"])
    linked.link.restart()
    linked.take()
    assert linked.engine.argv == ["second"]
    assert len(linked.engine.sent) == 1
    linked.hear(CheckpointLoaded(command_id=linked.engine.sent[0].command_id, plan=PLAN))
    linked.die()
    assert linked.states()[-1] is EngineState.RESTARTING, "one death is not the fourth"


def test_the_load_that_was_going_on_goes_on_with_the_other_engine(linked: Linked) -> None:
    linked.load()
    linked.submit(msgspec.structs.replace(load("other"), checkpoint="other"))
    loaded = FromEngine(linked.engine, CheckpointLoaded(command_id="other", plan=PLAN))  # type: ignore[arg-type]
    linked.engine.before = [loaded]
    linked.link.renew(["second"])
    linked.take()
    assert linked.ends("other") == [CommandCancelled], "the engine that has it is gone"
    assert [command.checkpoint for command in linked.engine.sent] == ["other"]  # type: ignore[union-attr]


def test_who_gives_up_the_next_load_while_the_engine_is_exchanged_wants_no_model(linked: Linked) -> None:
    linked.load()
    first = linked.engine
    first.before = [engine_link.Cancel(command_id="")]

    def give_up() -> None:
        (announced,) = (event.reload_id for event in linked.told if isinstance(event, EngineStateChanged))
        first.before[0] = engine_link.Cancel(command_id=announced)

    tell = linked.told.append
    linked.link._on_event = lambda event: (tell(event), isinstance(event, EngineStateChanged) and give_up())
    linked.link.renew(["second"])
    linked.take()
    (announced,) = (event.reload_id for event in linked.told if isinstance(event, EngineStateChanged))
    assert linked.ends(announced) == [CommandCancelled]
    assert len(ENGINES) == 2
    assert linked.engine.sent == []


def test_what_is_asked_while_the_engine_is_exchanged_is_asked_of_the_next(linked: Linked) -> None:
    linked.engine.before = [
        engine_link._Submit(generate("kept")), engine_link._Submit(generate("left")),
        engine_link.Cancel(command_id="left"), engine_link._Renew(("third",)),
    ]  # fmt: skip
    linked.link.renew(["second"])
    linked.take()
    assert [engine.argv for engine in ENGINES] == [["first"], ["third"]]
    assert linked.ends("left") == [CommandCancelled]
    assert [command.command_id for command in linked.engine.sent] == ["kept"]


def test_who_closes_while_the_engine_is_exchanged_gets_no_other(linked: Linked) -> None:
    linked.engine.before = [engine_link._Stop()]
    linked.link.renew(["second"])
    linked.take()
    assert len(ENGINES) == 1


def test_an_engine_that_does_not_end_is_ended_before_another_takes_over(
    linked: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two at once would share one card."""
    monkeypatch.setattr(engine_link, "SHUTDOWN_SECONDS", 0.0)
    first = linked.engine
    first.obeys = False
    linked.submit(generate("g"))
    linked.link.renew(["second"])
    linked.take()
    assert first.was_asked_twice
    assert first.exit_status is not None
    assert linked.ends("g") == [CommandCancelled]
    assert len(ENGINES) == 2


def test_an_engine_that_was_ended_from_here_is_not_said_to_have_been_ended_by_the_system(linked: Linked) -> None:
    linked.engine.was_killed = True
    linked.die()
    (told,) = (event for event in linked.told if isinstance(event, EngineStateChanged))
    assert "memory" not in told.message.lower()
    assert "-9" not in told.details


def test_what_is_asked_while_the_engine_ends_for_good_is_not_begun(linked: Linked) -> None:
    linked.engine.before = [engine_link._Submit(generate("late"))]
    linked.link.stop()
    linked.take()
    linked.link._shut_down()
    assert linked.engine.sent == []
