"""Which published forms Hearth unpacks by itself, and which tensors of a checkpoint make up one weight.

Pure: names, shapes and types as the headers tell them. How the numbers are put together is in unpacking.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine.quantization.published.compressed import CompressedScheme
from engine.quantization.published.elements import is_scale

_FLOATS_OF_BYTES = ("F8_E4M3", "F8_E5M2")
_OTHER_FLOATS = ("F6_E2M3", "F6_E3M2")
_PACKED_NAMES = ("weight_packed", "qweight")
_FP8_KINDS = ("fp8", "mxfp8")
_USUAL_BLOCK = (128, 128)
_MATRIX = 2
_WORD_BITS = 32
_WORD_DIVISORS = (2, 4, 8)
_AWQ_BITS = 4

Header = tuple[Sequence[int], str]
Block = tuple[int, int]


class Form(StrEnum):
    """How the numbers of a weight lie in its tensor.

    BYTES: 8 bits for each weight. FP4: two weights in a byte, the first in the low half. All others are whole numbers
    in words of 32 bits, WORDS and GPTQ along the inputs, AWQ along the outputs in an order of its own; GPTQ and AWQ
    have a row for each input.
    """

    BYTES = "bytes"
    FP4 = "fp4"
    WORDS = "words"
    GPTQ = "gptq"
    AWQ = "awq"


@dataclass(frozen=True)
class PackedWeight:
    """A weight that lies packed in the files: the tensors that make it up, empty where there is none.

    block: rows and columns of numbers that share a scale. overall: a scale that divides all others. order: the group of
    each input. shape: a tensor with rows and columns. zero_offset: what zero points were kept less.
    """

    form: Form
    numbers: str
    scale: str
    block: Block
    bits: int = 8
    zero: str = ""
    overall: str = ""
    order: str = ""
    shape: str = ""
    zero_offset: int = 0

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of all its tensors."""
        every = (self.numbers, self.scale, self.zero, self.overall, self.order, self.shape)
        return tuple(name for name in every if name)


@dataclass(frozen=True)
class Contents:
    """What the files of a checkpoint hold: packed weights by the name of the plain one. problem: a clause."""

    packed: Mapping[str, PackedWeight]
    problem: str = ""


def is_read_here(kind: str, bits: int, settings: Mapping[str, object], compressed: CompressedScheme | None) -> bool:
    """Tell whether Hearth can unpack weights that were published so."""
    if compressed is not None:
        return compressed.is_read_here
    if kind == "gptq":
        layout, word = settings.get("checkpoint_format") or "gptq", settings.get("pack_dtype") or "int32"
        return bits in _WORD_DIVISORS and layout in ("gptq", "gptq_v2") and word == "int32"
    if kind == "awq":
        return bits == _AWQ_BITS and str(settings.get("version") or "gemm").lower() == "gemm"
    return kind in _FP8_KINDS


def contents_of(kind: str, bits: int, settings: Mapping[str, object], headers: Mapping[str, Header]) -> Contents:
    """Return the packed weights of a checkpoint that is read here, up to the first that can't be."""
    found: dict[str, PackedWeight] = {}
    for name, header in headers.items():
        if not _is_packed(kind, name, header):
            continue
        plain = _plain_name(name)
        packed = _packed(kind, bits, settings, name, headers)
        if isinstance(packed, str):
            return Contents(found, packed)
        found[plain] = packed
    return Contents(found)


def _is_packed(kind: str, name: str, header: Header) -> bool:
    shape, dtype = header
    last = name.rpartition(".")[2]
    if len(shape) < _MATRIX or is_scale(name):
        return False
    if kind in _FP8_KINDS:
        return dtype in (*_FLOATS_OF_BYTES, *_OTHER_FLOATS, "F4", "I8")
    return last in _PACKED_NAMES or (kind == "compressed-tensors" and dtype in (*_FLOATS_OF_BYTES, "I8"))


def _plain_name(name: str) -> str:
    module, _, last = name.rpartition(".")
    return f"{module}.weight" if last in _PACKED_NAMES else name


