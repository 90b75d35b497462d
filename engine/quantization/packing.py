"""Which parameters INT8 and INT4 pack, and the bytes that they then take. Arithmetic on shapes: no weights are needed.

A model has to be on the meta device (or anywhere else); nothing is allocated and nothing is changed.
"""

import math
import re
from collections import deque
from collections.abc import Callable
from functools import cache

import torch
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D
from transformers.quantizers.base import HfQuantizer
from transformers.quantizers.quantizers_utils import should_convert_module

from engine.api.plan import Precision
from engine.quantization.class_source import source_of
from engine.quantization.experts.forms import expert_shapes
from engine.quantization.plain_linears import is_linear

NF4_BLOCK = 64  # values that share one absmax
_NESTED_BLOCK = 256  # absmax values that share a second one
_MATRIX_DIMENSIONS = 2
_OWN_WEIGHT = re.compile(r"self\.(\w+)\.weight\b")
_OWN_DTYPE = re.compile(r"self\.(\w+)\.weight\.dtype\b")
_EXPERTS_DIMENSIONS = 3
_PACKED_TYPES = (torch.int8, torch.uint8)


def packed_bytes(
    precision: Precision, shape: tuple[int, ...], element_bytes: int = 2, interleaved: bool = False
) -> int:
    """Return the bytes of one packed tensor of that shape, with everything that is needed to unpack it.

    shape: (rows, columns) of a linear layer, (experts, rows, columns) of expert weights, rows being output features.
    element_bytes: size of one value of the compute format. interleaved: NF4 in the layout of the CPU kernel, which
    keeps plain absmax values in 16 bit. For formats that pack nothing it is the bytes of the plain tensor.
    """
    values = math.prod(shape)
    if precision is Precision.INT8:
        rows = values // max(shape[-1], 1)
        # Row scales in float32; linear layers have them in the compute format too.
        return values + rows * (4 if len(shape) == _EXPERTS_DIMENSIONS else 4 + element_bytes)
    if precision is not Precision.INT4:
        return values * element_bytes
    if len(shape) == _EXPERTS_DIMENSIONS:
        each = math.prod(shape[1:])
        return shape[0] * (-(each // -2) + 2 * -(each // -NF4_BLOCK))
    blocks = -(values // -NF4_BLOCK)
    if interleaved and is_interleavable(shape):
        return values // 2 + 2 * blocks
    return -(values // -2) + blocks + 4 * -(blocks // -_NESTED_BLOCK) + 4  # 4: the offset of the absmax values


def is_interleavable(shape: tuple[int, ...]) -> bool:
    """Tell whether the 4-bit CPU kernel takes a weight of that shape (rows, columns)."""
    return len(shape) == _MATRIX_DIMENSIONS and shape[0] % 32 == 0 and shape[1] % NF4_BLOCK == 0


def has_packed_weights(module: torch.nn.Module) -> bool:
    """Tell whether weights in the module have fewer than 16 bit."""
    return any(parameter.dtype in _PACKED_TYPES for parameter in module.parameters())


def packed_shapes(model: PreTrainedModel) -> dict[str, tuple[int, ...]]:
    """Return name -> shape as it is packed (see packed_bytes) of each parameter that INT8 and INT4 pack.

    All others keep 16 (or 32) bit.
    """
    kept = modules_kept(model)
    shapes: dict[str, tuple[int, ...]] = {}
    for name, module in model.named_modules():
        if not should_convert_module(name, kept):
            continue
        if isinstance(module, Conv1D):
            shapes[f"{name}.weight"] = tuple(reversed(module.weight.shape))
        elif is_linear(module):
            shapes[f"{name}.weight"] = tuple(module.weight.shape)
        else:
            shapes.update({f"{name}.{local}": shape for local, shape in expert_shapes(module)})
    return shapes


def modules_kept(model: PreTrainedModel) -> list[str]:
    """Return patterns of the modules that are not packed as others: output head, tied weights, float32 parts, linear
    layers whose weight the architecture takes by itself instead of calling the layer (Mamba), and those without any
    values (the shared expert of a model that has none).

    What becomes of the head is said by engine/quantization/vocabulary.py.
    """
    in_float32 = list(model._keep_in_fp32_modules or ())
    kept: list[str] = HfQuantizer.get_modules_to_not_convert(model, None, in_float32)
    packed_after_all = _taken_for_the_head(model)
    return [*(name for name in kept if name != packed_after_all), *_taken_apart(model), *_empty(model)]


def _empty(model: PreTrainedModel) -> list[str]:
    linears = (item for item in model.named_modules() if isinstance(item[1], torch.nn.Linear))
    return [name for name, module in linears if not module.weight.numel()]


def _taken_for_the_head(model: PreTrainedModel) -> str:
    """Return the module that transformers keeps because it comes last where the head is already tied (Gemma 3n).

    While a model is loaded its head is not tied yet, and that module is packed.
    """
    (name, _), (last, _) = (deque(model.named_parameters(remove_duplicate=removed), 1)[0] for removed in (True, False))
    tied = model.all_tied_weights_keys
    return "" if name == last or name in {*tied, *tied.values()} else name.removesuffix(".weight")


def _taken_apart(model: PreTrainedModel) -> list[str]:
    """Return the linear layers that a parent's code names by `.weight` and that a forward pass doesn't call.

    Also those that it calls with what it has brought into their weight's type (the indexers of DeepSeek 3.2), which
    would be bytes.
    """
    suspects = _linears_named(model, weights_named)
    return sorted(suspects - (_called(model, suspects) - _linears_named(model, _types_named))) if suspects else []


def _linears_named(model: PreTrainedModel, named_by: Callable[[type], frozenset[str]]) -> set[str]:
    return {
        f"{name}.{local}".lstrip(".")
        for name, module in model.named_modules()
        for local in named_by(type(module))
        if is_linear(getattr(module, local, None))
    }


@cache
def weights_named(kind: type) -> frozenset[str]:
    """Return the children whose weight the code of a module's class takes by itself."""
    return frozenset(_OWN_WEIGHT.findall(source_of(kind, ".weight")))


@cache
def _types_named(kind: type) -> frozenset[str]:
    """Return the children whose weight's type that code asks for."""
    return frozenset(_OWN_DTYPE.findall(source_of(kind, ".weight")))


def _called(model: PreTrainedModel, names: set[str]) -> set[str]:
    """Return which of the modules a forward pass calls; none where it can't be run on the meta device."""
    called: set[str] = set()
    hooks = [
        model.get_submodule(name).register_forward_pre_hook(lambda *_, name=name: called.add(name)) for name in names
    ]
    implementation = model.config._experts_implementation
    before = [(module, dict(vars(module)), dict(module._buffers)) for module in model.modules()]
    try:
        # The usual one multiplies by groups, which the meta device does in BF16 only.
        model.set_experts_implementation("batched_mm")
        with torch.no_grad():
            # With KV: without it, transformers looks at the positions' values, which the meta device has none of.
            model(input_ids=torch.zeros(1, 2, dtype=torch.long, device=model.device), use_cache=True)
    except (RuntimeError, NotImplementedError, TypeError, ValueError, AttributeError, IndexError, KeyError):
        return set()
    finally:
        model.set_experts_implementation(implementation)
        for hook in hooks:
            hook.remove()
        for module, attributes, buffers in before:  # LongRoPE keeps its factors, which have no values here
            vars(module).clear()
            vars(module).update(attributes)
            module._buffers.clear()
            module._buffers.update(buffers)
    return called
