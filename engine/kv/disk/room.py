"""The disk's budget, which all models and processes share: what a file will take is reserved before anybody counts.

A reservation is the file itself under its temporary name, as long as it will be. Who reserves then notes an addition,
and counts afresh if anybody else has added something: of two that reserve at once one sees the other.
"""

import os
import shutil
from collections.abc import Callable, Collection
from pathlib import Path

from engine.kv.disk import folder as disk_folder
from engine.kv.use_clock import UseClock

# What is always left free on the disk for others.
_LEFT_FREE_BYTES = 2**30
# A little more than needed goes at once, so that not every file that follows counts them all again.
_SPARE_SHARE = 32

Drop = Callable[[str, Path], object]


class DiskRoom:
    """What this process knows of the folder's size. Used by whoever writes, one at a time."""

    def __init__(self, root: Path, clock: UseClock) -> None:
        self._root = root
        self._clock = clock
        self._own = 0
        self._counted = 0
        self._counted_others: int | None = None
        self._seen_others: int | None = None

    def note_addition(self) -> int | None:
        """Note that something was added; return how many additions are those of other processes; None if unknown."""
        self._own += 1
        additions = disk_folder.note_addition(self._root)
        return additions - self._own if additions else None

    def look(self) -> bool:
        """Return whether other processes have added anything since the last look."""
        before, self._seen_others = self._seen_others, disk_folder.additions(self._root) - self._own
        return before != self._seen_others

    def make(self, size_bytes: int, budget_bytes: int, kept: Collection[str], drop: Drop) -> bool:
        """Make room for a file that is reserved; return whether it may be filled. Raises OSError for a full disk.

        drop(key, folder) deletes a file, used longest ago first but none of `kept`.
        """
        if shutil.disk_usage(self._root).free < size_bytes + _LEFT_FREE_BYTES:
            raise OSError("the disk is nearly full")
        others, before = self.note_addition(), self._counted_others
        self._counted_others = others
        if others is not None and others == before and self._counted + size_bytes <= budget_bytes:
            self._counted += size_bytes
            return True
        # First what has only its temporary name: what gets its own meanwhile is counted twice, not left out.
        used = disk_folder.reserved_bytes(self._root)
        files = disk_folder.stored_files(self._root)
        used += sum(found.size_bytes for found in files)
        self._clock.has_seen(max((found.used_at for found in files), default=0.0))
        droppable = sorted((found for found in files if found.key not in kept), key=lambda found: found.used_at)
        is_possible = used - sum(found.size_bytes for found in droppable) <= budget_bytes
        spare = budget_bytes // _SPARE_SHARE if used > budget_bytes else 0
        for found in droppable if is_possible else ():
            if used + spare <= budget_bytes:
                break
            drop(found.key, found.path.parent)
            used -= 0 if os.path.lexists(found.path) else found.size_bytes  # another process may have been first
        self._counted = used
        return used <= budget_bytes
