"""One stored item as a safetensors file: its tensors, and in the metadata all that tells whose KV it is.

Whatever is wrong with a file (cut, changed, of another version, unreadable) is a DamagedError. Files are read whole
and never mapped: one that is cut while it is mapped would end the process.
"""

import json
import os
import struct
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
import xxhash

from engine.kv.layout import DTYPE_NAMES, DTYPES, Layout
from engine.kv.plain_files import create_plain, open_plain
from engine.kv.slab import Ids
from engine.kv.tree import Item, ItemKind, key_of

SUFFIX = ".safetensors"
_LENGTH = struct.Struct("<Q")
_ALIGNMENT = 8
_MOST_HEADER_BYTES = 16 * 2**20
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
    """What a file says of its item, and where its tensors begin."""

    metadata: Metadata
    ids: Ids
    layout: Layout
    data_offset: int


def write(path: Path, item: Item, root: str, fingerprint: str, data: torch.Tensor) -> None:
    """Write an item's bytes. Raises OSError."""
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
    checksum = _checksum(content, metadata, item.layout)
    metadata = msgspec.structs.replace(metadata, checksum=checksum)
    header: dict[str, object] = {"__metadata__": {"hearth": msgspec.json.encode(metadata).decode()}}
    for name, place in item.layout.places.items():
        header[name] = {
            "dtype": DTYPE_NAMES[place.dtype],
            "shape": place.shape,
            "data_offsets": (place.offset, place.offset + place.size_bytes),
        }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    with create_plain(path) as file:
        file.write(_LENGTH.pack(len(text)) + text)
        _write_all(file.fileno(), content)


def most_bytes(item: Item) -> int:
    """Return what an item's file takes at most."""
    in_header = 2 * len(item.parts) + 24 * len(item.ids) + 160 * len(item.layout.places)
    return item.size_bytes + in_header + 4096


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


def read_data(path: Path, header: Header, into: torch.Tensor) -> None:
    """Read the tensors' bytes and compare them with the checksum. Raises DamagedError, FileNotFoundError."""
    content = into.numpy().data
    try:
        with open_plain(path) as file:
            file.seek(header.data_offset)
            done = 0
            while done < len(content) and (count := file.readinto(content[done:])):
                done += count
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DamagedError(_reason(error)) from error
    metadata = msgspec.structs.replace(header.metadata, checksum="")
    if done != len(content) or _checksum(content, metadata, header.layout) != header.metadata.checksum:
        raise DamagedError("its content has changed")


def _parsed(text: bytes, fingerprint: str, data_offset: int, size_bytes: int) -> Header:
    content = json.loads(text)
    metadata = msgspec.json.decode(content.pop("__metadata__")["hearth"], type=Metadata)
    if metadata.fingerprint != fingerprint:
        raise DamagedError("it belongs to another model or version")
    tensors = {name: msgspec.convert(value, _Tensor) for name, value in content.items()}
    layout = Layout.of((name, DTYPES[tensor.dtype], tensor.shape) for name, tensor in tensors.items())
    for name, tensor in tensors.items():
        place = layout.places[name]
        if tensor.data_offsets != (place.offset, place.offset + place.size_bytes):
            raise DamagedError("its tensors lie elsewhere")
    if data_offset + layout.size_bytes != size_bytes:
        raise DamagedError("it has another length")
    ids = np.asarray(metadata.ids, dtype=np.int64)
    if metadata.key != key_of(metadata.kind, metadata.parent, ids):
        raise DamagedError("its ids have changed")
    return Header(metadata, ids, layout, data_offset)


def _reason(error: Exception) -> str:
    """Return what was wrong without quoting the file."""
    told = error.strerror if isinstance(error, OSError) else None
    return told or f"it can't be understood ({type(error).__name__})"


def _checksum(content: memoryview, metadata: Metadata, layout: Layout) -> str:
    digest = xxhash.xxh3_128(content)
    digest.update(msgspec.json.encode(metadata))
    digest.update(repr(sorted(layout.places.items(), key=lambda named: named[0])).encode())
    return digest.hexdigest()


def _write_all(descriptor: int, content: memoryview) -> None:
    done = 0
    while done < len(content):
        done += os.write(descriptor, content[done:])
