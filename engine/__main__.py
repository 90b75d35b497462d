"""The engine process: reads commands from the pipe, runs them on their lanes, writes events.

    python -m engine --data FOLDER [--hub-cache FOLDER] [--offline]

The main thread only reads, so that a cancel arrives while the lanes compute. The pipe lives on private descriptors:
whatever a library prints goes to the log (stderr), and whatever one asks on stdin finds it empty.
The process ends by itself when its stdin ends, which is how it notices that the app is gone.
Exit status: 0 after Shutdown, SIGTERM or the end of stdin; 3 after a frame that is no command; 4 if the app stopped
listening.
"""

import argparse
import faulthandler
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import BinaryIO, NoReturn

from engine.api.cancellation import CancellationToken
from engine.api.codec import FrameError, decode_incoming, encode_frame, read_frame
from engine.api.commands import Cancel, RunBenchmark, Shutdown
from engine.api.events import Emit, EngineReady, Event, Terminal
from engine.checkpoints.lookups import Lookups
from engine.lanes import Handler, HandlerFactory, Lanes

EXIT_ORDERLY = 0
EXIT_BUG = 1
EXIT_BROKEN_FRAME = 3
EXIT_APP_GONE = 4
# Below the 2 s that the app waits before it ends the process itself.
LANES_END_SECONDS = 1.5

_log = logging.getLogger(__name__)


class _Terminated(BaseException):
    """SIGTERM: breaks the blocking read on the main thread."""


class _FrameWriter:
    """Owns the pipe to the app: whole frames only, one at a time, from any thread."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, event: Event) -> None:
        """Write one event; ends the process if nobody reads any more. Raises FrameError, UnicodeEncodeError."""
        frame = encode_frame(event)
        with self._lock:
            try:
                self._stream.write(frame)
                self._stream.flush()
            except OSError:
                leave(EXIT_APP_GONE)


def run(
    stdin: BinaryIO,
    stdout: BinaryIO,
    compute_factory: HandlerFactory,
    transfer_factory: HandlerFactory,
    lookup_factory: HandlerFactory | None = None,
    library_factory: HandlerFactory | None = None,
) -> int:
    """Serve commands until the stream ends or Shutdown; return the exit status.

    A lane that does not stop in LANES_END_SECONDS is left behind (its thread is a daemon): call leave() next, or
    use serve().
    """
    writer = _FrameWriter(stdout)
    writer.send(EngineReady(process_id=os.getpid()))
    lanes = Lanes(compute_factory, transfer_factory, writer.send, lookup_factory, library_factory)
    try:
        status = _read_until_end(stdin, lanes)
    except _Terminated:
        status = EXIT_ORDERLY
    if not lanes.close(LANES_END_SECONDS):
        _log.warning("a command did not stop in %s s and is abandoned", LANES_END_SECONDS)
    return status


def serve(
    stdin: BinaryIO,
    stdout: BinaryIO,
    compute_factory: HandlerFactory,
    transfer_factory: HandlerFactory,
    lookup_factory: HandlerFactory | None = None,
    library_factory: HandlerFactory | None = None,
) -> NoReturn:
    """Run as this process's only purpose: signals as handle_signals() sets them, then leave(). Main thread only."""
    try:
        handle_signals()
        status = run(stdin, stdout, compute_factory, transfer_factory, lookup_factory, library_factory)
    except _Terminated:
        status = EXIT_ORDERLY
    except Exception:  # a bug of ours, which the app is to be told by the status
        _log.exception("the engine's reading thread failed")
        status = EXIT_BUG
    leave(status)


def _read_until_end(stdin: BinaryIO, lanes: Lanes) -> int:
    try:
        while (body := read_frame(stdin)) is not None:
            message = decode_incoming(body)
            if isinstance(message, Shutdown):
                break
            if isinstance(message, Cancel):
                lanes.cancel(message.command_id)
            else:
                lanes.accept(message)
    except FrameError as error:
        _log.error("the app sent a broken frame: %s", error)
        return EXIT_BROKEN_FRAME
    except OSError as error:
        _log.warning("reading from the app failed: %s", error)
    return EXIT_ORDERLY


