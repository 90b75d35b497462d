"""The process that reads a file: what it finds goes to stdout as frames; it writes nothing and asks nobody.

A file that makes it run out of memory, or crash, ends this process and not the program.
"""

import struct
import sys
from pathlib import Path

import msgspec

from app.conversations.exchange.errors import ExchangeError
from app.conversations.exchange.parsing import PREFIX, Frame, Refused
from app.conversations.exchange.reading import NO_MEMORY, Unreadable, read_path
from app.process_memory import limit_memory

_MEMORY_BYTES = 6 * 2**30
_LARGEST_FRAME_BYTES = struct.unpack(">I", b"\xff" * 4)[0]


def main() -> int:
    """Read the file named by the argument; the last frame says why if it could not be read."""
    limit_memory(_MEMORY_BYTES)
    try:
        for item in read_path(Path(sys.argv[1])):
            _send(item)
    except ExchangeError as error:
        _send(Refused(error.message, error.hint, error.values))
    except MemoryError:
        _send(Refused(NO_MEMORY))
    return 0


def _send(item: Frame) -> None:
    try:
        body = msgspec.msgpack.encode(item)
    except OverflowError:  # a number that no program counts to
        body = msgspec.msgpack.encode(Unreadable())
    if len(body) <= _LARGEST_FRAME_BYTES:
        sys.stdout.buffer.write(PREFIX.pack(len(body)) + body)
        sys.stdout.buffer.flush()
    else:
        _send(Unreadable())


if __name__ == "__main__":
    sys.exit(main())
