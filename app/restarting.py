"""Starting Hearth again in its own place, as it was started."""

import os
import subprocess
import sys


def start_again() -> None:
    """Let the same command take this process's place; on Windows, which can't, it gets a process of its own.

    Everything of this process must have ended. Raises OSError if the command can't be started.
    """
    command = [sys.executable, *sys.orig_argv[1:]]
    if sys.platform == "win32":
        subprocess.Popen(command)
    else:
        os.execv(command[0], command)
