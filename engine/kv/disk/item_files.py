"""One stored item as a safetensors file: its tensors, and in the metadata all that tells whose KV it is.

Whatever is wrong with a file (cut, changed, of another version, unreadable) is a DamagedError. Files are read whole
and never mapped: one that is cut while it is mapped would end the process.
"""

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import msgspec
import numpy as np
import torch
import xxhash

from engine.kv.disk.file_reader import GoesOn
from engine.kv.disk.plain_files import create_plain, open_plain
from engine.kv.layout import DTYPE_NAMES, DTYPES, Layout
from engine.kv.slab import Ids
from engine.kv.tree import Item, ItemKind, key_of

SUFFIX = ".safetensors"
_LENGTH = struct.Struct("<Q")
_ALIGNMENT = 8
_BEGIN = b'{"__metadata__":'
_MOST_HEADER_BYTES = 16 * 2**20
_CHUNK_BYTES = 8 * 2**20
# What damaged bytes become on their way to a header; their text may quote the ids, so it is never told.
_UNREADABLE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    struct.error,
    msgspec.MsgspecError,
)


def _goes_on() -> None:
    """Tell nobody."""


class DamagedError(Exception):
    """The file doesn't hold what it should."""


class Metadata(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose KV it is; parent is the key of the page before it, or of the root. checksum: of everything."""

    fingerprint: str
    kind: ItemKind
    key: str
    root: str
    parent: str
    start: int
    ids: tuple[int, ...]
    earliest: int
    parts: str
    checksum: str


class _Tensor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


@dataclass(frozen=True)
class Header:
    """What a file says of its item, in its own words about the tensors as well, and where their bytes begin."""

    metadata: Metadata
    ids: Ids
    layout: Layout
    tensors: bytes
    data_offset: int

    @property
    def size_bytes(self) -> int:
        """Bytes of the whole file."""
        return self.data_offset + self.layout.size_bytes


def write(
    path: Path,
    item: Item,
    root: str,
    fingerprint: str,
    data: torch.Tensor,
    has_room: Callable[[int], bool] = lambda size_bytes: True,
    goes_on: GoesOn = _goes_on,
) -> bool:
    """Write an item's bytes; False where there is no room for them. Raises OSError.

    has_room is asked when the file is as long as it will be, though still empty: others count it from then on.
    goes_on is called whenever the disk has taken some of it.
    """
    assert item.parent is not None
    content = data.numpy().data
    metadata = Metadata(
        fingerprint=fingerprint,
        kind=item.kind,
        key=item.key,
        root=root,
        parent=item.parent.key,
        start=item.start,
        ids=tuple(item.ids.tolist()),
        earliest=item.earliest,
        parts=item.parts,
        checksum="",
    )
    tensors = _tensors_text(item.layout)
    metadata = msgspec.structs.replace(metadata, checksum=_checksum(content, metadata, tensors))
    text = _BEGIN + msgspec.json.encode({"hearth": msgspec.json.encode(metadata).decode()}) + tensors + b"}"
    text += b" " * (-len(text) % _ALIGNMENT)
    size_bytes = _LENGTH.size + len(text) + len(content)
    with create_plain(path) as file:
        file.truncate(size_bytes)
        if not has_room(size_bytes):
            return False
        file.write(_LENGTH.pack(len(text)) + text)
        for start in range(0, len(content), _CHUNK_BYTES):
            _write_all(file.fileno(), content[start : start + _CHUNK_BYTES])
            goes_on()
    return True


def read_header(path: Path, fingerprint: str) -> Header:
    """Return what the file says it holds, without reading its tensors. Raises DamagedError, FileNotFoundError."""
    try:
        with open_plain(path) as file:
            size = os.fstat(file.fileno()).st_size
            (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
            if length > min(size, _MOST_HEADER_BYTES):
                raise DamagedError("its header is too long")
            text = file.read(length)
        return _parsed(text, fingerprint, _LENGTH.size + length, size)
    except FileNotFoundError:
        raise
    except _UNREADABLE as error:
        raise DamagedError(_reason(error)) from error


def read_renewed(path: Path, header: Header, item: Item, into: torch.Tensor, goes_on: GoesOn = _goes_on) -> Header:
    """Read the tensors' bytes; return the header they belong to: another process may have written the item since.

    Raises as read_data().
    """
    try:
        read_data(path, header, into, goes_on)
        return header
    except DamagedError as error:
        try:
            fresh = read_header(path, header.metadata.fingerprint)
        except (DamagedError, FileNotFoundError):
            raise error from None
        if fresh.metadata.checksum == header.metadata.checksum or not _describes(fresh, item):
            raise
    return read_renewed(path, fresh, item, into, goes_on)


def read_data(path: Path, header: Header, into: torch.Tensor, goes_on: GoesOn = _goes_on) -> None:
    """Read the tensors' bytes and compare them with the checksum. Raises DamagedError, FileNotFoundError.

    goes_on is called whenever the disk has given some of it.
    """
    content = into.numpy().data
    try:
        with open_plain(path) as file:
            file.seek(header.data_offset)
            done = 0
            while done < len(content) and (count := file.readinto(content[done : done + _CHUNK_BYTES])):
                done += count
                goes_on()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DamagedError(_reason(error)) from error
    metadata = msgspec.structs.replace(header.metadata, checksum="")
    if done != len(content) or _checksum(content, metadata, header.tensors) != header.metadata.checksum:
        raise DamagedError("its content has changed")


def _parsed(text: bytes, fingerprint: str, data_offset: int, size_bytes: int) -> Header:
    if not text.startswith(_BEGIN):
        raise DamagedError("its header begins with something else")
    named = msgspec.json.decode(text, type=dict[str, msgspec.Raw])["__metadata__"]
    metadata = msgspec.json.decode(msgspec.json.decode(named, type=dict[str, str])["hearth"], type=Metadata)
    if metadata.fingerprint != fingerprint:
        raise DamagedError("it belongs to another model or version")
    tensors = text[len(_BEGIN) + len(bytes(named)) :].rstrip(b" ")[:-1]
    layout = _layout_of(tensors)
    if data_offset + layout.size_bytes != size_bytes:
        raise DamagedError("it has another length")
    ids = np.asarray(metadata.ids, dtype=np.int64)
    if metadata.key != key_of(metadata.kind, metadata.parent, ids):
        raise DamagedError("its ids have changed")
    return Header(metadata, ids, layout, tensors, data_offset)


def _describes(header: Header, item: Item) -> bool:
    """Return whether a file's tensors are what the item says of its own."""
    told = header.metadata
    return (header.layout.places, told.earliest, told.parts) == (item.layout.places, item.earliest, item.parts)


def _tensors_text(layout: Layout) -> bytes:
    """Return what the header says of the tensors: a comma and an entry for each."""
    entries = {
        name: _Tensor(DTYPE_NAMES[place.dtype], place.shape, (place.offset, place.offset + place.size_bytes))
        for name, place in layout.places.items()
    }
    return b"," + msgspec.json.encode(entries)[1:-1] if entries else b""


@lru_cache(maxsize=64)
def _layout_of(tensors_text: bytes) -> Layout:
    """Return the layout that the header tells; the same one for all pages of a model that are full.

    Raises DamagedError, or what decoding raises.
    """
    entries = msgspec.json.decode(b"{" + tensors_text.removeprefix(b",") + b"}", type=dict[str, _Tensor])
    layout = Layout.of((name, DTYPES[tensor.dtype], tensor.shape) for name, tensor in entries.items())
    for name, tensor in entries.items():
        place = layout.places[name]
        if tensor.data_offsets != (place.offset, place.offset + place.size_bytes):
            raise DamagedError("its tensors lie elsewhere")
    return layout


def _reason(error: Exception) -> str:
    """Return what was wrong without quoting the file."""
    told = error.strerror if isinstance(error, OSError) else None
    return told or f"it can't be understood ({type(error).__name__})"


def _checksum(content: memoryview, metadata: Metadata, tensors_text: bytes) -> str:
    digest = xxhash.xxh3_128(content)
    digest.update(msgspec.json.encode(metadata))
    digest.update(tensors_text)
    return digest.hexdigest()


def _write_all(descriptor: int, content: memoryview) -> None:
    done = 0
    while done < len(content):
        done += os.write(descriptor, content[done:])
