"""One engine process: start it, send frames to it, hear its events, end it. Owns the process and two threads.

The writing thread exists because a stopped engine no longer empties its pipe: whoever decides to kill it must not be
the one who is stuck in a write. The reading thread hands every event to `deliver` and says when the stream ended.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import IO, BinaryIO, cast

import engine
from engine.api.codec import FrameError, decode_event, encode_frame, read_frame
from engine.api.commands import Incoming
from engine.api.events import Event

LOG_LIMIT_BYTES = 1_000_000
_LOG_TAIL_BYTES = 4_000
_LOG_TAIL_LINES = 20
_KILLED_WITHIN_SECONDS = 5.0
_JOIN_SECONDS = 2.0
_LINGER_SECONDS = 0.3
# For GNU's OpenMP, which PyTorch computes with on Linux and which reads it when it is loaded: how often a thread looks
# for work before it sleeps. By itself it looks for milliseconds, on a core that a thread with work may be waiting for:
# where other programs kept the cores busy, a token took 30 to 70 times as long (see ARCHITECTURE.md).
SHORT_WAIT = ("GOMP_SPINCOUNT", "1000")

_log = logging.getLogger(__name__)


def engine_command(data_folder: Path, offline: bool = False, hub_cache: str = "") -> list[str]:
    """Return the arguments that start the engine from this environment.

    hub_cache: the folder that downloads lie in, empty for the usual one. -P keeps a file named torch.py in the folder
    that Hearth was started from out of the engine.
    """
    argv = [sys.executable, "-P", "-m", "engine", "--data", str(data_folder)]
    if cache := hub_cache.strip():
        argv += ["--hub-cache", str(Path(cache).expanduser())]
    return [*argv, *(["--offline"] if offline else [])]


@dataclass(frozen=True)
class FromEngine:
    """An event that arrived from a process."""

    process: "EngineProcess"
    event: Event


@dataclass(frozen=True)
class StreamEnded:
    """Nothing more will come from a process. broken_frame says what was wrong if it sent what is no event."""

    process: "EngineProcess"
    broken_frame: str = ""


Deliver = Callable[[FromEngine | StreamEnded], None]


class EngineProcess:
    """A started engine. All methods but the constructor return at once unless they say otherwise.

    Raises OSError if it can't be started. deliver is called on the reading thread. The process's stderr is appended
    to log_path, which is moved aside first if it is larger than LOG_LIMIT_BYTES; without log_path it is dropped.
    """

    def __init__(
        self,
        argv: Sequence[str],
        deliver: Deliver,
        log_path: Path | None = None,
    ) -> None:
        self._deliver = deliver
        self._log_path = log_path
        self._outgoing: SimpleQueue[bytes | None] = SimpleQueue()
        self._was_killed = False
        self._log_start = _rotated_log_size(log_path)
        self._popen = _spawn(argv, log_path)
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._threads = (
            threading.Thread(target=self._read, args=(self._popen.stdout,), name="engine-reader", daemon=True),
            threading.Thread(target=self._write, args=(self._popen.stdin,), name="engine-writer", daemon=True),
        )
        for thread in self._threads:
            thread.start()

    @property
    def process_id(self) -> int:
        """The operating system's number of the process."""
        return self._popen.pid

    @property
    def exit_status(self) -> int | None:
        """None while it runs; minus the signal's number if a signal ended it (not on Windows)."""
        return self._popen.poll()

    @property
    def was_killed(self) -> bool:
        """True if end() had to use force, which then also explains the exit status."""
        return self._was_killed

    def send(self, message: Incoming) -> None:
        """Queue a message for writing. Raises FrameError or UnicodeEncodeError if it fits in no frame."""
        self._outgoing.put(encode_frame(message))

    def terminate(self) -> None:
        """Ask the process to end now."""
        with suppress(OSError):
            self._popen.terminate()

    def wait(self, timeout_seconds: float) -> bool:
        """Block until the process has ended, at most this long; return whether it has."""
        try:
            self._popen.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self, grace_seconds: float = 0.0) -> int | None:
        """Make sure that nothing is left of it and return its exit status; blocks for the grace and a moment.

        None only if the operating system could not end it (a process stuck in a driver).
        """
        if not self.wait(grace_seconds):
            self._was_killed = True
            self._kill_group()
            self.wait(_KILLED_WITHIN_SECONDS)
        self._outgoing.put(None)
        if not self._join_threads(_LINGER_SECONDS):
            # The process is gone but its pipe is open: a child that it forked holds it. As long as that lives, the
            # number of the group can't be given to another.
            self._kill_group()
            self._join_threads(_JOIN_SECONDS)
        if self.exit_status is None:
            _log.error("engine process %s could not be ended", self.process_id)
        return self.exit_status

    def log_tail(self) -> str:
        """Return the last lines that this process wrote to its log."""
        if self._log_path is None:
            return ""
        try:
            with self._log_path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(self._log_start if self._log_start <= size else 0, size - _LOG_TAIL_BYTES))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-_LOG_TAIL_LINES:])

    def _join_threads(self, timeout_seconds: float) -> bool:
        for thread in self._threads:
            thread.join(timeout_seconds)
        return not any(thread.is_alive() for thread in self._threads)

    def _kill_group(self) -> None:
        """Kill the process with all that it started; it leads its own group."""
        with suppress(OSError):
            if sys.platform == "win32":
                self._popen.kill()
            else:
                os.killpg(self._popen.pid, signal.SIGKILL)

    def _read(self, stream: IO[bytes]) -> None:
        broken_frame = ""
        try:
            with stream:
                while (body := read_frame(cast(BinaryIO, stream))) is not None:
                    self._deliver(FromEngine(self, decode_event(body)))
        except FrameError as error:
            broken_frame = str(error)
        except OSError as error:
            _log.warning("reading from the engine failed: %s", error)
        finally:
            self._deliver(StreamEnded(self, broken_frame))

    def _write(self, stream: IO[bytes]) -> None:
        with suppress(OSError):
            while (frame := self._outgoing.get()) is not None:
                stream.write(frame)
                stream.flush()
        with suppress(OSError):
            stream.close()


