"""One file that is being fetched: its bytes so far, and how far each unit of it has come; owns both files.

    blobs/<digest>.hearth.incomplete         the bytes, each at its final place
    blobs/<digest>.hearth-record.incomplete  a header, then two counters per unit: written, and synced to the disk

A process that is killed loses nothing that was written: the system holds it. A computer that loses power may keep a
counter and lose the bytes, so after another start of the system only the synced counters are believed.
"""

import array
import hashlib
import os
import struct
import sys
import threading
import zlib
from pathlib import Path

from engine.hub.download.boot import boot_id

UNIT_BYTES = 2**20
_SUFFIX = ".hearth.incomplete"
_RECORD_SUFFIX = ".hearth-record.incomplete"
_MAGIC = b"HEARTH01"
_HEADER = struct.Struct("<8sQQ16s16sI")
"""magic, size of the file, size of a unit, boot, digest, CRC-32 of all before it"""
_COUNTER = struct.Struct("<I")


class Part:
    """The bytes of one file that have arrived. Any thread; the units that one writes must be no other's.

    Raises OSError from every method: the disk is full, read-only or gone.
    """

    def __init__(self, blobs: Path, digest: str, size_bytes: int) -> None:
        """Open what is there, or begin anew where it is damaged, of another size or not there at all."""
        self.path = blobs / f"{digest}{_SUFFIX}"
        self._record_path = blobs / f"{digest}{_RECORD_SUFFIX}"
        self._digest = digest
        self.size_bytes = size_bytes
        self._data = self._record = -1
        counters = _read_counters(self.path, self._record_path, digest, size_bytes)
        self.was_there = counters is not None
        try:
            self._open(counters)
        except BaseException:
            self.close()
            raise

    def _open(self, counters: "array.array[int] | None") -> None:
        blobs = self.path.parent
        blobs.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
        if counters is None:
            self._record_path.unlink(
                missing_ok=True
            )  # before the bytes: it must never tell of bytes that are not there
            self.path.unlink(missing_ok=True)
            counters = array.array("I", bytes(4 * _unit_count(self.size_bytes)))
        self.written = counters
        self._synced = array.array("I", counters)
        self._data = os.open(self.path, flags, 0o666)
        staged = self._record_path.with_name(f"{self._digest}.hearth-record.{os.getpid()}.incomplete")
        with staged.open("wb") as stream:
            stream.write(_header(self._digest, self.size_bytes) + counters.tobytes() + counters.tobytes())
            if any(counters):
                stream.flush()
                sync_file(stream.fileno())
        staged.replace(self._record_path)
        self._record = os.open(self._record_path, flags, 0o666)

    def write(self, offset: int, block: bytes | memoryview) -> None:
        """Put bytes at their place and count them. offset must follow what its unit has."""
        _write_at(self._data, block, offset)
        end = offset + len(block)
        while offset < end:
            unit = offset // UNIT_BYTES
            reached = min(end, (unit + 1) * UNIT_BYTES)
            if self.written[unit] != offset - unit * UNIT_BYTES:
                raise ValueError("bytes that don't follow those before them")
            self.written[unit] = reached - unit * UNIT_BYTES
            _write_at(self._record, _COUNTER.pack(self.written[unit]), _HEADER.size + 4 * unit)
            offset = reached

    def read(self, offset: int, count: int) -> bytes:
        """Return bytes that were written."""
        return _read_at(self._data, count, offset)

    def unit_length(self, unit: int) -> int:
        """Return how many bytes a unit has when it is whole."""
        return min(UNIT_BYTES, self.size_bytes - unit * UNIT_BYTES)

    def sync(self) -> None:
        """Bring what is written so far to the disk, so that even a power cut leaves it."""
        counters = array.array("I", self.written)  # before the bytes are synced: later ones may not be
        if counters == self._synced:
            return
        sync_file(self._data)
        _write_at(self._record, counters.tobytes(), _HEADER.size + 4 * len(counters))
        sync_file(self._record)
        self._synced = counters

    def close(self) -> None:
        """Let go of the files; what arrived stays for the next time."""
        for handle in (self._data, self._record):
            if handle >= 0:
                os.close(handle)
        self._data = self._record = -1

    def finish(self, blob: Path) -> None:
        """Make a blob of the bytes, which are all there and right."""
        sync_file(self._data)
        self.close()
        self.path.replace(blob)
        self._record_path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Close and delete it."""
        self.close()
        self._record_path.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


def present_bytes(blobs: Path, digest: str, size_bytes: int) -> int:
    """Return how many bytes of a file that is being fetched are there; opens nothing for writing."""
    counters = _read_counters(blobs / f"{digest}{_SUFFIX}", blobs / f"{digest}{_RECORD_SUFFIX}", digest, size_bytes)
    return sum(counters) if counters is not None else 0


def part_files(blobs: Path, digest: str = "*") -> list[Path]:
    """Return the files that belong to the part of a digest, or to any."""
    return [*blobs.glob(f"{digest}{_SUFFIX}"), *blobs.glob(f"{digest}.hearth-record*.incomplete")]


def _unit_count(size_bytes: int) -> int:
    return -(-size_bytes // UNIT_BYTES)


def _header(digest: str, size_bytes: int) -> bytes:
    boot = hashlib.blake2b(boot_id().encode(), digest_size=16).digest()
    name = hashlib.blake2b(digest.encode(), digest_size=16).digest()
    start = _HEADER.pack(_MAGIC, size_bytes, UNIT_BYTES, boot, name, 0)[:-4]
    return start + struct.pack("<I", zlib.crc32(start))


def _read_counters(data: Path, record: Path, digest: str, size_bytes: int) -> "array.array[int] | None":
    """Return how far each unit has come, or None where what is there can't be believed."""
    count = _unit_count(size_bytes)
    try:
        content = record.read_bytes()
        length = data.stat().st_size
    except OSError:
        return None
    if len(content) != _HEADER.size + 8 * count:
        return None
    head, ours = content[: _HEADER.size], _header(digest, size_bytes)
    start, boot, name = head[:24], head[24:40], head[40:56]
    if struct.unpack("<I", head[56:])[0] != zlib.crc32(head[:56]) or (start, name) != (ours[:24], ours[40:56]):
        return None
    first = _HEADER.size if boot == ours[24:40] else _HEADER.size + 4 * count
    counters = array.array("I", content[first : first + 4 * count])
    for unit, written in enumerate(counters):
        begin = unit * UNIT_BYTES
        if written > min(UNIT_BYTES, size_bytes - begin) or (written and begin + written > length):
            return None
    return counters


def sync_file(handle: int) -> None:
    """Bring a file's content to the disk; macOS needs another call than fsync for that."""
    if sys.platform == "darwin":
        import fcntl

        fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
    else:
        os.fsync(handle)


if sys.platform == "win32":
    _seeking = threading.Lock()

    def _write_at(handle: int, block: bytes | memoryview, offset: int) -> None:
        rest = memoryview(block)
        while rest:
            with _seeking:
                os.lseek(handle, offset, os.SEEK_SET)
                done = os.write(handle, rest)
            rest, offset = rest[done:], offset + done

    def _read_at(handle: int, count: int, offset: int) -> bytes:
        with _seeking:
            os.lseek(handle, offset, os.SEEK_SET)
            return os.read(handle, count)

else:

    def _write_at(handle: int, block: bytes | memoryview, offset: int) -> None:
        rest = memoryview(block)
        while rest:
            done = os.pwrite(handle, rest, offset)
            rest, offset = rest[done:], offset + done

    def _read_at(handle: int, count: int, offset: int) -> bytes:
        return os.pread(handle, count, offset)
