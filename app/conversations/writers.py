"""Which processes are writing conversations now: each holds a lock on a small file of its own for as long as it lives.

The system takes the lock back when a process ends, however it ends; so, unlike with process numbers, a dead writer
is known for certain and on every system. A file whose lock is free was left behind by a process that didn't close.
This module owns the files in one folder.
"""

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_log = logging.getLogger(__name__)
_SUFFIX = ".writer"
_GUARD = "guard"
_LOOK_SECONDS = 0.02  # on Windows, for a lock that another has


class Writers:
    """The lock of this writer, and a view of the others."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor: int | None = None
        self._guard_depth = 0
        self.own = f"{os.getpid()}-{time.time_ns():x}-{os.urandom(4).hex()}"
        self.left_behind = False

    def enter(self) -> None:
        """Lock this writer's file and remove those of dead writers; left_behind says if there were any.

        Raises OSError if the folder can't be used.
        """
        self._folder.mkdir(mode=0o700, exist_ok=True)
        with self.guarded():
            self.left_behind = self._sweep()
            self._descriptor = _locked(self._folder / f"{self.own}{_SUFFIX}", wait=False)

    def alive(self) -> tuple[str, ...]:
        """Return the names of all living writers, this one always included."""
        return (self.own, *self.others_alive())

    def others_alive(self) -> list[str]:
        """Return the names of the living writers but this one."""
        # Looking takes a free lock for a moment, so nobody may enter meanwhile.
        with self.guarded():
            paths = [path for path in self._folder.glob(f"*{_SUFFIX}") if path.stem != self.own]
            return [path.stem for path in paths if _is_locked(path)]

    def leave(self, cleanly: bool = True) -> None:
        """Give the lock back; if not cleanly, the file stays and tells the next start to look at the database."""
        if self._descriptor is None:
            return
        with self.guarded():  # a file without its lock would pass for that of a dead writer
            _release(self._descriptor)  # first, as Windows doesn't remove an open file
            self._descriptor = None
            if cleanly:
                _remove(self._folder / f"{self.own}{_SUFFIX}")

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Keep other processes out of the same section (entering, looking, repairing); waits for them; nestable."""
        descriptor = None if self._guard_depth else self._lock_guard()
        self._guard_depth += 1
        try:
            yield
        finally:
            self._guard_depth -= 1
            if descriptor is not None:
                _release(descriptor)

    def _lock_guard(self) -> int | None:
        try:
            return _locked(self._folder / _GUARD, wait=True)
        except OSError as error:  # the folder was taken away: whatever is done next will say so, or needn't
            _log.info("no guard: %s", error.strerror)
            return None

    def _sweep(self) -> bool:
        found = False
        for path in self._folder.glob(f"*{_SUFFIX}"):
            if not _is_locked(path):
                _remove(path)
                found = True
        return found


def _is_locked(path: Path) -> bool:
    if not path.exists():
        return False
    descriptor = _locked(path, wait=False, create=False)
    if descriptor is None:
        return True
    _release(descriptor)
    return False


def _locked(path: Path, wait: bool, create: bool = True) -> int | None:
    """Return a descriptor that holds the file's lock, or None if another has it (or the file system has no locks)."""
    try:
        descriptor = os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), 0o600)
    except FileNotFoundError:
        if create:
            raise
        return None
    try:
        _lock(descriptor, wait)
    except OSError as error:
        os.close(descriptor)
        _log.debug("no lock on %s: %s", path.name, error)
        return None
    return descriptor


if sys.platform == "win32":

    def _lock(descriptor: int, wait: bool) -> None:
        # Not LK_LOCK: it looks once a second, and gives up after ten of them.
        while True:
            try:
                return msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            except PermissionError:
                if not wait:
                    raise
                time.sleep(_LOOK_SECONDS)

else:

    def _lock(descriptor: int, wait: bool) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _log.info("a writer's file stays: %s", error.strerror)


def _release(descriptor: int) -> None:
    os.close(descriptor)
