"""Whether strace can be used here: it must be there, and the system must let a process watch its children."""

import functools
import shutil
import subprocess


@functools.cache
def why_not() -> str:
    """Return why nothing can be traced, empty if it can be."""
    if shutil.which("strace") is None:
        return "needs strace, which is not installed"
    tried = subprocess.run(["strace", "-f", "-qq", "-e", "trace=none", "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else f"strace is not permitted here: {tried.stderr[:100]!r}"
