"""The engine as the GUI thread sees it: commands in, one signal of events out."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal, Slot

from app.worker.engine_link import EngineLink
from app.worker.engine_thread import EngineThread
from engine.api.commands import Command

# Longer than EngineLink needs in the worst case: 2 s asking, 0.5 s terminating, 5 s killing, 4 s for its threads.
_STOP_MILLISECONDS = 15_000


class EngineClient(QObject):
    """Owns the worker thread. Use it on the GUI thread only, and call stop() before it goes.

    event_received carries every LinkEvent, always from the event loop: never out of a call of submit().
    """

    event_received = Signal(object)
    _event_arrived = Signal(object)

    def __init__(
        self,
        argv: Sequence[str],
        log_path: Path | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._event_arrived.connect(self._on_event_arrived, Qt.ConnectionType.QueuedConnection)
        self._link = EngineLink(argv, self._event_arrived.emit, log_path)
        self._thread = EngineThread(self._link, self)

    def start(self) -> None:
        """Start thread and engine; the engine's state arrives as events."""
        self._thread.start()

    @Slot(object)
    def submit(self, command: Command) -> None:
        """Send a command; it ends in exactly one terminal event. Raises ValueError if its id was used before."""
        self._link.submit(command)

    @Slot(object)
    def cancel(self, command_id: str) -> None:
        """Stop a command, started or not."""
        self._link.cancel(command_id)

    @Slot()
    def restart(self) -> None:
        """Start the engine once more after it has failed."""
        self._link.restart()

    def renew(self, argv: Sequence[str]) -> None:
        """End the engine in good order and start it with other arguments; the model is loaded again."""
        self._link.renew(argv)

    def stop(self) -> bool:
        """End engine and thread; blocks for a moment, at most some seconds. Return whether they have ended.

        When it returns, every event has been received, so that a stopped answer can still be saved.
        """
        self._link.stop()
        has_ended = self._thread.wait(_STOP_MILLISECONDS)
        QCoreApplication.sendPostedEvents(self)
        return has_ended

    @Slot(object)
    def _on_event_arrived(self, event: object) -> None:
        self.event_received.emit(event)
