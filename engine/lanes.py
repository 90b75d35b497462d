"""The lanes: each runs its commands in their order on threads of its own and ends every command exactly once.

The compute lane owns model, KV and CUDA; the transfer lane downloads, two checkpoints at a time, so that a long
download never delays a token; the library lane lists and deletes what is on the disk; the lookup lane asks the Hub what
it has, also about a checkpoint that is to be planned, which it then passes on to the compute lane. A handler only
returns or raises; the terminal event is sent here and nowhere else.
"""

import logging
import re
import threading
import time
import traceback
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

from engine.api.cancellation import CancellationToken
from engine.api.codec import clean_text
from engine.api.commands import (
    CheckConnection,
    Command,
    DeleteCheckpoint,
    DiscardDownload,
    DownloadCheckpoint,
    InspectCheckpoint,
    ListCheckpoints,
    LoadCheckpoint,
    MoveCache,
    PlanCheckpoint,
    SearchCheckpoints,
    interrupts_background,
    is_background,
)
from engine.api.errors import Cancelled, EngineError, ErrorKind, ErrorReport
from engine.api.events import (
    CommandCancelled,
    CommandFailed,
    Emit,
    EngineReady,
    Event,
    LoadPhase,
    LoadProgress,
    Terminal,
    is_terminal,
)

# Downloads that run at the same time, and questions to the Hub.
_TRANSFERS_AT_ONCE = 2
_LOOKUPS_AT_ONCE = 4
_ABOUT_DISK = ListCheckpoints | DeleteCheckpoint | DiscardDownload | MoveCache
_ABOUT_HUB = SearchCheckpoints | InspectCheckpoint | CheckConnection

# How Linux and Windows say that a library found no memory; PyTorch hands on Windows' words as an OSError.
_NO_MEMORY_FOR_LIBRARY = re.compile(
    "failed to map segment|cannot allocate memory(?! in static TLS)|paging file", re.IGNORECASE
)

_log = logging.getLogger(__name__)


class Handler(Protocol):
    """Runs the commands of a lane, on that lane's threads; one with several is called from all of them."""

    def handle(self, command: Command, cancellation: CancellationToken, emit: Emit) -> Terminal | None:
        """Do it, reporting progress through emit, and return the one terminal event.

        The lookup lane's handler returns None for a command that the compute lane has to finish. Raises EngineError
        for a failure of the world and Cancelled if stopped with nothing to keep.
        """
        ...


HandlerFactory = Callable[[], Handler]


