"""Opens a file without ever waiting for it: no pipe, no device, nothing too big, no ring of links."""

import errno
import os
import stat
from pathlib import Path

from app.attachments.limits import INPUT_BYTES
from app.attachments.outcome import Refused, Trouble

_TROUBLES = {
    errno.ENOENT: Trouble.GONE,
    errno.ENOTDIR: Trouble.GONE,
    errno.ELOOP: Trouble.LINK_LOOP,
    errno.EACCES: Trouble.NO_ACCESS,
    errno.EPERM: Trouble.NO_ACCESS,
}
# Asked for where the system knows them: opening a pipe would wait for whoever writes into it.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def read_source(path: Path) -> bytes:
    """Return what the file holds; raises Refused."""
    try:
        _check(path.stat())
        handle = os.open(path, _FLAGS)
        with os.fdopen(handle, "rb") as file:
            _check(os.fstat(file.fileno()))  # it may have been exchanged in between
            data = file.read(INPUT_BYTES + 1)
    except OSError as error:
        raise Refused(_TROUBLES.get(error.errno or 0, Trouble.UNREADABLE)) from error
    except ValueError as error:  # a NUL in the name
        raise Refused(Trouble.GONE) from error
    if len(data) > INPUT_BYTES:
        raise Refused(Trouble.TOO_BIG)
    return data


def _check(info: os.stat_result) -> None:
    if stat.S_ISDIR(info.st_mode):
        raise Refused(Trouble.FOLDER)
    if not stat.S_ISREG(info.st_mode):
        raise Refused(Trouble.NO_FILE)
    if info.st_size > INPUT_BYTES:
        raise Refused(Trouble.TOO_BIG)
