"""One cancellation token per command; a Stop that comes before the command starts still counts."""

import threading

from engine.api.errors import Cancelled


class CancellationToken:
    """Set once from the reading thread, looked at by the lane that runs the command."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the command to stop at its next safe point."""
        self._event.set()

    @property
    def is_cancelled(self) -> bool:
        """True once cancel() was called; never goes back."""
        return self._event.is_set()

    def raise_if_cancelled(self) -> None:
        """Raise Cancelled if the command was asked to stop."""
        if self._event.is_set():
            raise Cancelled
