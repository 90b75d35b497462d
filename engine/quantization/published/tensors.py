"""Whether the tensors of a checkpoint fit what its configuration says of their quantisation.

transformers 5.23 loads packed numbers without their scales, and without an error; so this is checked before anything is
loaded.
"""

from collections.abc import Mapping

from engine.quantization.published.config import PublishedQuantization
from engine.quantization.published.forms import Header, contents_of

_FLOATS_OF_BYTES = ("F8_E4M3", "F8_E5M2", "F4", "F6_E2M3", "F6_E3M2")
_WHOLE_NUMBERS = ("U8", "I8", "I16", "U16", "I32", "U32")
_PACKED_NAMES = ("weight", "qweight", "weight_packed", "W_q", "_data", "codes")
_MATRIX = 2


def problem(published: PublishedQuantization | None, tensors: Mapping[str, Header]) -> str:
    """Return what is wrong as a clause, empty if nothing is; tensors: shape and safetensors dtype by name."""
    if published is None:
        name = next((name for name, header in tensors.items() if _is_packed(name, header)), "")
        return f"its weights are quantized ({name}), but config.json does not say how" if name else ""
    if published.is_read_here:
        return contents_of(published.kind, published.bits, published.settings, tensors).problem
    return ""


def _is_packed(name: str, header: Header) -> bool:
    shape, dtype = header
    if len(shape) < _MATRIX:
        return False
    last = name.rpartition(".")[2]
    return dtype in _FLOATS_OF_BYTES or (dtype in _WHOLE_NUMBERS and (last in _PACKED_NAMES or "_blocks" in last))
