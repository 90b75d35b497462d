"""Says of a load that it waits for a disk or file server that doesn't answer, for as long as that is so.

Owns two threads while a load runs: one that looks at the time, and one that asks the disk and may hang with it.
"""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from engine.api.errors import EngineError
from engine.api.events import LoadPhase
from engine.checkpoints.progress import ReportProgress
from engine.checkpoints.resolve import locate

# A load that has told nothing for so long may wait for its files, and is asked about them as often.
_SILENT_SECONDS = 8.0
# A disk that hasn't answered by then hangs.
_ANSWER_SECONDS = 5.0


class FileWatch:
    """Stands between a load and whom it tells its progress, while entered. references: the models that it reads."""

    def __init__(self, references: tuple[str, ...], data_folder: Path, report: ReportProgress) -> None:
        self._references = references
        self._data_folder = data_folder
        self._tell = report
        self._lock = threading.Lock()  # guards what is told, so that nothing is told after the end
        self._last: tuple[LoadPhase, int, int] | None = None
        self._heard_at = time.monotonic()
        self._is_waiting = False
        self._is_over = threading.Event()
        self._question: threading.Thread | None = None

    def __enter__(self) -> "FileWatch":
        threading.Thread(target=self._watch, name="file-watch", daemon=True).start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        with self._lock:
            self._is_over.set()

    def report(self, phase: LoadPhase, done: int, total: int) -> None:
        """Tell how far the load is."""
        with self._lock:
            self._last, self._heard_at, self._is_waiting = (phase, done, total), time.monotonic(), False
        self._tell(phase, done, total)

    def _watch(self) -> None:
        while not self._is_over.wait(_SILENT_SECONDS):
            if time.monotonic() - self._heard_at >= _SILENT_SECONDS:
                self._tell_whether(waits=not self._is_answered())

    def _tell_whether(self, *, waits: bool) -> None:
        with self._lock:
            if waits == self._is_waiting or self._is_over.is_set():
                return
            self._is_waiting = waits
            if waits:
                self._tell(LoadPhase.WAITING, 0, 0)
            elif self._last is not None:
                self._tell(*self._last)

    def _is_answered(self) -> bool:
        if self._question is None or not self._question.is_alive():
            self._question = threading.Thread(target=self._ask, name="file-question", daemon=True)
            self._question.start()
        self._question.join(_ANSWER_SECONDS)
        return not self._question.is_alive()

    def _ask(self) -> None:
        for reference in self._references:
            try:
                for path in _files(reference, self._data_folder):
                    _read_a_byte(path)
            except (OSError, EngineError):
                continue  # that is an answer, which the load gets too


def _files(reference: str, data_folder: Path) -> Iterator[Path]:
    """Yield what is read for the model: its own files, and the file that they are made from if there is one."""
    files, source = locate(reference, data_folder)
    if source is not None:
        yield source
    yield from sorted(path for path in files.folder.iterdir() if path.is_file())


def _read_a_byte(path: Path) -> None:
    """Read one from the middle, which hardly lies in memory yet where a file is being read from its beginning."""
    with path.open("rb", buffering=0) as file:
        file.seek(os.fstat(file.fileno()).st_size // 2)
        file.read(1)
