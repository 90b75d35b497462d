"""The engine for a terminal: one command at a time, waited for on the main thread. Owns the thread of the link."""

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from app.paths import Paths
from app.settings.file import load
from app.terminal.interrupts import Interrupts
from app.worker.engine_death import Advice
from app.worker.engine_link import EngineLink
from app.worker.engine_process import engine_command
from app.worker.engine_state import LinkEvent
from engine.api.commands import Command
from engine.api.events import EngineReady, Event, Terminal

# How long a Ctrl+C may wait until it is looked at; also the rhythm of on_event(None).
_LOOK_SECONDS = 0.05
_NOTHING_KEPT = Advice(kept="", answer="Ask again.", load="Try again.", start="Start `hearth` again.")
_KEPT = replace(_NOTHING_KEPT, kept="What was written is kept in the conversation.")
OnEvent = Callable[[Event | None], None]


def session_for(paths: Paths, *, keeps_answers: bool = False) -> "EngineSession":
    """Return a session with the engine of this environment, its folder for downloads as the settings say.

    keeps_answers: whether answers are stored as they grow, which is told where one breaks off.
    """
    settings, _ = load(paths.settings_file)
    argv = engine_command(paths.data, hub_cache=settings.hub_cache)
    return EngineSession(argv, paths.engine_log, advice=_KEPT if keeps_answers else _NOTHING_KEPT)


class EngineSession:
    """Starts the engine on entering and ends it on leaving, whatever happened between."""

    def __init__(
        self,
        argv: Sequence[str],
        log_path: Path | None = None,
        advice: Advice = _NOTHING_KEPT,
    ) -> None:
        # Not a SimpleQueue: its get() waits for ever if a signal is handled while its timeout passes (CPython 3.11).
        self._events: queue.Queue[LinkEvent] = queue.Queue()
        self._link = EngineLink(argv, self._events.put, log_path, advice)
        self._thread = threading.Thread(target=self._link.run, name="engine-link")

    def __enter__(self) -> "EngineSession":
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        with Interrupts():
            self._link.stop()
            self._thread.join()

    def run(self, command: Command, on_event: OnEvent, interrupts: Interrupts) -> Terminal:
        """Submit the command and return its terminal event.

        on_event gets the command's progress, and None about 20 times a second while nothing comes. The first Ctrl+C
        cancels the command (its terminal event still comes); the second raises KeyboardInterrupt.
        """
        self._link.submit(command)
        cancelled = False
        while True:
            if interrupts.requested and not cancelled:
                cancelled = True
                self._link.cancel(command.command_id)
            event = self._next_event()
            if event is None:
                on_event(None)
                continue
            if isinstance(event, EngineReady) or event.command_id != command.command_id:
                continue
            if isinstance(event, Terminal):
                return event
            on_event(event)

    def run_all(self, commands: Sequence[Command], on_event: OnEvent, interrupts: Interrupts) -> dict[str, Terminal]:
        """Submit the commands side by side and return their terminal events by command id. Ctrl+C as in run()."""
        for command in commands:
            self._link.submit(command)
        ended: dict[str, Terminal] = {}
        waiting = {command.command_id for command in commands}
        cancelled = False
        while waiting:
            if interrupts.requested and not cancelled:
                cancelled = True
                for command_id in waiting:
                    self._link.cancel(command_id)
            event = self._next_event()
            if event is None:
                on_event(None)
            elif isinstance(event, Terminal) and event.command_id in waiting:
                ended[event.command_id] = event
                waiting.remove(event.command_id)
        return ended

    def start(self, command: Command) -> None:
        """Have a background command done; what comes of it is not looked at, and the next command ends it."""
        self._link.submit(command)

    def _next_event(self) -> Event | None:
        try:
            event = self._events.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            return None
        return event if isinstance(event, Event) else None
