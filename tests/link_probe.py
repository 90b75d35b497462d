"""Runs an EngineLink on a thread for tests, keeps every event, and checks at the end that nothing is left running."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from app.worker.engine_link import EngineLink
from app.worker.engine_state import EngineState, EngineStateChanged, LinkEvent
from engine.api.commands import Command, Generate, LoadCheckpoint
from engine.api.events import EngineReady, TextGenerated, is_terminal
from engine.api.message import PromptMessage, Role

PATIENCE_SECONDS = 30.0  # for a loaded machine; nothing waits that long when all is well


def generate(command_id: str, text: str = "Hello") -> Generate:
    return Generate(
        command_id=command_id,
        conversation_id="conversation",
        message_id=f"message of {command_id}",
        messages=(PromptMessage(Role.USER, text),),
    )


def load(command_id: str = "load") -> LoadCheckpoint:
    return LoadCheckpoint(command_id=command_id, checkpoint="starter")


def is_running(process_id: int) -> bool:
    """True for a zombie too, so that an unreaped child is seen."""
    return psutil.pid_exists(process_id)


def is_alive(process_id: int) -> bool:
    """Unlike is_running, False for a zombie: an orphan is reaped by whoever adopted it."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class LinkProbe:
    """before: what is asked of the link before it begins to work, so that it finds all of it at once."""

    def __init__(
        self,
        argv: Sequence[str],
        log_path: Path | None = None,
        before: Callable[[EngineLink], object] = lambda link: None,
    ) -> None:
        self.events: list[LinkEvent] = []
        self._changed = threading.Condition()
        self.link = EngineLink(argv, self._on_event, log_path)
        before(self.link)
        self._thread = threading.Thread(target=self.link.run, daemon=True)
        self._thread.start()

    def _on_event(self, event: LinkEvent) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def wait_for(self, condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, seconds), f"not within {seconds} s; last: {self.events[-5:]}"

    def submit(self, command: Command) -> None:
        self.link.submit(command)

    def do(self, command: Command) -> LinkEvent:
        """Submit and return the terminal event."""
        self.submit(command)
        return self.terminal(command.command_id)

    def terminals(self, command_id: str) -> list[LinkEvent]:
        return [event for event in self.of(command_id) if not isinstance(event, TextGenerated) and is_terminal(event)]

    def terminal(self, command_id: str, seconds: float = PATIENCE_SECONDS) -> LinkEvent:
        self.wait_for(lambda: bool(self.terminals(command_id)), seconds)
        (event,) = self.terminals(command_id)
        return event

    def of(self, command_id: str) -> list:
        return [event for event in list(self.events) if getattr(event, "command_id", None) == command_id]

    def pieces(self, command_id: str) -> list[TextGenerated]:
        return [event for event in self.of(command_id) if isinstance(event, TextGenerated)]

    def text(self, command_id: str) -> str:
        return "".join(event.text for event in self.pieces(command_id))

    def wait_for_text(self, command_id: str) -> None:
        self.wait_for(lambda: bool(self.pieces(command_id)))

    def states(self) -> list[EngineState]:
        return [event.state for event in list(self.events) if isinstance(event, EngineStateChanged)]

    def wait_for_state(self, state: EngineState) -> None:
        self.wait_for(lambda: state in self.states())

    def process_ids(self) -> list[int]:
        return [event.process_id for event in list(self.events) if isinstance(event, EngineReady)]

    def wait_for_process(self, count: int = 1) -> int:
        self.wait_for(lambda: len(self.process_ids()) >= count)
        return self.process_ids()[count - 1]

    def reloads(self) -> list:
        return [event for event in list(self.events) if getattr(event, "command_id", "").startswith("reload-")]

    def stop(self) -> None:
        """Stop the link, and check that nothing is left."""
        self.link.stop()
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()
        assert [pid for pid in self.process_ids() if is_running(pid)] == []
        expect_no_engine_threads()


def expect_no_engine_threads() -> None:
    """Fail if a thread stays that served an engine; one whose pipe was closed may need a moment to end."""
    left = [thread for thread in threading.enumerate() if thread.name.startswith("engine-")]
    for thread in left:
        thread.join(PATIENCE_SECONDS)
    assert [thread.name for thread in left if thread.is_alive()] == []
