"""A checkpoint's files as they lie in one folder: names, tensor headers, configuration. Nothing is built from them."""

import json
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import SafetensorError, safe_open

from engine.api.checkpoint import CheckpointKind
from engine.api.errors import EngineError, ErrorKind

INDEX_NAME = "model.safetensors.index.json"
SINGLE_NAME = "model.safetensors"
CONFIG_NAME = "config.json"

LARGEST_JSON_BYTES = 64 * 2**20
# Reading what a description of that size can hold takes seconds and gigabytes; an index lists each tensor.
_LARGEST_DESCRIPTION_BYTES = 16 * 2**20

_ELEMENT_BITS = {
    "F64": 64, "I64": 64, "U64": 64, "C64": 64, "F32": 32, "I32": 32, "U32": 32, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}  # fmt: skip
_BITS_OF_HALVES = 16
_BITS_OF_BYTES = 8
_SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")
_MOST_BYTES = 2**56
_INDEX_END = ".index.json"
_SHOWN_NAMES = 3
_OPENING_BYTES = 64
_LENGTH_BYTES = 8
_LONGEST_NAME = 255
# What lies under the name of a weight file when the file itself was never fetched.
_STAND_INS = (
    (b"version https://git-lfs", "is only a pointer to the file, which Git LFS has not fetched"),
    (b"<", "is a web page instead of the file"),
)


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
    """One tensor as its file announces it; dtype in safetensors' spelling (`BF16`, `F32`, `U8`).

    elements: the weights that it stands for: several for each packed number of a quantised checkpoint, none for scales.
    """

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
        """Number of weights, however they are packed."""
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


def unreadable_gguf(name: str, details: str = "") -> EngineError:
    """Return the error about a GGUF file that is none, or none that can be read."""
    return EngineError(
        ErrorKind.CHECKPOINT_UNSUPPORTED,
        f"The GGUF file {name} cannot be read: it is damaged, or of a kind this version does not know.",
        "Download it again, or use the model's safetensors version.",
        details,
    )


def shard_names(files: CheckpointFiles, named: str = "") -> list[str]:
    """Return the names of the safetensors files that transformers will read; every one of them exists.

    That is model.safetensors if it is there, else what the index lists. named: what the configuration names instead.
    Raises EngineError(CHECKPOINT_INCOMPLETE) for a damaged index or a missing shard.
    """
    single, index = (named, "") if named.endswith(".safetensors") else (SINGLE_NAME, named or INDEX_NAME)
    listed = sorted({str(name) for name in _weight_map(files, index).values()}) if index else []
    if is_there(files, single):
        return [single]
    for name in listed:
        if not is_there(files, name):
            raise incomplete(files, f"{name} is missing")
    return listed


def listed_shards(files: CheckpointFiles) -> list[str]:
    """Return the names of weight files that the index lists, there or not, and of parts without an index.

    Never raises: a damaged index lists none.
    """
    try:
        listed = {str(name) for name in _weight_map(files, INDEX_NAME).values()}
        beside = {path.name for path in files.folder.iterdir() if _SHARD.fullmatch(path.name)}
    except (EngineError, OSError):
        return []
    return sorted(listed | beside)


def weight_bytes_in_all(files: CheckpointFiles) -> int:
    """Return the bytes of all weights as the index tells them, 0 if it doesn't. Never raises."""
    try:
        content = read_json(files, INDEX_NAME) if is_there(files, INDEX_NAME) else None
        metadata = content.get("metadata") if isinstance(content, dict) else None
        total = metadata.get("total_size") if isinstance(metadata, dict) else None
    except (EngineError, OSError):
        return 0
    return int(total) if isinstance(total, int | float) and 0 < total < _MOST_BYTES else 0


def check_index(files: CheckpointFiles, names: list[str], tensors: Mapping[str, object], named: str) -> None:
    """Compare the index with what its files hold. Raises EngineError(CHECKPOINT_INCOMPLETE) for tensors they lack."""
    index = named or INDEX_NAME
    if names in ([SINGLE_NAME], [named]) or not index.endswith(".json"):
        return
    missing = sorted(str(key) for key in _weight_map(files, index) if key not in tensors)
    if missing:
        more = f" and {len(missing) - _SHOWN_NAMES} more" if len(missing) > _SHOWN_NAMES else ""
        shown = ", ".join(name[:_LONGEST_NAME] for name in missing[:_SHOWN_NAMES]) + more
        raise incomplete(files, f"{index} lists parts that no file holds ({shown})", "\n".join(missing))


