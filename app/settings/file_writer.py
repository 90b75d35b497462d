"""Writes small files on a thread: a disk that is busy keeps whoever waits for it. Owns a thread while it writes."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

PATIENCE_SECONDS = 10.0  # of who closes
_log = logging.getLogger(__name__)


class FileWriter:
    """Does what it is given one after the other; of what waits for the same file only the newest is done."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[Path, Callable[[], object]] = {}
        self._thread: threading.Thread | None = None

    def write(self, path: Path, work: Callable[[], object]) -> None:
        """Do the work that writes a file as soon as what was given before is done."""
        with self._lock:
            self._waiting.pop(path, None)  # its place was that of an older text
            self._waiting[path] = work
            is_waited_for = self._thread is None and not self._begin()
        if is_waited_for:
            self._write_all()

    def _begin(self) -> bool:
        """Start a thread, which a disk that hangs never keeps the program for; return whether there is one to spare."""
        thread = threading.Thread(target=self._write_all, name="file-writer", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return False
        self._thread = thread
        return True

    def finish(self, seconds: float | None = None) -> bool:
        """Wait until nothing is left to be written, PATIENCE_SECONDS by itself; return whether that is so."""
        thread = self._thread
        if thread is not None:
            thread.join(PATIENCE_SECONDS if seconds is None else seconds)
        return thread is None or not thread.is_alive()

    def _write_all(self) -> None:
        while (work := self._next()) is not None:
            try:
                work()
            except Exception:  # whatever is wrong with one file, the others are still to be written
                _log.exception("a file could not be written")

    def _next(self) -> Callable[[], object] | None:
        """Return what is to be done now; None lets the thread end, and the next write begins another one."""
        with self._lock:
            if not self._waiting:
                self._thread = None
                return None
            return self._waiting.pop(next(iter(self._waiting)))
