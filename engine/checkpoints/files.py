"""A checkpoint's files as they lie in one folder: names, tensor headers, configuration. Nothing is built from them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import SafetensorError, safe_open

from engine.api.checkpoint import CheckpointKind
from engine.api.errors import EngineError, ErrorKind

INDEX_NAME = "model.safetensors.index.json"
SINGLE_NAME = "model.safetensors"
CONFIG_NAME = "config.json"

_ELEMENT_BITS = {"F64": 64, "I64": 64, "U64": 64, "F32": 32, "I32": 32, "U32": 32, "F4": 4}
_BITS_OF_HALVES = 16
_BITS_OF_BYTES = 8


@dataclass(frozen=True)
class CheckpointFiles:
    """Where a reference led: a folder on this computer, what to call it, and where it came from."""

    reference: str
    name: str
    kind: CheckpointKind
    folder: Path
    revision: str = ""


@dataclass(frozen=True)
class TensorHeader:
    """One tensor as its file announces it; dtype in safetensors' spelling (`BF16`, `F32`, `U8`)."""

    shape: tuple[int, ...]
    dtype: str
    elements: int
    size_bytes: int


@dataclass(frozen=True)
class CheckpointContents:
    """The configuration as published and the headers of all tensors by name."""

    config: Mapping[str, object]
    tensors: Mapping[str, TensorHeader] = field(default_factory=dict)

    @property
    def weight_bytes(self) -> int:
        """Bytes of all tensors as published."""
        return sum(header.size_bytes for header in self.tensors.values())

    @property
    def parameters(self) -> int:
        """Number of values in all tensors."""
        return sum(header.elements for header in self.tensors.values())

    @property
    def published_dtype(self) -> str:
        """The safetensors dtype that most bytes are in, or empty."""
        totals: dict[str, int] = {}
        for header in self.tensors.values():
            totals[header.dtype] = totals.get(header.dtype, 0) + header.size_bytes
        return max(totals, key=lambda dtype: totals[dtype], default="")


def incomplete(files: CheckpointFiles, what: str, details: str = "") -> EngineError:
    """Return the error for files that are missing or cut; what is a clause such as `config.json is missing`."""
    hints = {
        CheckpointKind.HUB_CACHE: f"Download {files.reference} again to repair it.",
        CheckpointKind.STARTER: "Load it again; it is prepared anew.",
        CheckpointKind.GGUF: "Load it again; it is prepared anew.",
        CheckpointKind.FOLDER: "Copy the complete model into the folder, or choose another model.",
    }
    message = f"The model {files.name} is incomplete: {what}."
    return EngineError(ErrorKind.CHECKPOINT_INCOMPLETE, message, hints[files.kind], details)


def shard_names(files: CheckpointFiles) -> list[str]:
    """Return the names of the safetensors files, from the index if there is one; every one of them exists.

    Raises EngineError(CHECKPOINT_INCOMPLETE) for a damaged index or a missing shard.
    """
    index = files.folder / INDEX_NAME
    if not index.is_file():
        return [SINGLE_NAME] if (files.folder / SINGLE_NAME).is_file() else []
    try:
        weight_map = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        names = sorted({str(name) for name in weight_map.values()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise incomplete(files, f"{INDEX_NAME} cannot be read", str(error)) from error
    for name in names:
        if Path(name).name != name:
            raise incomplete(files, f"{INDEX_NAME} names a file outside the folder", name)
        if not (files.folder / name).is_file():
            raise incomplete(files, f"{name} is missing")
    return names


def read_tensors(files: CheckpointFiles, names: list[str]) -> dict[str, TensorHeader]:
    """Return the header of every tensor in the named safetensors files; reads headers only.

    Raises EngineError(CHECKPOINT_INCOMPLETE) for a file that is cut, damaged or no safetensors at all.
    """
    tensors: dict[str, TensorHeader] = {}
    for name in names:
        try:
            with safe_open(files.folder / name, framework="np") as opened:  # checks the length against the header
                for key in opened.keys():  # noqa: SIM118 - not a mapping
                    part = opened.get_slice(key)
                    tensors[key] = _header(tuple(part.get_shape()), part.get_dtype())
        except (SafetensorError, OSError) as error:
            raise incomplete(files, f"{name} is damaged or was not downloaded completely", str(error)) from error
    return tensors


def _header(shape: tuple[int, ...], dtype: str) -> TensorHeader:
    elements = 1
    for length in shape:
        elements *= length
    default = _BITS_OF_HALVES if dtype.endswith("16") else _BITS_OF_BYTES
    bits = _ELEMENT_BITS.get(dtype, default)
    return TensorHeader(shape=shape, dtype=dtype, elements=elements, size_bytes=elements * bits // 8)
