"""The commands that still owe their terminal event: their held-back events, and what happens when a Stop is ignored."""

from collections.abc import Callable

from app.worker.event_joiner import EventJoiner
from engine.api.commands import Command, DownloadCheckpoint, ListCheckpoints, LoadCheckpoint, PlanCheckpoint
from engine.api.errors import Remedy
from engine.api.events import CommandCancelled, Event, LoadProgress, Progress, Terminal

# Stop must feel immediate; an engine that then stays silent is in a state from which only a new process helps.
CANCEL_SECONDS = 1.0
KILL_SECONDS = 5.0
# A download or lookup may wait for a slow server, and the other lane's answer is not thrown away for that.
TRANSFER_KILL_SECONDS = 30.0


class _OpenCommand:
    """One command that was accepted and has not ended.

    behind: those that had been told to stop when it came, and might not have done so. lighter: what the engine said
    would need less memory.
    """

    def __init__(self, command: Command, behind: frozenset[str]) -> None:
        self.command = command
        self.behind = behind
        self.is_heard_of = False
        self.lighter: tuple[Remedy, ...] = ()
        self.held = EventJoiner()
        self.cancelled_at: float | None = None

    @property
    def kill_after_seconds(self) -> float:
        command = self.command
        asks_hub = isinstance(command, PlanCheckpoint) and command.ask_hub
        is_transfer = asks_hub or isinstance(command, ListCheckpoints | DownloadCheckpoint)
        return TRANSFER_KILL_SECONDS if is_transfer else KILL_SECONDS


class OpenCommands:
    """Emits the events of open commands through `emit`, and for each command exactly one terminal event.

    Times are seconds of one monotonic clock. Not thread-safe.
    """

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self._emit = emit
        self._open: dict[str, _OpenCommand] = {}
        self._overdue: dict[str, float] = {}  # ended here, but not yet by the engine: when to give it up

    def __len__(self) -> int:
        return len(self._open)

    def add(self, command: Command) -> None:
        """Take on a command, whose id must be new."""
        stopping = (id_ for id_, opened in self._open.items() if opened.cancelled_at is not None)
        self._open[command.command_id] = _OpenCommand(command, frozenset((*self._overdue, *stopping)))

    def commands(self) -> list[Command]:
        """Return the open commands in the order they came."""
        return [opened.command for opened in self._open.values()]

    def newest_load(self) -> LoadCheckpoint | None:
        """Return the load that came last and is still wanted."""
        found = (opened.command for opened in reversed(self._open.values()) if opened.cancelled_at is None)
        return next((command for command in found if isinstance(command, LoadCheckpoint)), None)

    def handle(self, event: Progress | Terminal, now: float) -> Command | None:
        """Emit what the engine sent, unless its command has ended already; return the command that it ended."""
        if isinstance(event, Terminal):
            self._overdue.pop(event.command_id, None)
        opened = self._open.get(event.command_id)
        if opened is None:
            return None
        if isinstance(event, Terminal):
            self.end(event.command_id, event)
            return opened.command
        opened.is_heard_of = True
        if isinstance(event, LoadProgress) and event.lighter is not None:
            opened.lighter = event.lighter
        self._emit_all(opened.held.add(event, now))
        return None

    def cancel(self, command_id: str, now: float) -> bool:
        """Note a Stop; return whether the engine has to be told."""
        opened = self._open.get(command_id)
        if opened is None or opened.cancelled_at is not None:
            return False
        opened.cancelled_at = now
        return True

    def end(self, command_id: str, terminal: Terminal) -> None:
        """Emit what is still held, then the terminal event. The only place where a command ends."""
        opened = self._open.pop(command_id)
        self._emit_all(opened.held.flush(0.0))
        self._emit(terminal)

    def take_behind_overdue(self) -> list[Command]:
        """Take out what was sent after a Stop that the engine ignores, so that none of it can have begun behind it."""
        taken = [
            opened.command
            for opened in self._open.values()
            if opened.cancelled_at is None and not opened.is_heard_of and not opened.behind.isdisjoint(self._overdue)
        ]
        for command in taken:
            del self._open[command.command_id]
        return taken

    def end_all(self, terminal_of: Callable[[Command, tuple[Remedy, ...]], Terminal]) -> None:
        """End every command, as the engine that ran them is gone; it may have said what would need less memory."""
        self._overdue.clear()
        for opened in list(self._open.values()):
            self.end(opened.command.command_id, terminal_of(opened.command, opened.lighter))

    def next_deadline(self) -> float | None:
        """Return when meet_deadlines() has to be called next, or None."""
        times = [*self._overdue.values()]
        for opened in self._open.values():
            if opened.held.due is not None:
                times.append(opened.held.due)
            if opened.cancelled_at is not None:
                times.append(opened.cancelled_at + CANCEL_SECONDS)
        return min(times, default=None)

    def meet_deadlines(self, now: float) -> bool:
        """Emit what was joined and end cancelled commands where it is time; return whether the engine must be ended."""
        for opened in list(self._open.values()):
            due = opened.held.due
            if due is not None and now >= due:
                self._emit_all(opened.held.flush(now))
            if opened.cancelled_at is not None and now >= opened.cancelled_at + CANCEL_SECONDS:
                command_id = opened.command.command_id
                self._overdue[command_id] = opened.cancelled_at + opened.kill_after_seconds
                self.end(command_id, CommandCancelled(command_id=command_id))
        return any(now >= kill_at for kill_at in self._overdue.values())

    def _emit_all(self, events: list[Progress]) -> None:
        for event in events:
            self._emit(event)
