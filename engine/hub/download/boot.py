"""Which start of the operating system this is: what was only in its memory is gone with the next one."""

import functools
from pathlib import Path

import psutil

_LINUX = Path("/proc/sys/kernel/random/boot_id")


@functools.cache
def boot_id() -> str:
    """Return a text that is another one after the computer was started again.

    Where the system has no such text the time of the start has to do. It may move with the clock, which costs a
    download the last seconds, no more.
    """
    try:
        return _LINUX.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return f"{psutil.boot_time():.0f}"