class _OpenCommand:
    """A command from the moment it was read until its terminal event; the flags belong to Lanes' lock."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self.cancellation = CancellationToken()
        self.has_begun = False
        self.has_ended = False


class Lanes:
    """Accepts commands on the reading thread, runs them on their lanes, and sends their events through `send`.

    send may be called from any of these threads, and raises for an event that can't be put in a frame. The factories
    are called on their lane's thread, at its first command. Without a lookup_factory there is no such lane; without a
    library_factory the transfer lane does its work.
    """

    def __init__(
        self,
        compute_factory: HandlerFactory,
        transfer_factory: HandlerFactory,
        send: Emit,
        lookup_factory: HandlerFactory | None = None,
        library_factory: HandlerFactory | None = None,
    ) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._open: dict[str, _OpenCommand] = {}
        self._seen: set[str] = set()
        self._compute = _Lane("compute", compute_factory, self)
        self._transfer = _Lane("transfer", transfer_factory, self, workers=_TRANSFERS_AT_ONCE)
        self._lookup: _Lane | None = None
        if lookup_factory is not None:
            self._lookup = _Lane("lookup", lookup_factory, self, workers=_LOOKUPS_AT_ONCE, passes_on=True)
        self._library = _Lane("library", library_factory, self) if library_factory else self._transfer

    def accept(self, command: Command) -> None:
        """Queue a command. One whose id was used before is ignored, as its id already has its terminal event."""
        opened = _OpenCommand(command)
        with self._lock:
            if command.command_id in self._seen:
                _log.warning("ignored a second command with the id %s", command.command_id)
                return
            self._seen.add(command.command_id)
            in_the_way = [id_ for id_, other in self._open.items() if is_background(other.command)]
            self._open[command.command_id] = opened
        if interrupts_background(command):
            for command_id in in_the_way:
                self.cancel(command_id)
        self._lane_of(command).put(opened)

    def _lane_of(self, command: Command) -> "_Lane":
        if isinstance(command, DownloadCheckpoint):
            return self._transfer
        if isinstance(command, _ABOUT_DISK):
            return self._library
        asks_hub = isinstance(command, _ABOUT_HUB) or (isinstance(command, PlanCheckpoint) and command.ask_hub)
        return self._lookup if asks_hub and self._lookup is not None else self._compute

    def cancel(self, command_id: str) -> None:
        """Stop a command: one that still waits ends at once, a running one at its next safe point."""
        with self._lock:
            opened = self._open.get(command_id)
            if opened is None:
                return
            opened.cancellation.cancel()
            if opened.has_begun:
                return
            self._close_command(opened)
        self._send(CommandCancelled(command_id=command_id))

    def close(self, timeout_seconds: float) -> bool:
        """Cancel everything, take no more commands, and return whether all lanes ended in time."""
        with self._lock:
            command_ids = list(self._open)
        for command_id in command_ids:
            self.cancel(command_id)
        deadline = time.monotonic() + timeout_seconds
        lanes = {lane for lane in (self._lookup, self._compute, self._transfer, self._library) if lane is not None}
        for lane in lanes:
            lane.close()
        return all(lane.join(max(0.0, deadline - time.monotonic())) for lane in lanes)

    def begin(self, opened: _OpenCommand) -> bool:
        """Return whether a command may run; False if it was ended while it waited."""
        with self._lock:
            opened.has_begun = not opened.has_ended
            return opened.has_begun

    def end(self, opened: _OpenCommand, terminal: Terminal) -> None:
        """Send the terminal event of a command that has begun."""
        with self._lock:
            self._close_command(opened)
        try:
            self._send(terminal)
        except Exception as error:  # a value that no frame can hold: a lone surrogate, a huge number, a wrong type
            self._send(_internal_failure(opened.command.command_id, error))

    def pass_on(self, opened: _OpenCommand) -> None:
        """Let the compute lane finish a command; one that was cancelled meanwhile ends here."""
        with self._lock:
            opened.has_begun = False
            is_cancelled = opened.cancellation.is_cancelled
            if is_cancelled:
                self._close_command(opened)
        if is_cancelled:
            self._send(CommandCancelled(command_id=opened.command.command_id))
        else:
            self._compute.put(opened)

    def _close_command(self, opened: _OpenCommand) -> None:
        """Let a command be over; whoever does this sends its terminal event. Raises KeyError if it was over before."""
        del self._open[opened.command.command_id]
        opened.has_ended = True

    def progress(self, opened: _OpenCommand, event: Event) -> None:
        """Send an event of a running command; raises TypeError for one that is not its progress."""
        if is_terminal(event) or isinstance(event, EngineReady):
            raise TypeError(f"{type(event).__name__} is no progress event; terminal events are returned")
        if event.command_id != opened.command.command_id:
            raise TypeError("progress of another command")
        if not opened.has_ended:
            self._send(event)


class _Lane:
    """Owns its threads and the handler that they share."""

    def __init__(
        self, name: str, factory: HandlerFactory, lanes: Lanes, *, workers: int = 1, passes_on: bool = False
    ) -> None:
        self._passes_on = passes_on
        self._factory = factory
        self._lanes = lanes
        self._handler: Handler | None = None
        self._preparing = threading.Lock()
        self._queue: SimpleQueue[_OpenCommand | None] = SimpleQueue()
        # Daemons: a lane that sits in a long native call must not keep a process alive whose app is gone.
        names = [f"{name}-lane", *(f"{name}-lane-{number}" for number in range(2, workers + 1))]
        self._threads = [threading.Thread(target=self._work, name=each, daemon=True) for each in names]
        self._working = workers
        for thread in self._threads:
            thread.start()

    def put(self, opened: _OpenCommand) -> None:
        self._queue.put(opened)

    def close(self) -> None:
        for _ in self._threads:
            self._queue.put(None)

    def join(self, timeout_seconds: float) -> bool:
        deadline = time.monotonic() + timeout_seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while (opened := self._queue.get()) is not None:
            if not self._lanes.begin(opened):
                continue
            outcome = self._outcome(opened)
            if outcome is None:
                self._lanes.pass_on(opened)
            else:
                self._lanes.end(opened, outcome)
        with self._preparing:
            self._working -= 1
            is_last = self._working == 0
        if is_last:
            self._close_handler()

    def _close_handler(self) -> None:
        """Let a handler that has a close() finish what it must, as the process ends in good order."""
        close = getattr(self._handler, "close", None)
        if close is None:
            return
        try:
            close()
        except Exception:  # whatever it is, the process is to end in good order
            _log.exception("a lane's handler failed to close")

    def _outcome(self, opened: _OpenCommand) -> Terminal | None:
        """Run a command and return how it ended, None if another lane goes on with it.

        Never raises: a lane that dies would hang every later command.
        """
        command_id = opened.command.command_id

        def emit(event: Event) -> None:
            self._lanes.progress(opened, event)

        try:
            handler = self._prepared_handler(opened.command, emit)
            terminal = handler.handle(opened.command, opened.cancellation, emit)
            if terminal is None and self._passes_on:
                return None
            if terminal is None or not is_terminal(terminal) or terminal.command_id != command_id:
                raise TypeError(f"{type(terminal).__name__} does not end this command")
            if isinstance(terminal, CommandFailed):
                return CommandFailed(command_id=command_id, error=_cleaned(terminal.error))
        except Cancelled:
            return CommandCancelled(command_id=command_id)
        except EngineError as error:
            return CommandFailed(command_id=command_id, error=_cleaned(error.report))
        except MemoryError as error:
            return CommandFailed(command_id=command_id, error=_out_of_memory(error))
        except BaseException as error:  # SystemExit too: some libraries raise it, and it would end the lane
            return _internal_failure(command_id, error)
        return terminal

    def _prepared_handler(self, command: Command, emit: Emit) -> Handler:
        with self._preparing:
            if self._handler is None:
                if isinstance(command, LoadCheckpoint):
                    # The factory imports torch, which takes seconds from a cold disk.
                    emit(LoadProgress(command_id=command.command_id, phase=LoadPhase.IMPORTING, done=0, total=0))
                try:
                    self._handler = self._factory()
                except (ImportError, OSError) as error:
                    if _NO_MEMORY_FOR_LIBRARY.search(str(error)):
                        raise MemoryError(str(error)) from error
                    if isinstance(error, OSError):
                        raise
                    raise EngineError(
                        ErrorKind.INTERNAL,
                        "A library that the engine needs could not be loaded.",
                        "Run the installation again to repair it.",
                        _traceback_text(error),
                    ) from error
            return self._handler


def _internal_failure(command_id: str, error: BaseException) -> CommandFailed:
    # Only the frames reach the log: an exception's message may quote the conversation.
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.error("%s in a command:\n%s", type(error).__name__, frames)
    report = ErrorReport(
        kind=ErrorKind.INTERNAL,
        message="Something went wrong inside Hearth.",
        hint="Try again. If it happens again, copy the details and report them.",
        details=_traceback_text(error),
    )
    return CommandFailed(command_id=command_id, error=_cleaned(report))


def _out_of_memory(error: MemoryError) -> ErrorReport:
    return _cleaned(
        ErrorReport(
            kind=ErrorKind.OUT_OF_MEMORY,
            message="There was not enough memory.",
            hint="Close other programs, or choose a smaller context window or a smaller model.",
            details=_traceback_text(error),
        )
    )


def _traceback_text(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def _cleaned(report: ErrorReport) -> ErrorReport:
    """Return the report in text that any pipe can hold: paths and messages may carry lone surrogates."""
    return ErrorReport(
        kind=report.kind,
        message=clean_text(report.message),
        hint=clean_text(report.hint),
        details=clean_text(report.details),
        remedies=report.remedies,
        link=clean_text(report.link),
    )
