"""Has a file read by a process of its own and hands on what that finds. Owns the process."""

import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

import app
from app.conversations.exchange.errors import ExchangeError
from app.conversations.exchange.reading import FoldersFound, Item, Parsed, Unreadable
from app.language import mark

PREFIX = struct.Struct(">I")


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """Why the file, or the rest of it, can't be read."""

    message: str
    hint: str = ""
    values: dict[str, str] = {}


Frame = Parsed | FoldersFound | Unreadable | Refused
_decoder: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)


class ParsingProcess:
    """Begins to read at once; to be closed. stop() may be called from any thread."""

    def __init__(self, path: Path) -> None:
        variables = dict(os.environ)
        root = str(Path(app.__path__[0]).parent)
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, (root, variables.get("PYTHONPATH"))))
        argv = [sys.executable, "-P", "-m", "app.conversations.exchange", str(path.absolute())]
        try:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=variables,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            values = {"reason": error.strerror or str(error)}
            raise ExchangeError(
                mark("The program that reads files could not be started ({reason})."), "", values
            ) from error

    def __enter__(self) -> "ParsingProcess":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process.wait()

    def items(self) -> Iterator[Item]:
        """Yield what is found; raises ExchangeError where it ends before its end. Blocks."""
        assert self._process.stdout is not None
        while body := _frame(self._process.stdout):
            frame = _decoder.decode(body)
            if isinstance(frame, Refused):
                raise ExchangeError(frame.message, frame.hint, frame.values)
            yield frame
        if self._process.wait() != 0:
            raise ExchangeError(
                mark("The file could not be read to its end; reading it took too much memory, or was stopped.")
            )

    def stop(self) -> None:
        """End the process, wherever it is."""
        if self._process.poll() is None:
            self._process.kill()


def _frame(stream: IO[bytes]) -> bytes:
    prefix = stream.read(PREFIX.size)
    if len(prefix) < PREFIX.size:
        return b""
    body = stream.read(PREFIX.unpack(prefix)[0])
    return body if len(body) == PREFIX.unpack(prefix)[0] else b""
