"""Tells a person on the terminal how the set-up goes, and runs its commands with their output in a log file.

Owns the log file of one set-up. On a terminal the running step shows what it does and for how long; elsewhere each
step prints one line when it begins and one when it ends.
"""

from __future__ import annotations

import contextlib
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from setup_lock import child_guard

TICK_SECONDS = 0.5
TAIL_LINES = 15
_SECONDS_TO_END_CHILD = 10
_DOWNLOAD = re.compile(r"^\s*Downloading (?:\S*/)?([A-Za-z0-9_.]+?)-\d\S* \(([\d.]+ [kMG]B)\)")
_CAUSES = (
    ("No space left on device", "The disk is full. Make room (about 3 GB, 9 GB with CUDA), then run start.py again."),
    ("Permission denied", "A file could not be written. Check who owns this folder, then run start.py again."),
    (
        "Temporary failure in name resolution|Failed to establish|NewConnectionError|Max retries|timed out|Network is",
        "The package index can't be reached. Check the network connection, then run start.py again.",
    ),
    (
        "No matching distribution|Could not find a version",
        "The package index does not offer a file that Hearth needs for this system and Python. "
        "Check the network and pip's settings, then run start.py again.",
    ),
)
_ANY_OTHER_CAUSE = "Run start.py again; if it fails again, try: python3 start.py --repair"


class SetUpError(Exception):
    """The set-up can't go on; the text is for the person at the terminal and says what to do."""


def cause_of(output: str) -> str:
    """Return the sentence that fits a failed command's output."""
    return next((sentence for pattern, sentence in _CAUSES if re.search(pattern, output)), _ANY_OTHER_CAUSE)


def activity_of(line: str) -> str:
    """Return plain words for a line of pip's output that a person cares for, or an empty string."""
    download = _DOWNLOAD.match(line)
    if download:
        return f"downloading {download[1]} ({download[2]})"
    if line.startswith("Installing collected packages"):
        return "unpacking"
    return ""


class Console:
    """Steps, sentences and logged commands of one set-up."""

    def __init__(self, log_path: Path, out: TextIO | None = None) -> None:
        self.log_path = log_path
        self._out = out or sys.stdout
        self._live = self._out.isatty()
        self._shown = 0  # characters of the live line
        self._step = ""
        self._activity = ""
        self._began = 0.0
        self.watch: Callable[[str], None] = lambda line: None

    def say(self, text: str) -> None:
        """Print a sentence of its own line."""
        self._wipe()
        print(text, file=self._out, flush=True)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show a named step while its body runs, and how long it took."""
        self._step, self._activity, self._began = name, "", time.monotonic()
        if not self._live:
            self.say(f"{name} ...")
        yield
        self.say(f"{name}: done in {time.monotonic() - self._began:.0f} s")

    def run(self, command: Sequence[str], environment: Mapping[str, str], check: bool = True) -> str:
        """Run a command into the log and return its output; SetUpError with the last lines if it fails."""
        output = []
        with self.log_path.open("a", encoding="utf-8", errors="replace") as log:
            log.write(f"\n$ {' '.join(command)}\n")
            with child_guard() as guard, _started(command, environment, guard) as child:
                for line in self._lines(child):
                    output.append(line)
                    log.write(line)
                    log.flush()
        text = "".join(output)
        if check and child.returncode != 0:
            raise SetUpError(self._failure(output, cause_of(text)))
        return text

    def _failure(self, output: Sequence[str], sentence: str) -> str:
        tail = "".join(f"  | {line.rstrip()}\n" for line in output[-TAIL_LINES:])
        return f"{self._step} did not work. Its last lines (all of them: {self.log_path}):\n{tail}{sentence}"

    def _lines(self, child: subprocess.Popen[str]) -> Iterator[str]:
        """Yield the child's lines while keeping the live line moving."""
        lines: queue.Queue[str | None] = queue.Queue()
        reader = threading.Thread(target=_read, args=(child, lines), daemon=True)
        reader.start()
        while True:
            self._show()
            try:
                line = lines.get(timeout=TICK_SECONDS)
            except queue.Empty:
                continue
            if line is None:
                reader.join()
                return
            self._activity = activity_of(line) or self._activity
            self.watch(line)
            yield line

    def _show(self) -> None:
        if self._live:
            seconds = time.monotonic() - self._began
            activity = f": {self._activity}" if self._activity else ""
            line = f"{self._step}{activity} ... {seconds:.0f} s"
            self._wipe()
            self._out.write(line)
            self._out.flush()
            self._shown = len(line)

    def _wipe(self) -> None:
        # With blanks: Windows' older consoles show the sequence that erases a line instead of obeying it.
        if self._shown:
            self._out.write(f"\r{' ' * self._shown}\r")
            self._shown = 0


def _read(child: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        lines.put(line)
    lines.put(None)


@contextlib.contextmanager
def _started(
    command: Sequence[str], environment: Mapping[str, str], guard: Mapping[str, object]
) -> Iterator[subprocess.Popen[str]]:
    """Start a child; when the body ends, by an exception too, the child has ended."""
    try:
        child = subprocess.Popen(  # type: ignore[call-overload]  # the guard's options depend on the system
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            **guard,
        )
    except OSError as error:
        raise SetUpError(f"{command[0]} could not be started: {error}\n{_ANY_OTHER_CAUSE}") from error
    try:
        yield child
        child.wait()
    finally:
        _end(child)


def _end(child: subprocess.Popen[str]) -> None:
    """End a child that still runs (after Ctrl+C it has had the same signal and ends by itself, normally)."""
    try:
        child.wait(_SECONDS_TO_END_CHILD if child.poll() is None else None)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    if child.stdout is not None:
        child.stdout.close()
