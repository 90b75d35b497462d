"""Opening files in a folder where others may have put anything: never a pipe or a link, which may hang or lead away."""

import os
import stat
from io import FileIO
from pathlib import Path

_CAREFULLY = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_OWN_ALONE = 0o600


def open_plain(path: Path) -> FileIO:
    """Open a regular file for reading. Raises OSError."""
    file = FileIO(path, "rb", opener=lambda name, flags: os.open(name, flags | _CAREFULLY))
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError("it is no regular file")
    return file


def append_plain(path: Path) -> FileIO:
    """Open a regular file to write at its end, a new one if there is none. Raises OSError."""
    file = FileIO(path, "ab", opener=lambda name, flags: os.open(name, flags | _CAREFULLY, _OWN_ALONE))
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError("it is no regular file")
    return file


def create_plain(path: Path) -> FileIO:
    """Open a new file for writing, in place of whatever is there; nobody else may read it. Raises OSError."""
    path.unlink(missing_ok=True)
    return FileIO(path, "xb", opener=lambda name, flags: os.open(name, flags, _OWN_ALONE))
