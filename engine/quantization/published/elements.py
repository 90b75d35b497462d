"""How many weights a stored tensor of a quantised checkpoint stands for: packed numbers hold several, scales none."""

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from types import MappingProxyType

_STORED_BITS = MappingProxyType(
    {
        "U8": 8, "I8": 8, "U16": 16, "I16": 16, "U32": 32, "I32": 32, "U64": 64, "I64": 64,
        "BF16": 16, "F16": 16, "F32": 32,
    }
)  # fmt: skip
# Last parts of names under which the kinds store what belongs to weights but is none.
_SCALES = frozenset(
    {
        "weight_scale", "weight_scale_inv", "scale_inv", "weight_scale_2", "qscale_weight", "scales", "weight_scales",
        "_scale", "_weight_scale", "_weight_zero_point", "_shift", "SCB", "absmax", "quant_map", "nested_absmax",
        "nested_quant_map", "weight_format", "qzeros", "g_idx", "weight_g_idx", "weight_zero_point", "weight_shape",
        "weight_global_scale", "zeros", "zero", "qbiases", "tables", "tables2", "codebooks", "centroids",
        "res_centroids", "weight_zeros",
    }
)  # fmt: skip
_SCALE_ENDINGS = ("_scale", "_scales", "_scale_inv", "_zero_point", "_global_scale")
# Scales of activations or of the KV cache: a model without them computes the same, only in 16 bit.
_HARMLESS = frozenset(
    {
        "input_scale", "output_scale", "activation_scale", "k_scale", "v_scale", "q_scale", "input_global_scale",
        "k_cache_scale", "v_cache_scale", "input_zero_point", "output_zero_point", "qact_scale",
    }
)  # fmt: skip
_EXPERT_SCALES = ("_proj_scales", "_proj_scale_inv", "_proj_weight_scale", "_proj_weight_scale_inv")
_BITSANDBYTES_STATE = ".quant_state."


def is_scale(name: str) -> bool:
    """Whether a tensor of a quantised checkpoint holds scales, zero points or tables instead of weights."""
    last = name.rsplit(".", 1)[-1]
    return last in _SCALES or last.endswith(_SCALE_ENDINGS) or _BITSANDBYTES_STATE in name


def lost_scales(unused: Iterable[str]) -> list[str]:
    """Return the names of unused tensors that scale weights which were used: the model is wrong without them.

    Scales of activations and of the KV cache are left out, and whole modules that nothing used (a vision tower).
    """
    names = set(unused)
    unused_modules = {name.rpartition(".")[0] for name in names if not is_scale(name)}
    return sorted(name for name in names if _scales_weights(name) and name.rpartition(".")[0] not in unused_modules)


def _scales_weights(name: str) -> bool:
    last = name.rpartition(".")[2]
    return last not in _HARMLESS and (last in _SCALES or last.endswith(_EXPERT_SCALES) or _BITSANDBYTES_STATE in name)


def count(kind: str, bits: int, settings: Mapping[str, object], shape: Sequence[int], dtype: str, name: str) -> int:
    """Return the number of weights; dtype in safetensors' spelling. Exact where all weights have the same bits."""
    values = prod(shape)
    if is_scale(name):
        return 0
    stored_bits = _STORED_BITS.get(dtype, 0)
    if kind == "bitsandbytes_4bit":
        # The container may be any type (bnb_4bit_quant_storage); packed weights are a column.
        packed = len(shape) == 2 and shape[1] == 1 and stored_bits >= bits
        return values * stored_bits // bits if packed else values
    if stored_bits == 0 or dtype.startswith(("F", "BF")):
        return values
    if kind == "aqlm":
        return _aqlm(values, settings, name)
    if kind in ("fp8", "mxfp8"):
        return values * 2 if dtype in ("I8", "U8") else values  # experts of some FP8 models are FP4, two in a byte
    if kind == "compressed-tensors" and not name.endswith("_packed"):
        return values
    return values * stored_bits // bits if bits < stored_bits else values


def _aqlm(values: int, settings: Mapping[str, object], name: str) -> int:
    """Codes have the shape (rows / out_group, columns / in_group, codebooks)."""
    inside, outside, codebooks = (
        _count(settings, key, default)
        for key, default in (("in_group_size", 8), ("out_group_size", 1), ("num_codebooks", 1))
    )
    return values * inside * outside // codebooks if name.endswith("codes") else values


def _count(settings: Mapping[str, object], key: str, default: int) -> int:
    value = settings.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else default
