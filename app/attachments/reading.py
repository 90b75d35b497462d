"""The app's side: has a file read by the limited process, and ends that when it takes too long or isn't wanted."""

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec

import app
from app.attachments.limits import SECONDS
from app.attachments.outcome import Outcome, Refusal, Trouble

_LOOK_SECONDS = 0.1
_log = logging.getLogger(__name__)


def reader_command(path: Path) -> list[str]:
    """Return the arguments that start the limited process; -P keeps files of the present folder out of it."""
    return [sys.executable, "-P", "-m", "app.attachments", str(path)]


def read_file(path: Path, cancelled: threading.Event, seconds: float = SECONDS) -> Outcome | None:
    """Block until the file was read; None if it was cancelled."""
    if cancelled.is_set():
        return None
    try:
        process = _start(path)
    except (OSError, ValueError) as error:
        _log.warning("no process to read a file in: %s", error)
        return Refusal(Trouble.GONE if "\0" in str(path) else Trouble.FAILED)
    with process:
        try:
            answer = _answer(process, cancelled, time.monotonic() + seconds)
        finally:
            process.kill()
    if cancelled.is_set():
        return None
    if answer is None:
        return Refusal(Trouble.TOO_SLOW)
    try:
        outcome: Outcome = msgspec.json.decode(answer, type=Outcome)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Ended by its limits, or by a fault in what it read.
        _log.warning("the process that reads files ended with %s", process.returncode)
        return Refusal(Trouble.TOO_MUCH_MEMORY if process.returncode == 1 else Trouble.FAILED)
    return outcome


def _answer(process: subprocess.Popen[bytes], cancelled: threading.Event, ends_at: float) -> bytes | None:
    while not cancelled.is_set() and time.monotonic() < ends_at:
        try:
            return process.communicate(timeout=_LOOK_SECONDS)[0]
        except subprocess.TimeoutExpired:
            continue
    return None


def _start(path: Path) -> subprocess.Popen[bytes]:
    variables = dict(os.environ)
    # It is the one that belongs to this app, also when Hearth runs from a source folder.
    root = str(Path(app.__path__[0]).parent)
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, (root, variables.get("PYTHONPATH"))))
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW
    return subprocess.Popen(
        reader_command(path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=variables,
        creationflags=flags,
    )