def _spawn(argv: Sequence[str], log_path: Path | None) -> subprocess.Popen[bytes]:
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    with _open_log(log_path) as log:
        # A session of its own: Ctrl+C in the terminal is for the app, which then shuts the engine down in order.
        return subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=_variables(),
            start_new_session=True,
            creationflags=flags,
        )


def _variables() -> dict[str, str]:
    """Return the engine's environment: what somebody has set for other programs must not break its libraries."""
    variables = dict(os.environ)
    # The engine is the one that belongs to this app, also when Hearth runs from a source folder.
    root = str(Path(engine.__path__[0]).parent)
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, (root, variables.get("PYTHONPATH"))))
    variables["PYTHONUTF8"] = "1"  # safetensors takes no path in another encoding
    variables.pop("PYTHONOPTIMIZE", None)  # transformers reads its own docstrings
    if "OMP_WAIT_POLICY" not in variables:
        variables.setdefault(*SHORT_WAIT)
    return variables


def _open_log(log_path: Path | None) -> IO[bytes]:
    if log_path is not None:
        try:
            return log_path.open("ab")
        except OSError as error:
            _log.warning("the engine's log can't be written: %s", error)
    return Path(os.devnull).open("ab")


def _rotated_log_size(log_path: Path | None) -> int:
    """Move a log that has grown too large to `<name>.1` and return the size of what is there now."""
    if log_path is None:
        return 0
    try:
        log_path.parent.mkdir(parents=True, exist_ok=True)
        size = log_path.stat().st_size if log_path.exists() else 0
        if size <= LOG_LIMIT_BYTES:
            return size
        # Fails on Windows while a second Hearth writes there; then the log grows on.
        log_path.replace(log_path.with_name(f"{log_path.name}.1"))
    except OSError as error:
        _log.warning("the engine's log could not be moved aside: %s", error)
        return 0
    return 0
