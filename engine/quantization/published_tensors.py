"""Whether the tensors of a checkpoint fit what its configuration says of their quantisation.

transformers 5.23 loads packed numbers without their scales, and unpacks FP8 blocks that do not fill their grid with the
wrong scale, both without an error; so this is checked before anything is loaded.
"""

from collections.abc import Iterator, Mapping, Sequence

from engine.quantization.published import PublishedQuantization

_FLOATS_OF_BYTES = ("F8_E4M3", "F8_E5M2", "F4", "F6_E2M3", "F6_E3M2")
_WHOLE_NUMBERS = ("U8", "I8", "I16", "U16", "I32", "U32")
_PACKED_NAMES = ("weight", "qweight", "weight_packed", "W_q", "_data", "codes")
_MATRIX = 2
_FP8_KINDS = ("fp8", "mxfp8")

Header = tuple[Sequence[int], str]


def problem(published: PublishedQuantization | None, tensors: Mapping[str, Header]) -> str:
    """Return what is wrong as a clause, empty if nothing is; tensors: shape and safetensors dtype by name."""
    if published is None:
        name = next((name for name, header in tensors.items() if _is_packed(name, header)), "")
        return f"its weights are quantized ({name}), but config.json does not say how" if name else ""
    if published.kind in _FP8_KINDS:
        return next(_fp8_problems(published, tensors), "")
    return ""


def _is_packed(name: str, header: Header) -> bool:
    shape, dtype = header
    if len(shape) < _MATRIX:
        return False
    last = name.rpartition(".")[2]
    return dtype in _FLOATS_OF_BYTES or (dtype in _WHOLE_NUMBERS and (last in _PACKED_NAMES or "_blocks" in last))


def _fp8_problems(published: PublishedQuantization, tensors: Mapping[str, Header]) -> Iterator[str]:
    for name, (shape, dtype) in tensors.items():
        if len(shape) < _MATRIX or dtype not in (*_FLOATS_OF_BYTES, "I8"):
            continue
        scale = next((tensors[other] for other in _scale_names(published, name) if other in tensors), None)
        if scale is None:
            yield f"the scale of its weight {name} is missing or has a name that the transformers library does not know"
        elif not _fills_its_grid(shape, scale[0], published.settings.get("weight_block_size", (128, 128))):
            yield f"its weight {name} has a size that the transformers library cannot unpack"


def _scale_names(published: PublishedQuantization, name: str) -> tuple[str, ...]:
    module = name.rpartition(".")[0]
    names = (f"{name}_scale_inv", f"{module}.scale", f"{module}.qscale_weight")
    # Embeddings that are named there have a single scale under another name.
    return (*names, f"{name}_scale") if published.settings.get("modules_to_convert") else names


def _fills_its_grid(shape: Sequence[int], scale: Sequence[int], blocks: object) -> bool:
    if len(scale) < _MATRIX:
        return True  # one scale for all
    wanted = list(blocks) if isinstance(blocks, list | tuple) and len(blocks) == _MATRIX else [None, None]
    return all(
        parts > 0 and length % parts == 0 and not _is_cut(length, parts, block)
        for length, parts, block in zip(shape[-2:], scale[-2:], wanted, strict=True)
    )


def _is_cut(length: int, parts: int, block: object) -> bool:
    """Whether the last block is shorter than the others: transformers takes all to be of the same size."""
    return isinstance(block, int) and block > 0 and parts > 1 and parts == -(-length // block) and length % block != 0