def is_there(files: CheckpointFiles, name: str) -> bool:
    """Whether the folder has the ordinary file, or a link to one as in the Hub's cache.

    Raises EngineError(CHECKPOINT_INCOMPLETE) for a link that leads nowhere, a pipe or a device: opening those may wait
    for ever.
    """
    path = files.folder / name
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if path.is_symlink():
            raise incomplete(files, f"{name} is missing (its link leads nowhere)") from None
        return False
    except OSError as error:  # a loop of links
        raise incomplete(files, f"{name} cannot be read", str(error)) from error
    if not stat.S_ISREG(mode):
        raise incomplete(files, f"{name} is no ordinary file")
    return True


def read_json(files: CheckpointFiles, name: str) -> object:
    """Return the content of a JSON file of bounded size. Raises EngineError(CHECKPOINT_INCOMPLETE) if it is damaged."""
    path = files.folder / name
    try:
        largest = LARGEST_JSON_BYTES if name.endswith(_INDEX_END) else _LARGEST_DESCRIPTION_BYTES
        if path.stat().st_size > largest:
            raise incomplete(files, f"{name} is far too large")
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise incomplete(files, f"{name} is damaged", str(error)) from error


def read_tensors(files: CheckpointFiles, names: list[str]) -> dict[str, TensorHeader]:
    """Return the header of every tensor in the named safetensors files; reads headers only.

    Raises EngineError(CHECKPOINT_INCOMPLETE) for a file that is cut, damaged or no safetensors at all, and for a
    tensor that lies in two files.
    """
    tensors: dict[str, TensorHeader] = {}
    places: dict[str, str] = {}
    for name in names:
        try:
            _bring(files.folder / name)
            with safe_open(files.folder / name, framework="np") as opened:  # checks the length against the header
                for key in opened.keys():  # noqa: SIM118 - not a mapping
                    if key in tensors:
                        raise incomplete(files, f"{name} and {places[key]} both hold {key}")
                    part = opened.get_slice(key)
                    tensors[key] = _header(tuple(part.get_shape()), part.get_dtype())
                    places[key] = name
        except (SafetensorError, OSError) as error:
            raise incomplete(files, f"{name} {_fault(files.folder / name)}", str(error)) from error
    return tensors


def _weight_map(files: CheckpointFiles, index: str) -> Mapping[str, object]:
    """Return tensor -> file from the index, empty if there is none; the names are those of files in the folder."""
    if not is_there(files, index):
        return {}
    content = read_json(files, index)
    found = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(found, dict):
        raise incomplete(files, f"{index} cannot be read")
    for name in found.values():
        if not isinstance(name, str) or not _is_weight_name(name):
            raise incomplete(files, f"{index} names a file that is no .safetensors file in the folder", str(name))
    return found


def _is_weight_name(name: str) -> bool:
    """Whether a name leads to a weight file in the folder itself on every system, and can be shown."""
    plain = name.isprintable() and "\\" not in name and len(name) <= _LONGEST_NAME
    return plain and Path(name).name == name and name.endswith(".safetensors")


def _bring(path: Path) -> None:
    """Read the header where a disk that hangs holds up one thread only: safetensors reads with Python's lock held."""
    with path.open("rb", buffering=0) as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        file.read(min(length, LARGEST_JSON_BYTES))


def _fault(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            opening = stream.read(_OPENING_BYTES)
    except OSError:
        return "cannot be read"
    known = (words for start, words in _STAND_INS if opening.lstrip().startswith(start))
    return "is empty" if not opening else next(known, "is damaged or was not downloaded completely")


def _header(shape: tuple[int, ...], dtype: str) -> TensorHeader:
    elements = 1
    for length in shape:
        elements *= length
    default = _BITS_OF_HALVES if dtype.endswith("16") else _BITS_OF_BYTES
    bits = _ELEMENT_BITS.get(dtype, default)
    return TensorHeader(shape=shape, dtype=dtype, elements=elements, size_bytes=elements * bits // 8)
