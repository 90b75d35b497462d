"""Makes stdin, stdout and stderr such as a terminal program needs them, on every system."""

import errno
import io
import os
import sys
from pathlib import Path
from typing import TextIO

_SHOWS_SEQUENCES = 0x4  # ENABLE_VIRTUAL_TERMINAL_PROCESSING of Windows' consoles


def prepare_streams() -> None:
    """Make all three robust against characters they can't hold, and have a console of Windows obey sequences.

    A stream that was closed before the start (`>&-`, a service) is an empty one from here on, as in C.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  open to the end
    for stream, errors in ((sys.stdin, "surrogateescape"), (sys.stdout, "replace"), (sys.stderr, "replace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=_encoding(stream), errors=errors)
    if sys.stderr.isatty():
        _obey_sequences(sys.stderr)


def is_gone(error: OSError) -> bool:
    """Return whether a write failed because nobody reads any more; Windows calls that an invalid argument."""
    return isinstance(error, BrokenPipeError) or (sys.platform == "win32" and error.errno == errno.EINVAL)


def silence(stream: TextIO) -> None:
    """Point a stream at nothing, so that whoever reads it is told that it has ended; one without a file stays."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, descriptor)
    os.close(nothing)


def _encoding(stream: TextIO) -> str | None:
    """Return what a stream is to be encoded in; None leaves it as it is.

    Windows gives files and pipes the code page of the region, which can't hold what models write. A byte order mark
    comes from PowerShell.
    """
    if sys.platform == "win32" and not stream.isatty() and "PYTHONIOENCODING" not in os.environ:
        return "utf-8-sig" if stream is sys.stdin else "utf-8"
    return None


def _obey_sequences(stream: TextIO) -> None:
    """Have Windows' older consoles erase a line when they are told so, instead of showing the sequence."""
    if sys.platform == "win32":
        import ctypes
        import msvcrt

        kernel = ctypes.WinDLL("kernel32")
        handle = ctypes.c_void_p(msvcrt.get_osfhandle(stream.fileno()))
        mode = ctypes.c_uint32()
        if kernel.GetConsoleMode(handle, ctypes.byref(mode)):
            kernel.SetConsoleMode(handle, mode.value | _SHOWS_SEQUENCES)
