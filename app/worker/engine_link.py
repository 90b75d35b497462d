"""Carries commands to the engine and events back, and keeps the promise of one terminal event per command.

EngineLink is an actor: submit(), cancel(), restart(), renew() and stop() only put a note into its inbox; run() works
them off on one thread, together with what the engine sends. When the engine dies it ends what was open, starts it anew
and loads the model again.
"""

import logging
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue

from app.language import tr
from app.worker.engine_death import (
    DEATH_LIMIT,
    DEATH_WINDOW_SECONDS,
    IN_THE_WINDOW,
    Advice,
    DeathCause,
    EngineDeath,
    command_report,
    failed_report,
    failed_sentence,
    not_running_report,
    restart_sentence,
    unsendable_report,
)
from app.worker.engine_process import EngineProcess, FromEngine, StreamEnded
from app.worker.engine_state import EngineState, EngineStateChanged, LinkEvent
from app.worker.open_commands import OpenCommands
from app.worker.reload import RELOAD_PREFIX, Reload
from engine.api.commands import Cancel, Command, LoadCheckpoint, Shutdown
from engine.api.errors import ErrorKind, ErrorReport, Remedy
from engine.api.events import (
    CheckpointLoaded,
    CheckpointUnloaded,
    CommandCancelled,
    CommandFailed,
    EngineReady,
    Event,
)

SHUTDOWN_SECONDS = 2.0
_TERMINATE_SECONDS = 0.5
_EXIT_GRACE_SECONDS = 0.5
_LIVENESS_SECONDS = 1.0

_log = logging.getLogger(__name__)


OnEvent = Callable[[LinkEvent], None]


@dataclass(frozen=True)
class _Submit:
    command: Command


class _Stop:
    pass


class _Restart:
    pass


@dataclass(frozen=True)
class _Renew:
    argv: tuple[str, ...]


_Note = _Submit | Cancel | _Stop | _Restart | _Renew | FromEngine | StreamEnded


