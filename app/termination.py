"""SIGTERM and Ctrl+C end the window in order, as closing it does. Owns a socket pair and the two signal handlers."""

import signal
import socket
from types import FrameType
from typing import Any

from PySide6.QtCore import QObject, QSocketNotifier, Signal, Slot


class TerminationSignals(QObject):
    """Signal requested() when the system or the terminal asks the program to end; main thread only.

    Qt's event loop does not return to Python while it waits, so a Python handler alone would run late or never: the
    interpreter writes a byte into a socket, and the event loop wakes on that.
    """

    requested = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reading, self._writing = socket.socketpair()
        for end in (self._reading, self._writing):
            end.setblocking(False)
        self._previous_descriptor = signal.set_wakeup_fd(self._writing.fileno(), warn_on_full_buffer=False)
        self._previous: dict[int, Any] = {
            number: signal.signal(number, _let_the_socket_wake) for number in (signal.SIGINT, signal.SIGTERM)
        }
        self._notifier = QSocketNotifier(self._reading.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._on_readable)

    def remove(self) -> None:
        """Put back what was there before."""
        self._notifier.setEnabled(False)
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._previous_descriptor)
        self._reading.close()
        self._writing.close()

    @Slot()
    def _on_readable(self) -> None:
        try:
            arrived = self._reading.recv(64)
        except BlockingIOError:
            return
        if any(number in arrived for number in self._previous):
            self.requested.emit()


def _let_the_socket_wake(_number: int, _frame: FrameType | None) -> None:
    """Having a handler keeps the signal from ending the process; the socket does the rest."""
