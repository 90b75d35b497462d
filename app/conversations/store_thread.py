"""The store's own thread: work is handed in from any thread, done in order, and answered through futures.

Owns one thread and, on it, the ConversationStore. The store is opened by the first piece of work; if that fails,
the work's future holds the StoreError and the next piece of work tries again.
"""

import heapq
import itertools
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from app.conversations.errors import StoreClosed, StoreDamaged, StoreError, StoreReadOnly
from app.conversations.store import ConversationStore
from app.language import tr

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")
_MAINTENANCE_DELAY_SECONDS = 5.0
_MAINTENANCE_INTERVAL_SECONDS = 3600.0
# Attached files are read for the search when nothing was asked for so long, for so long at once.
_QUIET_SECONDS = 0.3
_READING_SECONDS = 0.03
_PAUSE_SECONDS = 0.03


@dataclass(order=True)
class _Job:
    due: float
    number: int
    work: Callable[[ConversationStore], Any] = field(compare=False)
    future: "Future[Any]" = field(compare=False)


class StoreThread:
    """Starts at once; close() when nothing more is to be kept."""

    def __init__(self, path: Path, open_store: Callable[[Path], ConversationStore] = ConversationStore) -> None:
        self._path = path
        self._open_store = open_store
        self._store: ConversationStore | None = None
        self._wake = threading.Condition()
        self._ready: deque[_Job] = deque()
        self._delayed: list[_Job] = []
        self._numbers = itertools.count()
        self._closing = False
        self._maintenance_at = time.monotonic() + _MAINTENANCE_DELAY_SECONDS
        self._reading_at = math.inf
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._thread.start()
        self.opened: Future[tuple[str, ...]] = self.submit(lambda store: store.notices)

    def submit(self, work: Callable[[ConversationStore], _Result]) -> "Future[_Result]":
        """Do the work as soon as what came before is done; its result or exception is in the future.

        After close() the future holds StoreClosed. Done-callbacks run on the store's thread.
        """
        return self.submit_after(0.0, work)

    def submit_after(self, seconds: float, work: Callable[[ConversationStore], _Result]) -> "Future[_Result]":
        """Do the work after some seconds, or when the thread is closed if that comes first."""
        future: Future[_Result] = Future()
        with self._wake:
            # Work that is being drained may hand in one more piece, but not for later: that would never end.
            is_draining = self._closing and seconds <= 0 and threading.current_thread() is self._thread
            if not self._closing or is_draining:
                job = _Job(time.monotonic() + seconds, next(self._numbers), work, future)
                if seconds > 0:
                    heapq.heappush(self._delayed, job)
                else:
                    self._ready.append(job)
                self._wake.notify()
                return future
        future.set_exception(StoreClosed(tr("The conversations are closed."), tr("Start Hearth again.")))
        return future

    @property
    def is_closing(self) -> bool:
        """Return whether close() was called."""
        return self._closing

    def close(self, timeout_seconds: float = 30.0) -> bool:
        """Do everything that was handed in, delayed work included, and end; returns whether it ended in time."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            job = self._next_job()
            if job is None:
                break
            self._do(job)
            if job.work != self._read_attachments:  # which says itself when there is more
                self._reading_at = time.monotonic() + _QUIET_SECONDS
            del job  # its result may be a whole conversation
        if self._store is not None:
            self._maintain(self._store)
            try:
                self._store.close()
            except StoreError as error:
                _log.warning("closing the conversations: %s", error.details)

    def _next_job(self) -> _Job | None:
        """Return the next job that is due, doing maintenance while there is none; None at the end."""
        with self._wake:
            while True:
                now = time.monotonic()
                if self._closing:
                    self._ready.extend(heapq.heappop(self._delayed) for _ in range(len(self._delayed)))
                while self._delayed and self._delayed[0].due <= now:
                    self._ready.append(heapq.heappop(self._delayed))
                if self._ready:
                    return self._ready.popleft()
                if self._closing:
                    return None
                if self._store is not None and now >= self._maintenance_at:
                    self._maintenance_at = now + _MAINTENANCE_INTERVAL_SECONDS
                    return _Job(now, next(self._numbers), self._maintain, Future())
                if self._store is not None and now >= self._reading_at:
                    self._reading_at = math.inf
                    return _Job(now, next(self._numbers), self._read_attachments, Future())
                self._wake.wait(self._seconds_to_wait(now))

    def _seconds_to_wait(self, now: float) -> float | None:
        times = [job.due for job in self._delayed[:1]]
        if self._store is not None:
            times.append(min(self._maintenance_at, self._reading_at))
        return max(0.0, min(times) - now) if times else None

    def _do(self, job: _Job) -> None:
        if not job.future.set_running_or_notify_cancel():
            return
        try:
            if self._store is None:
                self._store = self._open_store(self._path)
            result = job.work(self._store)
        except BaseException as error:
            self._note(error)
            job.future.set_exception(error)
        else:
            job.future.set_result(result)

    def _note(self, error: BaseException) -> None:
        if isinstance(error, StoreDamaged) and self._store is not None:
            self._store.note_damage()
        if isinstance(error, StoreReadOnly) and self._store is not None and self._store.may_open_again:
            store, self._store = self._store, None  # the folder may be another's by the next time
            store.close()
        if isinstance(error, StoreError):
            _log.warning("%s (%s)", error.message, error.details)
        else:
            _log.error("work on the conversations failed", exc_info=error)

    def _read_attachments(self, store: ConversationStore) -> None:
        if store.is_reading_due():
            store.read_attachments(_READING_SECONDS)
            self._reading_at = time.monotonic() + _PAUSE_SECONDS

    def _maintain(self, store: ConversationStore) -> None:
        try:
            store.maintain()
        except Exception as error:  # a backup that can't be made must not end the thread
            self._note(error)
