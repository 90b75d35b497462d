"""What a compressed-tensors configuration says: one package with a dozen formats, several of which may be mixed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_PACKED_FORMATS = ("pack-quantized", "nvfp4-pack-quantized", "mxfp4-pack-quantized", "mxfp6-pack-quantized")
_WHOLE_FORMATS = ("dense", "int-quantized", "float-quantized", "naive-quantized", "mxfp8-quantized", "mixed-precision")
_ROWS = ("tensor", "channel")
_READ_HERE = (
    "float-quantized", "int-quantized", "naive-quantized", "mxfp8-quantized", "pack-quantized", "nvfp4-pack-quantized",
    "mxfp4-pack-quantized",
)  # fmt: skip
_READ_HERE_BITS = (2, 4, 8)
_MOST_BITS = 16
_BITS_OF_FP8 = 8
_LONGEST_SHOWN = 40


@dataclass(frozen=True)
class CompressedScheme:
    """How the weights are stored.

    label: for people (`4-bit integers in packs`). bits: of the largest group's weights, the most of all groups if they
    differ. fits_fp8_product: every group is FP8 with one scale per row or tensor, as PyTorch's product of FP8 matrices
    takes it. is_uniform: all groups are stored alike, so that transformers can unpack them
    while loading; it takes the first group's scheme for all. is_read_here: Hearth can unpack all groups by itself.
    problem: why it can't be loaded, a clause, else empty.
    """

    label: str
    bits: int
    fits_fp8_product: bool = False
    is_uniform: bool = True
    is_read_here: bool = False
    problem: str = ""


def scheme_of(settings: Mapping[str, object]) -> CompressedScheme:
    """Return what the quantization_config of the kind `compressed-tensors` says; never raises."""
    groups = [group for group in _tables(settings.get("config_groups")) if isinstance(group.get("weights"), Mapping)]
    weights = [_table(group.get("weights")) for group in groups]
    formats = [str(group.get("format") or settings.get("format") or "dense") for group in groups]
    bits = [_bits(item.get("num_bits", 8)) for item in weights]
    kinds = [_words(item, width, layout) for item, width, layout in zip(weights, bits, formats, strict=True)]
    alike = len({_essentials(item, layout) for item, layout in zip(weights, formats, strict=True)}) <= 1
    return CompressedScheme(
        label=" and ".join(sorted(set(kinds))) or "nothing quantized",
        bits=max(bits, default=_MOST_BITS) or _BITS_OF_FP8,
        fits_fp8_product=set(kinds) == {"FP8"} and all(item.get("strategy") in _ROWS for item in weights),
        is_uniform=alike and settings.get("quantization_status") == "compressed",
        is_read_here=settings.get("quantization_status") == "compressed" and _is_read_here(bits, formats),
        problem=_problem(settings, weights, bits, formats),
    )


def _is_read_here(bits: list[int], formats: list[str]) -> bool:
    packs = {width for width, layout in zip(bits, formats, strict=True) if layout == "pack-quantized"}
    # Nothing in a file says how many bits the whole numbers in its words have.
    return bool(formats) and set(formats) <= set(_READ_HERE) and len(packs) <= 1 and packs <= set(_READ_HERE_BITS)


def _problem(
    settings: Mapping[str, object], weights: list[Mapping[str, object]], bits: list[int], formats: list[str]
) -> str:
    layouts = (*formats, str(_table(settings.get("sparsity_config")).get("format") or "dense"))
    unknown = next((layout for layout in layouts if layout not in (*_PACKED_FORMATS, *_WHOLE_FORMATS)), "")
    if unknown:
        return f"its layout “{unknown[:_LONGEST_SHOWN]}” is one that compressed-tensors does not read any more"
    if any(item.get("actorder") in ("group", "dynamic", True) for item in weights):
        return "its weights are stored in another order (actorder), which compressed-tensors does not undo any more"
    if settings.get("transform_config"):
        return "its weights are rotated (transform_config), which transformers does not undo"
    if 0 in bits:
        return "its configuration names no sensible number of bits"
    return ""


def _words(weights: Mapping[str, object], bits: int, layout: str) -> str:
    if layout.startswith(("nvfp4", "mxfp")):
        return layout.split("-")[0].upper()
    if weights.get("type") == "float":
        return f"FP{bits}"
    return f"{bits}-bit integers"


def _essentials(weights: Mapping[str, object], layout: str) -> tuple[str, ...]:
    keys = ("num_bits", "type", "symmetric", "strategy", "group_size", "block_structure")
    return (layout, *(str(weights.get(key)) for key in keys))


def _bits(value: object) -> int:
    sensible = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST_BITS
    return value if sensible and isinstance(value, int) else 0


def _tables(value: object) -> Iterable[Mapping[str, object]]:
    return [_table(item) for item in value.values()] if isinstance(value, Mapping) else []


def _table(value: object) -> Mapping[str, object]:
    return {str(key): item for key, item in value.items()} if isinstance(value, Mapping) else {}
