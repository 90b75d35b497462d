"""Work on files that somebody waits for, done on a thread of its own: a disk that hangs costs no more than a moment."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from engine.kv.disk.file_worker import FileWorker

# A disk that is longer at one step hangs.
HANGS_SECONDS = 5.0
# For so long a disk that was given up isn't asked again, and as long as it still hangs.
_REST_SECONDS = 60.0
_LOOK_SECONDS = 0.01
_log = logging.getLogger(__name__)

_Found = TypeVar("_Found")
# Told by work that takes long that it doesn't hang; raises GivenUpError where nobody waits for it any more.
GoesOn = Callable[[], None]


class GivenUpError(Exception):
    """It took longer than anybody wanted to wait."""


class Patience:
    """How long somebody waits for a disk, and until a Stop. All that one answer asks for may share one."""

    def __init__(self, seconds: float, should_stop: Callable[[], bool] = lambda: False) -> None:
        self.was_lost = False
        self.should_stop = should_stop
        self._ends = time.monotonic() + seconds

    @property
    def is_over(self) -> bool:
        """Whether nothing more is waited for."""
        return self.should_stop() or time.monotonic() > self._ends


class _Job(Generic[_Found]):
    def __init__(self, work: Callable[[GoesOn], _Found], goes_on: GoesOn) -> None:
        self.is_done = threading.Event()
        self.is_given_up = False
        self._work = work
        self._goes_on = goes_on
        self._found: list[_Found] = []
        self._error: Exception | None = None

    def run(self) -> None:
        try:
            self._found.append(self._work(self._tell))
        except Exception as error:  # raised where it is waited for
            self._error = error
        finally:
            self.is_done.set()

    def result(self) -> _Found:
        if self._error is not None:
            raise self._error
        return self._found[0]

    def _tell(self) -> None:
        if self.is_given_up:
            raise GivenUpError
        self._goes_on()


class FileReader:
    """One piece of work after the other, each as long as the one who asks is patient. For one thread at a time.

    What was given up is still done when the disk goes on, unless it asks and hears that nobody waits.
    """

    def __init__(self, name: str, holds: str = "conversations") -> None:
        self._holds = holds
        self._worker = FileWorker(name, gives_way=False)
        self._given_up: _Job[object] | None = None
        self._rests_until = 0.0

    @property
    def rests(self) -> bool:
        """Whether the disk took too long a while ago, or still does, so that nobody should ask it for anything."""
        hangs = self._given_up is not None and not self._given_up.is_done.is_set()
        return hangs or time.monotonic() < self._rests_until

    def result(self, work: Callable[[GoesOn], _Found], patience: Patience) -> _Found:
        """Return what the work returns, or raise what it raises. Raises GivenUpError where patience is lost."""
        job = _Job(work, self._worker.goes_on)
        self._worker.do_soon(job.run)
        while not job.is_done.wait(_LOOK_SECONDS):
            if patience.is_over or self._worker.busy_seconds > HANGS_SECONDS:
                job.is_given_up = patience.was_lost = True
                if not patience.should_stop():
                    self._rest(job)
                raise GivenUpError
        return job.result()

    def _rest(self, job: _Job[_Found]) -> None:
        if not self.rests:
            _log.warning("the disk with %s took too long, it is left alone for a while", self._holds)
        self._given_up = job  # type: ignore[assignment] # only whether it is done is asked
        self._rests_until = time.monotonic() + _REST_SECONDS
