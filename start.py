"""Sets Hearth up in this folder the first time, and opens it every time: ``python3 start.py``.

Standard library only. This file keeps to words that old Pythons understand, so that they too get a clear sentence;
the set-up itself is in ``packaging/first_start.py``.
"""

import os
import shutil
import subprocess
import sys

OLDEST = (3, 11)
NEWEST = (3, 13)
NO_PYTHON = (
    "Hearth needs a 64-bit Python 3.11, 3.12 or 3.13; this one is %s, and no other was found.\n"
    "Install one of them, then run start.py again."
)
NO_MACHINE = "Hearth can't run here: PyTorch is not made for %s any more."


def is_suitable(version: "tuple[int, ...]", bits: int) -> bool:
    """Whether Hearth runs on a Python of this (major, minor) version and pointer width in bits."""
    return OLDEST <= version <= NEWEST and bits == 64


def probe(candidate: "list[str]") -> "tuple[tuple[int, int], int, str] | None":
    """Return ((major, minor), bits, executable) of the interpreter that the command list starts, or None."""
    code = "import struct, sys; print(*sys.version_info[:2], struct.calcsize('P') * 8, sys.executable)"
    try:
        answer = subprocess.run([*candidate, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=20)
        major, minor, bits, executable = answer.stdout.decode().strip().split(" ", 3)
        return (int(major), int(minor)), int(bits), executable
    except (OSError, ValueError, subprocess.SubprocessError):
        # A version manager's stand-in may be on PATH and still refuse to run.
        return None


def suitable_python() -> "str | None":
    """Return the path of the newest suitable Python on PATH, or None."""
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        command = shutil.which(f"python3.{minor}")
        found = probe([command]) if command else None
        if not found and os.name == "nt" and shutil.which("py"):
            found = probe(["py", f"-3.{minor}"])
        if found and is_suitable(found[0], found[1]):
            return found[2]
    return None


def unsupported_machine(system: str, machine: str) -> str:
    """Return the words for a machine that PyTorch 2.13 has no build for, or an empty string."""
    if system == "darwin" and machine == "x86_64":
        return "Macs with an Intel processor"
    if system == "win32" and machine.upper() == "ARM64":
        return "Windows on ARM"
    return ""


def main(arguments: "list[str]") -> int:
    """Set up, then hand over to the app or the tests; returns the exit status."""
    import platform
    import struct

    unsupported = unsupported_machine(sys.platform, platform.machine())
    if unsupported:
        print(NO_MACHINE % unsupported, file=sys.stderr)
        return 1
    root = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    if not is_suitable(sys.version_info[:2], struct.calcsize("P") * 8):
        other = suitable_python()
        if other is None:
            print(NO_PYTHON % sys.version.split()[0], file=sys.stderr)
            return 1
        command = [other, os.path.join(root, "start.py"), *arguments]  # noqa: PTH118
        if os.name == "nt":
            return subprocess.call(command)
        os.execv(other, command)
    # Not as `packaging.first_start`: a library of that name is found first in a full environment.
    sys.path.insert(0, os.path.join(root, "packaging"))  # noqa: PTH118
    import first_start

    return first_start.main(root, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
