"""Ctrl+C as a fact to look at instead of an exception, so that a save is never cut in the middle."""

import math
import signal
import threading
import time
from types import FrameType
from typing import Any

_handled_at = -math.inf


def note_handled() -> None:
    """Note that the main thread has come to handle a signal."""
    global _handled_at
    _handled_at = time.monotonic()


def last_handled_at() -> float:
    """Return when that was, on the monotonic clock."""
    return _handled_at


class Interrupts:
    """While entered, Ctrl+C (and the request to terminate) is counted; the second one raises KeyboardInterrupt.

    Signals reach only the main thread; elsewhere entering changes nothing.
    """

    def __init__(self) -> None:
        self._count = 0
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous.clear()

    @property
    def requested(self) -> bool:
        """True once the user asked to stop."""
        return self._count > 0

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        note_handled()
        self._count += 1
        if self._count > 1:
            raise KeyboardInterrupt
