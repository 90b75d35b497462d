"""How much all files of KV take, counted by one thread while another one names and deletes some."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.kv.disk import folder as disk_folder

# How often the files are counted anew where some change meanwhile, and how long the one who changes them is let go on.
_MOST_COUNTS = 5
_PAUSE_SECONDS = 0.001


class DiskUsage:
    """Counts without a lock: whoever changes files must never be waited for, as the disk may hang."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._changes = 0  # odd while a file is named or deleted
        self._last_count = 0

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Let who counts meanwhile know of it. For one thread at a time."""
        self._changes += 1
        try:
            yield
        finally:
            self._changes += 1

    def count(self) -> int:
        """Return the bytes of all files; where they never stand still, as they were counted last."""
        for _ in range(_MOST_COUNTS):
            before = self._changes
            used = sum(found.size_bytes for found in disk_folder.stored_files(self._root))
            # Else a file that is deleted and the one it makes room for may both be counted.
            if before == self._changes and not before % 2:
                self._last_count = used
                break
            time.sleep(_PAUSE_SECONDS)
        return self._last_count

    @property
    def last_count(self) -> int:
        """What was counted last."""
        return self._last_count
