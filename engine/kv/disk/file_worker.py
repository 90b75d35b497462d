"""Works on files behind the compute lane: one piece of work after the other, so that none meets another one half done.

Owns a thread, which lives while something waits. A disk that hangs holds up this thread and nobody else.
"""

import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

_LOOK_SECONDS = 0.01
_LOW_PRIORITY = 10
_log = logging.getLogger(__name__)

Work = Callable[[], object]


class FileWorker:
    """Two queues: what is soon done goes before what takes long. All methods belong to the compute lane.

    Its thread lets those that compute go first, unless one of them waits for it (gives_way=False).
    Its lock guards the queues alone and is never held while work is done.
    """

    def __init__(self, name: str, *, gives_way: bool = True) -> None:
        self.lacks_thread = False
        self._name = name
        self._gives_way = gives_way
        self._lock = threading.Lock()
        self._soon: deque[Work] = deque()
        self._later: deque[Work] = deque()
        self._unfinished_soon = 0
        self._begun_at: float | None = None
        self._idle = threading.Event()
        self._idle.set()
        self._thread: threading.Thread | None = None

    @property
    def busy_seconds(self) -> float:
        """How long it has been at one piece of work, or since that last went on."""
        begun_at = self._begun_at
        return time.monotonic() - begun_at if begun_at is not None else 0.0

    @property
    def has_soon(self) -> bool:
        """Whether something of do_soon() is not done yet."""
        return self._unfinished_soon > 0

    def do_soon(self, work: Work) -> None:
        """Have it done before all that may wait; here, where the system has no thread for it."""
        with self._lock:
            self._soon.append(work)
            self._unfinished_soon += 1
            self._idle.clear()
        if not self._has_thread():
            while self._soon:
                self._do_next()

    def do_later(self, work: Work) -> None:
        """Have it done when its turn comes; where the system has no thread for it, by flush()."""
        with self._lock:
            self._later.append(work)
            self._idle.clear()
        self._has_thread()

    def goes_on(self) -> None:
        """Say, from within work that takes long, that it doesn't hang."""
        self._begun_at = time.monotonic()

    def flush(self, timeout_seconds: float, should_stop: Callable[[], bool] = lambda: False) -> bool:
        """Wait until everything is done, or somebody waits for the caller; return whether it is.

        Where the system has no thread for it, it is done here.
        """
        ends = time.monotonic() + timeout_seconds
        while not self._idle.is_set() and (left := ends - time.monotonic()) > 0 and not should_stop():
            if self._has_thread():
                self._idle.wait(min(_LOOK_SECONDS, left))
            else:
                self._do_next()
        return self._idle.is_set()

    def settle(self, patience_seconds: float) -> None:
        """Wait for what was to be done soon, and for what is being done; not for work that takes longer than that."""
        reached = threading.Event()
        self.do_soon(reached.set)
        while not reached.wait(_LOOK_SECONDS) and self.busy_seconds <= patience_seconds:
            pass

    def _has_thread(self) -> bool:
        """Have a thread do what waits; return whether there is one.

        A system that has no thread to give now may have one for the next work, or when flush() is called.
        """
        with self._lock:
            if self._thread is None and (self._soon or self._later):  # else it has just been done
                thread = threading.Thread(target=self._do_all, name=self._name, daemon=True)
                try:
                    thread.start()
                except (RuntimeError, MemoryError) as error:
                    if not self.lacks_thread:
                        _log.warning("no thread to write conversations with: %s", error)
                    self.lacks_thread = True
                    return False
                self._thread, self.lacks_thread = thread, False
            return self._thread is not None

    def _do_all(self) -> None:
        if self._gives_way:
            _give_way()
        while self._do_next():
            pass

    def _do_next(self) -> bool:
        """Do what is next; False if nothing waits."""
        with self._lock:
            if not self._soon and not self._later:
                self._thread = None
                self._idle.set()
                return False
            is_soon = bool(self._soon)
            work = (self._soon or self._later).popleft()
            self._begun_at = time.monotonic()
        try:
            work()
        except Exception as error:  # a thread that dies would leave everything waiting, and in memory
            _log.warning("work on the files of conversations failed: %s", type(error).__name__)
        with self._lock:
            self._begun_at = None
            self._unfinished_soon -= is_soon
            if self._thread is None and not self._soon and not self._later:
                self._idle.set()
        return True


def _give_way() -> None:
    """Let this thread wait for those that compute, where the system has priorities for threads."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOW_PRIORITY)
