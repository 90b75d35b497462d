"""An X server of a test's own, and the keyboard of whoever sits before it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def x_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start Xvfb on a number that it finds itself, and let Qt draw there; skip the test where it does not start.

    Its keys don't repeat: on a busy machine more than the 0.66 s until then may pass before one is let go.
    """
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-r", "-displayfd", str(writing), "-screen", "0", "1280x800x24", "-nolisten", "tcp"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as numbers:
            number = numbers.readline().strip()
        if not number:
            pytest.skip("Xvfb does not start here")
        monkeypatch.setenv("DISPLAY", f":{number}")
        monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
        yield
    finally:
        server.terminate()
        server.wait(30)


def xdotool(*arguments: str) -> str:
    """Do something as a person at the keyboard would; returns what the tool says."""
    return subprocess.run(["xdotool", *arguments], capture_output=True, text=True, timeout=30, check=False).stdout


def shown_windows() -> list[str]:
    """Return the ids of the windows that can be seen."""
    return xdotool("search", "--onlyvisible", "--name", "^Hearth$").split()
