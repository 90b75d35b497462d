"""The folder that a benchmark works in: under the data folder, gone afterwards, whatever happened."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

_PREFIX = "benchmark-"
_NAMED = re.compile(rf"{_PREFIX}(\d+)-")


@contextmanager
def folder_for_now(data_folder: Path) -> Iterator[Path]:
    """Make a folder that is removed at the end."""
    with tempfile.TemporaryDirectory(
        prefix=f"{_PREFIX}{os.getpid()}-", dir=data_folder, ignore_cleanup_errors=True
    ) as name:
        yield Path(name)


def remove_left_behind(data_folder: Path) -> None:
    """Remove the folders of benchmarks whose process was killed; those of processes that run now stay."""
    for path in data_folder.glob(f"{_PREFIX}*"):
        found = _NAMED.match(path.name)
        if found is not None and path.is_dir() and not psutil.pid_exists(int(found[1])):
            shutil.rmtree(path, ignore_errors=True)
