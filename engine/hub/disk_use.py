"""What files take on the disk, and what is freed when they go. Nothing is changed here, and nothing raises OSError."""

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

_WITH_HOLES = ".incomplete"
_BLOCK_BYTES = 512


def files_below(folder: Path) -> Iterator[Path]:
    """Yield everything below the folder that is no folder; links are given as such and never followed."""
    for place, folders, names in os.walk(folder):
        inside = Path(place)
        yield from (inside / name for name in names)
        yield from (inside / name for name in folders if (inside / name).is_symlink())


def freed_bytes(paths: Iterable[Path]) -> int:
    """Return the bytes that are free once all these are gone: a file with a further name elsewhere frees nothing."""
    total = 0
    names_left: dict[tuple[int, int], int] = {}
    for path in paths:
        try:
            found = path.lstat()
        except OSError:
            continue
        if not stat.S_ISREG(found.st_mode):
            continue
        key = (found.st_dev, found.st_ino)
        left = names_left.get(key, found.st_nlink) - 1
        names_left[key] = left
        if left <= 0:
            total += _occupied(path, found)
    return total


def _occupied(path: Path, found: os.stat_result) -> int:
    # A file that is being downloaded is as long as it will be from the beginning, with holes.
    if sys.platform != "win32" and path.name.endswith(_WITH_HOLES):
        return min(found.st_size, found.st_blocks * _BLOCK_BYTES)
    return found.st_size


def folder_bytes(folder: Path) -> int:
    """Return the bytes that are free once the folder is gone."""
    return freed_bytes(files_below(folder))