def claim_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Take stdin and stdout for frames only; afterwards descriptor 0 is empty and descriptor 1 is stderr.

    The new descriptors are not inherited, so that a child of the engine can't keep the pipe open after its death.
    """
    stdin = os.fdopen(os.dup(0), "rb")
    stdout = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return stdin, stdout


def handle_signals() -> None:
    """Leave Ctrl+C to the app, and take SIGTERM as Shutdown. Main thread only."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _on_terminate)


def _on_terminate(_signal_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Terminated


def leave(status: int) -> NoReturn:
    """End the process now, without waiting for lanes or for torch's teardown."""
    try:
        sys.stderr.flush()
    finally:
        os._exit(status)


def _prepare_environment(hub_cache: Path | None, offline: bool) -> None:
    """Set what the libraries read when they are imported: no telemetry, no token sent unasked, no chatter."""
    os.environ.update(
        HF_HUB_DISABLE_TELEMETRY="1",
        HF_HUB_DISABLE_IMPLICIT_TOKEN="1",
        HF_HUB_DISABLE_PROGRESS_BARS="1",
        TOKENIZERS_PARALLELISM="false",
        TRANSFORMERS_NO_ADVISORY_WARNINGS="1",
        TRANSFORMERS_VERBOSITY="error",
        DO_NOT_TRACK="1",
    )
    if hub_cache is not None:
        os.environ["HF_HUB_CACHE"] = str(hub_cache)
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"


def _prepare_log() -> None:
    """Send log records, warnings and the stacks of native crashes to stderr, which the app keeps as a file."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.captureWarnings(True)
    faulthandler.enable()


@contextmanager
def without_collections() -> Iterator[None]:
    """Look for no garbage while the libraries are loaded, which takes a fifth longer, nor later in what they made.

    That stays for ever: a collection that looks through it takes a second.
    """
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def main() -> NoReturn:
    """Start the engine; never returns."""
    parser = argparse.ArgumentParser(prog="python -m engine", description="Hearth's inference process.")
    parser.add_argument("--data", type=Path, required=True, help="the app's data folder")
    parser.add_argument("--hub-cache", type=Path, help="the folder that downloads lie in (else as HF_HUB_CACHE says)")
    parser.add_argument("--offline", action="store_true", help="never open a connection")
    arguments = parser.parse_args()
    data_folder: Path = arguments.data
    lookups = Lookups()

    def build_compute() -> Handler:
        with without_collections():
            from engine.hardware import allocator, bitsandbytes_library, threads, transformers_library

            # Before others import these, which takes twice as long.
            bitsandbytes_library.bitsandbytes_problem()
            transformers_library.import_models()
            from engine.bench import folders
            from engine.chat_engine import ChatEngine

        allocator.keep_working_memory()
        threads.use_physical_cores()
        folders.remove_left_behind(data_folder)
        return ChatEngine(data_folder, lookups, benchmark)

    def benchmark(command: RunBenchmark, cancellation: CancellationToken, emit: Emit) -> Terminal:
        from engine.bench import run as bench

        return bench.measure(command, data_folder, cancellation, emit)

    def build_transfers() -> Handler:
        from engine.transfers import Transfers

        return Transfers()

    def build_library() -> Handler:
        from engine.library import Library

        return Library(data_folder)

    def build_lookups() -> Handler:
        from engine.lookups import HubLookups

        return HubLookups(lookups)

    stdin, stdout = claim_pipes()
    _prepare_environment(arguments.hub_cache, arguments.offline)
    _prepare_log()
    serve(stdin, stdout, build_compute, build_transfers, build_lookups, build_library)


if __name__ == "__main__":
    main()
