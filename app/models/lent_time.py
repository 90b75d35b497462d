"""Time that the window's thread lends to threads which compute in Python beside it.

Python's lock is held by one thread at a time, and whoever draws gives it away at every call of Qt: beside a thread that
always computes, a turn of the event loop takes several times as long. So a thread works only for a few milliseconds
after the loop has turned; while a turn takes longer than that, it waits, and the window has the lock for itself.
A loop that hasn't turned for long is no window's any more: work then goes on to its end.
"""

import threading
import time
from collections.abc import Callable

_LENT_SECONDS = 0.004
_PATIENCE_SECONDS = 0.5


class LentTime:
    """The window's thread lends, others take; a thread that is to end is freed by ``end``.

    clock: seconds, growing.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._until = clock()
        self._is_over = False
        self._lent = threading.Condition()

    @property
    def is_over(self) -> bool:
        """Whether whoever works is to end."""
        return self._is_over

    def lend(self) -> None:
        """Let others work from now on for a moment: to be called once in each turn of the loop, or so."""
        with self._lent:
            self._until = self._clock() + _LENT_SECONDS
            self._lent.notify_all()

    def end(self) -> None:
        """Let whoever waits go on, to find that it is over."""
        with self._lent:
            self._is_over = True
            self._lent.notify_all()

    def take(self) -> bool:
        """Wait until there is time; False: it is over.

        To be called often: what is done between two calls is not cut.
        """
        late_seconds = self._clock() - self._until
        if 0 < late_seconds < _PATIENCE_SECONDS and not self._is_over:
            with self._lent:
                waited_seconds = _PATIENCE_SECONDS - late_seconds
                self._lent.wait_for(lambda: self._is_over or self._clock() <= self._until, waited_seconds)
        return not self._is_over