class EngineLink:
    """Owns the engine process. on_event is called on the thread that runs run(), and must not block.

    After run() has returned, a submitted command is answered at once with CommandFailed on the submitting thread.
    """

    def __init__(
        self,
        argv: Sequence[str],
        on_event: OnEvent,
        log_path: Path | None = None,
        advice: Advice = IN_THE_WINDOW,
    ) -> None:
        self._argv = list(argv)
        self._advice = advice
        self._on_event = on_event
        self._log_path = log_path
        self._inbox: Queue[_Note] = Queue()
        self._lock = threading.Lock()  # guards the next two, which submit() touches from any thread
        self._is_closed = False
        self._used_ids: set[str] = set()
        # All below belongs to run()'s thread.
        self._open = OpenCommands(on_event)
        self._process: EngineProcess | None = None
        self._reload = Reload()
        self._deaths: list[float] = []
        self._failure = EngineDeath(DeathCause.NOT_STARTED)
        self._exit_noticed: float | None = None
        self._is_stopping = False
        self._is_renewing = False
        self._put_off: list[Command] = []  # what came in while one engine was ended for another

    def submit(self, command: Command) -> None:
        """Send a command. Any thread; never blocks. Raises ValueError if its id was used before."""
        with self._lock:
            if command.command_id in self._used_ids:
                raise ValueError(f"the command id {command.command_id!r} was used before")
            self._used_ids.add(command.command_id)
            if not self._is_closed:
                self._inbox.put(_Submit(command))
                return
        self._on_event(CommandFailed(command_id=command.command_id, error=not_running_report()))

    def cancel(self, command_id: str) -> None:
        """Stop a command; it still ends with its own terminal event. Any thread; never blocks."""
        self._inbox.put(Cancel(command_id=command_id))

    def restart(self) -> None:
        """Start the engine once more after it has FAILED; otherwise nothing. Any thread; never blocks."""
        self._inbox.put(_Restart())

    def renew(self, argv: Sequence[str]) -> None:
        """End the engine in good order and start another one with these arguments.

        The model is loaded again, or the one whose load was going on. Open commands end as cancelled.
        Any thread; never blocks.
        """
        self._inbox.put(_Renew(tuple(argv)))

    def stop(self) -> None:
        """End everything: every open command, the engine, and then run(). Any thread; never blocks."""
        self._inbox.put(_Stop())

    def run(self) -> None:
        """Start the engine and serve it until stop(). Blocks.

        An exception that gets out (a bug here or in on_event) first ends the engine and every open command.
        """
        last_word = EngineStateChanged(EngineState.STOPPED, tr("The engine has stopped."))
        try:
            self._announce(EngineState.STARTING, tr("The engine is starting."))
            self._start_process()
            while not self._is_stopping:
                self._take_note()
            self._shut_down()
        except BaseException:
            message = tr("The connection to the engine broke because of a mistake in Hearth. Start Hearth again.")
            last_word = EngineStateChanged(EngineState.FAILED, message, traceback.format_exc())
            raise
        finally:
            self._close(last_word)

    def _take_note(self) -> None:
        now = time.monotonic()
        deadlines = [self._open.next_deadline(), now + _LIVENESS_SECONDS if len(self._open) else None]
        soonest = min((deadline for deadline in deadlines if deadline is not None), default=None)
        try:
            note = self._inbox.get(timeout=None if soonest is None else max(0.0, soonest - now))
        except Empty:
            self._watch_liveness()
        else:
            self._exit_noticed = None
            self._handle(note)
        if self._open.meet_deadlines(time.monotonic()):
            self._lose_process(DeathCause.UNRESPONSIVE)

    def _handle(self, note: _Note) -> None:
        match note:
            case _Submit():
                self._accept(note.command)
            case Cancel():
                self._cancel(note)
            case _Stop():
                self._is_stopping = True
            case _Restart():
                self._restart_after_failure()
            case _Renew():
                self._renew(note.argv)
            case FromEngine():
                if note.process is self._process:
                    self._handle_event(note.event)
            case StreamEnded():
                if note.process is self._process:
                    cause = DeathCause.BROKEN_FRAME if note.broken_frame else DeathCause.EXITED
                    self._lose_process(cause, note.broken_frame)

    def _accept(self, command: Command) -> None:
        if self._is_renewing:
            self._put_off.append(command)
            return
        self._open.add(command)
        if self._is_stopping:
            return  # _close() ends it
        if self._process is None:
            self._end_failed(command, failed_report(self._failure, self._advice))
            return
        try:
            self._process.send(command)
        except Exception as error:  # a value that no frame can hold: a lone surrogate, a huge number, a wrong type
            self._end_failed(command, unsendable_report(error))

    def _cancel(self, note: Cancel) -> None:
        is_reload = note.command_id == self._reload.announced_id
        if is_reload:
            self._reload.forget()  # who stops that load wants no model, also of an engine that comes later
        if is_reload and self._is_renewing:
            self._drop_reload()
        elif self._open.cancel(note.command_id, time.monotonic()):
            if self._process is not None:
                self._process.send(note)
        elif any(command.command_id == note.command_id for command in self._put_off):
            self._put_off = [command for command in self._put_off if command.command_id != note.command_id]
            self._on_event(CommandCancelled(command_id=note.command_id))

    def _end_failed(self, command: Command, report: ErrorReport) -> None:
        self._open.end(command.command_id, CommandFailed(command_id=command.command_id, error=report))

    def _handle_event(self, event: Event) -> None:
        if isinstance(event, EngineReady):
            self._on_event(event)
            self._on_event(EngineStateChanged(EngineState.READY, tr("The engine is ready.")))
            return
        if self._is_renewing and isinstance(event, CheckpointLoaded):
            event = CommandCancelled(command_id=event.command_id)  # the engine that has it is ending
        command = self._open.handle(event, time.monotonic())
        if command is None:
            return
        if isinstance(event, CheckpointLoaded) and isinstance(command, LoadCheckpoint):
            self._reload.keep(command, event.plan)
        elif isinstance(event, CheckpointUnloaded):
            self._reload.forget()
        elif isinstance(event, CommandFailed) and event.error.kind is ErrorKind.DEVICE_LOST:
            # A CUDA context that met an illegal access stays poisoned (pytorch#44624); only a new process helps.
            if command.command_id.startswith(RELOAD_PREFIX):
                self._reload.forget()  # loading it again would most likely end the same way
            self._lose_process(DeathCause.DEVICE_LOST, event.error.details)

    def _watch_liveness(self) -> None:
        """Notice a death that the pipe does not tell, because a child of the engine still holds its end.

        Not at first sight, so that what the process wrote last is handled before.
        """
        if self._process is None or self._process.exit_status is None:
            return
        now = time.monotonic()
        if self._exit_noticed is None:
            self._exit_noticed = now
        elif now - self._exit_noticed >= _LIVENESS_SECONDS:
            self._lose_process(DeathCause.EXITED)

    def _start_process(self) -> None:
        try:
            self._process = EngineProcess(self._argv, self._inbox.put, self._log_path)
        except OSError as error:
            self._fail(EngineDeath(DeathCause.NOT_STARTED, problem=str(error)))

    def _announce(self, state: EngineState, message: str, details: str = "") -> None:
        self._on_event(EngineStateChanged(state, message, details, self._reload.announce()))

    def _lose_process(self, cause: DeathCause, problem: str = "") -> None:
        """End what is left of the process and every open command, then start anew unless that happens too often."""
        process, self._process = self._process, None
        if process is None:
            return
        exit_status = process.end(_EXIT_GRACE_SECONDS if cause is DeathCause.EXITED else 0.0)
        if self._is_stopping or self._is_renewing:
            return
        death = EngineDeath(cause, None if process.was_killed else exit_status, problem, process.log_tail())
        _log.warning("lost engine process %s: %s, exit status %s", process.process_id, cause.name, exit_status)
        if any(command.command_id.startswith(RELOAD_PREFIX) for command in self._open.commands()):
            self._reload.forget()  # loading it again would most likely end the same way
        handed_on = self._open.take_behind_overdue()
        self._open.end_all(lambda each, lighter: self._failed_by(each, death, lighter))
        if any(isinstance(command, LoadCheckpoint) for command in handed_on):
            self._reload.forget()  # another model is wanted
        now = time.monotonic()
        self._deaths = [*(died for died in self._deaths if now - died < DEATH_WINDOW_SECONDS), now]
        if len(self._deaths) >= DEATH_LIMIT:
            self._fail(death)
        else:
            self._announce(EngineState.RESTARTING, restart_sentence(death), death.details())
            self._start_process()
            self._load_again()
        for command in handed_on:
            self._accept(command)

    def _failed_by(self, command: Command, death: EngineDeath, lighter: tuple[Remedy, ...]) -> CommandFailed:
        return CommandFailed(command_id=command.command_id, error=command_report(command, death, self._advice, lighter))

    def _load_again(self) -> None:
        command = self._reload.command()
        if command is None:
            self._drop_reload()
        elif self._process is not None:
            self._accept(command)

    def _drop_reload(self) -> None:
        """End the load that was announced before it has begun."""
        if reload_id := self._reload.withdraw():
            self._on_event(CommandCancelled(command_id=reload_id))

    def _fail(self, death: EngineDeath) -> None:
        self._failure = death
        self._on_event(EngineStateChanged(EngineState.FAILED, failed_sentence(death), death.details()))

    def _restart_after_failure(self) -> None:
        if self._process is None:
            self._deaths.clear()
            self._announce(EngineState.RESTARTING, tr("The engine is being started again."))
            self._start_process()
            self._load_again()

    def _renew(self, argv: Sequence[str]) -> None:
        self._argv = list(argv)
        if self._process is None or self._is_renewing:
            return  # the next start takes the new arguments
        self._is_renewing = True
        self._reload.want(self._open.newest_load())
        self._announce(EngineState.STARTING, tr("The engine is starting again."))
        self._shut_down()
        self._is_renewing = False
        process, self._process = self._process, None
        if process is not None:
            process.end(_TERMINATE_SECONDS)
        self._open.end_all(lambda command, lighter: CommandCancelled(command_id=command.command_id))
        put_off, self._put_off = self._put_off, []
        if not self._is_stopping:
            self._start_process()
            self._load_again()
        for command in put_off:
            self._accept(command)

    def _shut_down(self) -> None:
        """Ask the engine to end, and take its last events, so that a stopped answer arrives whole."""
        if self._process is None:
            return
        self._process.send(Shutdown())
        deadline = time.monotonic() + SHUTDOWN_SECONDS
        while self._process is not None and (remaining := deadline - time.monotonic()) > 0:
            try:
                self._handle(self._inbox.get(timeout=remaining))
            except Empty:
                break
        if self._process is not None:
            self._process.terminate()

    def _close(self, last_word: EngineStateChanged) -> None:
        """Leave nothing behind: no process, no open command, no unanswered submit."""
        process, self._process = self._process, None
        if process is not None:
            process.end(_TERMINATE_SECONDS)
        with self._lock:
            self._is_closed = True
        while not self._inbox.empty():
            note = self._inbox.get()
            if isinstance(note, _Submit):
                self._open.add(note.command)
        while len(self._open):
            try:
                self._open.end_all(lambda command, lighter: CommandCancelled(command_id=command.command_id))
            except Exception:  # of on_event: the others must still be told
                _log.exception("an event could not be delivered")
        self._on_event(last_word)
