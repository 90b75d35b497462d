"""The NVIDIA driver, asked without PyTorch: by its program for names, by its library for whether it answers at all.

PyTorch waits for a driver for as long as that takes, which may be for ever, and holds Python's lock meanwhile, so that
the engine would answer nothing any more. Here the lock is free and patience ends. Owns one thread, which is left
behind where the driver never answers.
"""

import contextlib
import ctypes
import functools
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass

from engine.hardware.reasons import one_line

# A server's cards that nobody keeps awake are started one after the other, which takes half of this.
PATIENCE_SECONDS = 60.0
_NVIDIA_SMI_SECONDS = 5.0
_END_SECONDS = 1.0
_LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
_IN_WSL = "/usr/lib/wsl/lib/nvidia-smi"  # which is on a terminal's path only

# CUresult, in cuda.h
_SUCCESS, _NO_DEVICE, DRIVER_MISMATCH = 0, 100, 803


@dataclass(frozen=True)
class DriverState:
    """What the driver's library answered.

    cards: how many it offers to this process; None if that is not known. cuda_version: the newest CUDA that it can
    serve, (0, 0) if not known. status: its CUresult. failure: its own words for that, empty for 0 and for no card.
    """

    cards: int | None = None
    cuda_version: tuple[int, int] = (0, 0)
    status: int = _SUCCESS
    failure: str = ""
    is_silent: bool = False


@functools.cache
def named_by_program() -> tuple[str, str]:
    """Return name of the first GPU and version of the driver, both empty without an NVIDIA driver. Asked once."""
    program = shutil.which("nvidia-smi") or shutil.which(_IN_WSL)
    if program is None:
        return "", ""
    try:
        answer = output_of([program, "--query-gpu=name,driver_version", "--format=csv,noheader"])
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return "", ""
    found = re.match(r"(?P<name>[^,\n]+),\s*(?P<driver>[\d.]+)", answer)
    return (found["name"].strip(), found["driver"]) if found else ("", "")


def output_of(command: list[str]) -> str:
    """Return what NVIDIA's program prints.

    Raises OSError, SubprocessError or UnicodeDecodeError if it fails or takes more than five seconds.
    """
    no_window = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # on Windows a console would flash up
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, creationflags=no_window
    )
    try:
        output, _ = process.communicate(timeout=_NVIDIA_SMI_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        # What hangs inside a driver can't be ended, nor waited for.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=_END_SECONDS)
        raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return output


@functools.cache
def ask_library() -> DriverState:
    """Start the driver for this process, as PyTorch would, and return how it went. Asked once.

    A driver that is silent must not be asked anything else by this process: that would wait with Python's lock held.
    """
    found: list[DriverState] = []
    asking = threading.Thread(target=lambda: found.append(_asked()), name="nvidia-driver", daemon=True)
    asking.start()
    asking.join(PATIENCE_SECONDS)
    return found[0] if found else DriverState(cards=0, is_silent=True)


def _asked() -> DriverState:
    # PyTorch sets it too, but later than drivers before CUDA 12.2 read it: they would load every kernel at once.
    os.environ.setdefault("CUDA_MODULE_LOADING", "LAZY")
    try:
        library = _opened()
        version = _number(library.cuDriverGetVersion)
        status = int(library.cuInit(0))
        if status not in (_SUCCESS, _NO_DEVICE):
            return DriverState(0, version, status, _words(library, status))
        return DriverState(_count(library) if status == _SUCCESS else 0, version, status)
    except (OSError, AttributeError):  # no driver, or something else of that name
        return DriverState()


def _opened() -> ctypes.CDLL:
    return ctypes.CDLL(_LIBRARY)


def _number(ask: Callable[..., int]) -> tuple[int, int]:
    """Return a version that is told as 13020 for 13.2; (0, 0) if it isn't told."""
    number = ctypes.c_int(0)
    return divmod(number.value // 10, 100) if ask(ctypes.byref(number)) == _SUCCESS else (0, 0)


def _count(library: ctypes.CDLL) -> int | None:
    number = ctypes.c_int(0)
    return number.value if library.cuDeviceGetCount(ctypes.byref(number)) == _SUCCESS else None


def _words(library: ctypes.CDLL, status: int) -> str:
    words = ctypes.c_char_p()
    library.cuGetErrorString(status, ctypes.byref(words))
    return one_line((words.value or b"").decode(errors="replace")) or f"CUDA error {status}"