def _packed(
    kind: str, bits: int, settings: Mapping[str, object], name: str, headers: Mapping[str, Header]
) -> PackedWeight | str:
    """Return how the weight is put together, or why it can't be."""
    module = name.rpartition(".")[0]
    scale = next((other for other in _scale_names(kind, settings, name) if other in headers), "")
    if not scale:
        return f"the scale of its weight {name} is missing or has a name that Hearth does not know"
    shape, dtype = headers[name]
    if dtype in _OTHER_FLOATS:
        return f"its weight {name} is stored in numbers of 6 bits"
    if kind in ("gptq", "awq"):
        return _inputs_first(kind, bits, settings, name, scale, headers)
    if dtype == "I32":
        wide = (*shape[:-1], shape[-1] * _WORD_BITS // bits)
        form, zero = Form.WORDS, _there(headers, module, "weight_zero_point")
    elif dtype in ("F4", "U8") or (dtype == "I8" and kind in _FP8_KINDS):
        wide, form, zero = (*shape[:-1], shape[-1] * 2), Form.FP4, ""
    else:
        wide, form, zero = tuple(shape), Form.BYTES, _there(headers, module, "weight_zero_point")
    block = _block(wide, headers[scale][0], () if form is Form.FP4 else _blocks_of(settings))
    if block is None:
        return f"its weight {name} does not fit its scales"
    overall = _there(headers, module, "weight_global_scale")
    extent = _there(headers, module, "weight_shape") if form is Form.WORDS else ""
    return PackedWeight(form, name, scale, block, bits, zero, overall, shape=extent)


def _inputs_first(
    kind: str, bits: int, settings: Mapping[str, object], name: str, scale: str, headers: Mapping[str, Header]
) -> PackedWeight | str:
    module = name.rpartition(".")[0]
    zero, order = _there(headers, module, "qzeros"), _there(headers, module, "g_idx")
    (words, outputs), groups = headers[name][0][-_MATRIX:], headers[scale][0]
    inputs = words
    if kind == "gptq":
        inputs = headers[order][0][0] if order else words * _WORD_BITS // bits
        bits = words * _WORD_BITS // inputs if inputs else 0
    else:
        outputs = outputs * _WORD_BITS // bits
    if not zero:
        return f"the zero points of its weight {name} are missing"
    fits = len(groups) == _MATRIX and groups[1] == outputs and 0 < groups[0] <= inputs and bits in _WORD_DIVISORS
    if not fits:
        return f"its weight {name} does not fit its scales"
    # The first version of GPTQ's layout keeps zero points less one.
    offset = 1 if kind == "gptq" and settings.get("checkpoint_format") != "gptq_v2" else 0
    form = Form.GPTQ if kind == "gptq" else Form.AWQ
    block = (-(inputs // -groups[0]), 1)
    return PackedWeight(form, name, scale, block, bits, zero, order=order, zero_offset=offset)


def _there(headers: Mapping[str, Header], module: str, last: str) -> str:
    """Return the name of a module's tensor, empty if it has none."""
    name = f"{module}.{last}"
    return name if name in headers else ""


def _scale_names(kind: str, settings: Mapping[str, object], name: str) -> tuple[str, ...]:
    module = name.rpartition(".")[0]
    if kind in ("gptq", "awq"):
        return (f"{module}.scales",)
    if kind == "compressed-tensors":
        return (f"{module}.weight_scale", f"{name}_scale")
    names = (f"{name}_scale_inv", f"{module}.scale", f"{module}.qscale_weight")
    # Embeddings that are named there have a single scale under another name.
    return (*names, f"{name}_scale") if settings.get("modules_to_convert") else names


def _blocks_of(settings: Mapping[str, object]) -> tuple[Block, ...]:
    """Return the sizes of blocks that the configuration names; other weights may still have one scale for a row."""
    groups = settings.get("config_groups")
    tables = [item.get("weights") for item in groups.values() if isinstance(item, Mapping)] if isinstance(
        groups, Mapping
    ) else []  # fmt: skip
    named = [settings.get("weight_block_size"), *(item.get("block_structure") for item in tables if item)]
    return tuple(filter(None, map(_pair, named)))


def _pair(value: object) -> Block | None:
    listed = value if isinstance(value, list | tuple) else ()
    sizes = [one for one in listed if isinstance(one, int) and one > 0]
    return (sizes[0], sizes[1]) if len(sizes) == _MATRIX else None


def _block(shape: Sequence[int], scale: Sequence[int], blocks: Sequence[Block]) -> Block | None:
    """Return the block that a scale is for; None if the scales are no grid over the weight."""
    rows, columns = shape[-2], shape[-1]
    if all(length == 1 for length in scale):
        return rows, columns
    grid: Block = (scale[0], 1) if len(scale) == 1 else (scale[-2], scale[-1])
    leading = scale[:-_MATRIX]
    if min(grid) < 1 or any(length not in (1, whole) for length, whole in zip(leading, shape, strict=False)):
        return None
    if len(leading) not in (0, len(shape) - _MATRIX):
        return None
    # The last block of a row or column may be shorter than the others.
    for block in blocks or (_USUAL_BLOCK,):
        if grid == (-(rows // -block[0]), -(columns // -block[1])):
            return block
    if grid in ((1, 1), (rows, 1)):
        return rows // grid[0], columns
    if blocks or rows % grid[0] or columns % grid[1]:
        return None
    return rows // grid[0], columns // grid[1]


def names_of(contents: Contents) -> Iterator[str]:
    """Yield the names of all tensors that are parts of packed weights."""
    for packed in contents.packed.values():
        yield from packed.parts
