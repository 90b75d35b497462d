"""Keeps two set-ups of one folder apart, and ends a set-up's child when the set-up itself is killed.

Owns the lock file. The lock belongs to the open file, and children inherit it: while an orphaned pip still writes,
the next set-up waits.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_held: list[int] = []  # descriptors of locks that children of this process are to inherit


@contextlib.contextmanager
def locked(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock file while the body runs; `on_wait` is called once if somebody else holds it."""
    with path.open("a+") as file:
        if not _try_lock(file):
            on_wait()
            while not _try_lock(file):
                time.sleep(0.2)
        _held.append(file.fileno())
        try:
            yield
        finally:
            _held.remove(file.fileno())


def _try_lock(file: IO[str]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def child_guard() -> Iterator[dict[str, object]]:
    """Give Popen's arguments for a child that keeps our locks and, on Linux, dies with this process."""
    options: dict[str, object] = {}
    if sys.platform != "win32":
        options["pass_fds"] = tuple(_held)
    if sys.platform == "linux":
        options["preexec_fn"] = _dies_with(os.getpid(), ctypes.CDLL(None))
    yield options


if sys.platform == "linux":

    def _dies_with(parent: int, libc: ctypes.CDLL) -> Callable[[], None]:
        def prepare() -> None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # killed between the fork and the line above
                os._exit(1)

        return prepare
