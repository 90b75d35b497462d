"""Mixture-of-experts weights as packed NF4 or INT8 tensors, and the product with the experts that a token chose.

Layout of one tensor of E experts with `rows` output and `columns` input features, always rows first:
NF4: packed (E, ceil(rows * columns / 2)) uint8 and float16 absmax (E, ceil(rows * columns / 64)); no second level, so
that any experts can be taken out by index. INT8: packed (E, rows, columns) int8 and float32 scales (E, rows). MXFP4 is
never made here, only kept as its publisher made it: see engine/quantization/experts/mxfp4.py.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch.nn.functional import linear
from transformers import PreTrainedModel
from transformers.integrations.moe import ALL_EXPERTS_FUNCTIONS, ExpertsInterface

from engine.api.plan import Precision
from engine.quantization.experts import mxfp4
from engine.quantization.experts.forms import ExpertForm, expert_shapes, form_of, is_dispatched, stacked
from engine.quantization.nf4 import unpack_nf4
from engine.quantization.packing import NF4_BLOCK

IMPLEMENTATION = "hearth_packed"
PACKED = "_packed"
SCALES = "_scales"
BLOCKS = "_blocks"
# Unpacked weights of all chosen experts at once, on a graphics card: more than that is unpacked one by one.
GATHER_LIMIT_BYTES = 2**29
_GATHER_TOKENS = 4
_MARK = "packed_shapes"
_LARGEST_HALF = 65504.0
_SMALLEST = torch.finfo(torch.float32).tiny


@dataclass(frozen=True)
class PackedShape:
    """Experts, output features, input features of one packed tensor, and how it is packed.

    is_mxfp4: the four bits are those of MXFP4 instead of NF4.
    """

    experts: int
    rows: int
    columns: int
    precision: Precision
    is_mxfp4: bool = False

    @property
    def suffixes(self) -> tuple[str, str]:
        """What the names of weights and scales end with, after the name of the dense parameter."""
        return (BLOCKS if self.is_mxfp4 else PACKED), SCALES

    def empty(self, device: torch.device | str) -> tuple[torch.Tensor, torch.Tensor]:
        """Return tensors to pack into, uninitialised: the weights and their scales.

        INT8: (experts, rows, columns) int8, (experts, rows) float32. INT4: (experts, half a layer's values) uint8 and
        (experts, blocks of 64 values) float16. MXFP4: as mxfp4.empty.
        """
        if self.is_mxfp4:
            return mxfp4.empty(self.experts, self.rows, self.columns, device)
        if self.precision is Precision.INT8:
            packed = torch.empty(self.experts, self.rows, self.columns, dtype=torch.int8, device=device)
            return packed, torch.empty(self.experts, self.rows, dtype=torch.float32, device=device)
        each = self.rows * self.columns
        packed = torch.empty(self.experts, -(each // -2), dtype=torch.uint8, device=device)
        return packed, torch.empty(self.experts, -(each // -NF4_BLOCK), dtype=torch.float16, device=device)


class Experts(Protocol):
    """What is used of a module of experts: attributes that transformers' decorator sets, and ours."""

    packed_shapes: dict[str, PackedShape]
    has_gate: bool
    has_bias: bool

    def _apply_gate(self, gate_up_out: torch.Tensor) -> torch.Tensor: ...

    def act_fn(self, states: torch.Tensor) -> torch.Tensor:
        """Activation of experts without a gate."""


def pack(
    weight: torch.Tensor, shape: PackedShape, transposed: bool, device: torch.device | str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pack dense expert weights (E, rows, columns), or (E, columns, rows) if transposed, expert by expert.

    They may also be stacked in two dimensions. Only one dense expert is on the device at a time, wherever the weights
    are.
    """
    packed, scales = shape.empty(device)
    stack = weight.reshape(shape.experts, -1, weight.shape[-1])
    for index in range(shape.experts):
        dense = stack[index].to(device)
        dense = (dense.t() if transposed else dense).contiguous()
        if shape.precision is Precision.INT8:
            exact = dense.float()
            scales[index] = exact.abs().amax(dim=1) / 127
            packed[index] = (exact / scales[index].clamp(min=_SMALLEST).unsqueeze(1)).round()
        else:
            codes, absmax = torch.ops.bitsandbytes.quantize_4bit.default(dense, NF4_BLOCK, "nf4", torch.uint8)
            packed[index] = codes.reshape(-1)
            scales[index] = absmax.clamp(max=_LARGEST_HALF)
    return packed, scales


def unpack(packed: torch.Tensor, scales: torch.Tensor, shape: PackedShape, dtype: torch.dtype) -> torch.Tensor:
    """Return the weights (S, rows, columns) of S experts that were taken out by index, in one call where possible."""
    if shape.is_mxfp4:
        return mxfp4.unpack(packed, scales, dtype)
    if shape.precision is Precision.INT8:
        return packed.to(dtype).mul_(scales.to(dtype).unsqueeze(-1))
    size = (packed.shape[0], shape.rows, shape.columns)
    if shape.rows * shape.columns % NF4_BLOCK:  # blocks end inside an expert
        each = [unpack_nf4(codes, absmax, size[1:], dtype) for codes, absmax in zip(packed, scales, strict=True)]
        return torch.stack(each)
    return unpack_nf4(packed.reshape(-1), scales.reshape(-1), (size[0] * size[1], size[2]), dtype).view(size)


def register() -> None:
    """Make the packed product known to transformers; a second call changes nothing."""
    if IMPLEMENTATION not in ALL_EXPERTS_FUNCTIONS:
        ExpertsInterface.register(IMPLEMENTATION, packed_experts_forward)


def mark(module: torch.nn.Module, shapes: dict[str, PackedShape]) -> None:
    """Remember how the module's expert weights are packed, or are going to be: parameter name -> shape."""
    if shapes:
        setattr(module, _MARK, shapes)


def make_place(module: torch.nn.Module, local: str, shape: PackedShape) -> None:
    """Replace the dense parameter by empty ones for its packed form; its initialisation has nothing to do here."""
    module._parameters.pop(local, None)
    for suffix, tensor in zip(shape.suffixes, shape.empty("meta"), strict=True):
        module.register_parameter(local + suffix, torch.nn.Parameter(tensor, requires_grad=False))
    setattr(module, "_is_hf_initialized", True)  # noqa: B010


def packed_shapes_of(module: object) -> dict[str, PackedShape]:
    """Return what mark() was told about the module; empty for all others."""
    shapes = getattr(module, _MARK, None)
    return shapes if isinstance(shapes, dict) else {}


def is_packed(module: torch.nn.Module) -> bool:
    """Tell whether the module's expert weights are packed."""
    return bool(packed_shapes_of(module))


def use_packed_experts(model: PreTrainedModel) -> None:
    """Send the model's fused experts through the packed product, if any of them is packed."""
    modules: list[Any] = [item for item in model.modules() if is_dispatched(item)]
    if not any(is_packed(module) for module in modules):
        return
    for module in modules:
        before = module.config._experts_implementation
        if before != IMPLEMENTATION:
            for other in modules:
                if other.config is module.config:
                    other.dense_implementation = before
            module.config._experts_implementation_internal = IMPLEMENTATION


def packed_experts_forward(
    module: Experts, hidden_states: torch.Tensor, top_k_index: torch.Tensor, top_k_weights: torch.Tensor
) -> torch.Tensor:
    """Return (tokens, hidden) from hidden_states (tokens, hidden) and the chosen experts, both (tokens, k).

    Few tokens on a graphics card: the chosen experts are unpacked in one call, without waiting for the device.
    Many, or on a CPU: tokens are sorted by expert and one expert is unpacked at a time.
    """
    if not getattr(module, _MARK, None):
        return _dense_forward(module, hidden_states, top_k_index, top_k_weights)
    return experts_forward(module, hidden_states, top_k_index, top_k_weights)


def experts_forward(
    module: Experts, hidden_states: torch.Tensor, top_k_index: torch.Tensor, top_k_weights: torch.Tensor
) -> torch.Tensor:
    """Do the same for experts that are packed, and for those of an architecture's own in any precision."""
    chosen = top_k_index.numel()
    few = hidden_states.shape[0] <= _GATHER_TOKENS and chosen * _largest_expert_bytes(module, hidden_states.dtype)
    if hidden_states.device.type != "cpu" and few and few <= GATHER_LIMIT_BYTES:
        results = _all_at_once(module, hidden_states, top_k_index)
    else:
        results = _expert_by_expert(module, hidden_states, top_k_index)
    if getattr(module, "has_post_expert_norm", False):
        results = getattr(module, "post_expert_norm")(results)  # noqa: B009
    weighted = results * top_k_weights.reshape(-1, 1)
    # summed in the wider of both types, in a fixed order
    return weighted.view(*top_k_index.shape, -1).sum(dim=1).to(hidden_states.dtype)


def _largest_expert_bytes(module: Experts, dtype: torch.dtype) -> int:
    """Return the bytes of a packed expert's largest weight once it is unpacked; 0 where none is packed."""
    return max((shape.rows * shape.columns for shape in packed_shapes_of(module).values()), default=0) * dtype.itemsize


def _form(module: Experts) -> ExpertForm:
    form = form_of(module)
    assert form is not None
    return form


def _stored(module: Experts, name: str) -> list[torch.Tensor]:
    return [getattr(module, name + suffix) for suffix in module.packed_shapes[name].suffixes]


def _activate(module: Experts, products: list[torch.Tensor]) -> torch.Tensor:
    projected = products[0] if len(products) == 1 else torch.cat(products, dim=-1)
    return module._apply_gate(projected) if module.has_gate else module.act_fn(projected)


def _all_at_once(module: Experts, hidden: torch.Tensor, top_k_index: torch.Tensor) -> torch.Tensor:
    """Return (tokens * k, hidden) of every chosen expert; nothing here waits for the device."""
    form, ids = _form(module), top_k_index.reshape(-1)
    states = hidden.repeat_interleave(top_k_index.shape[-1], dim=0)
    states = _activate(module, [_batched(module, name, ids, states) for name in form.first])
    return _batched(module, form.down, ids, states)


def _batched(module: Experts, name: str, ids: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
    packed, scales = _stored(module, name)
    weights = unpack(packed[ids], scales[ids], module.packed_shapes[name], states.dtype)
    product = torch.bmm(weights, states.unsqueeze(-1)).squeeze(-1)
    return product + getattr(module, f"{name}_bias")[ids] if module.has_bias else product


def _expert_by_expert(module: Experts, hidden: torch.Tensor, top_k_index: torch.Tensor) -> torch.Tensor:
    """Return (tokens * k, hidden): sorted by expert, so that each one is unpacked once."""
    k = top_k_index.shape[-1]
    ids, order = torch.sort(top_k_index.reshape(-1), stable=True)
    experts, rows = _experts_and_rows(module)
    tokens = order // k
    results = hidden.new_empty(ids.numel(), rows)
    start = 0
    for expert, count in enumerate(torch.bincount(ids, minlength=experts).tolist()):
        if count:
            here = slice(start, start + count)
            results[order[here]] = _one_expert(module, expert, hidden[tokens[here]])
            start += count
    return results


def _experts_and_rows(module: Experts) -> tuple[int, int]:
    """Return how many experts there are, and the outputs of each."""
    down = _form(module).down
    if shape := packed_shapes_of(module).get(down):
        return shape.experts, shape.rows
    experts, rows, _ = dict(expert_shapes(module))[down]  # type: ignore[arg-type] # a module
    return experts, rows


def _one_expert(module: Experts, expert: int, states: torch.Tensor) -> torch.Tensor:
    form = _form(module)
    states = _activate(module, [expert_product(module, name, expert, states) for name in form.first])
    return expert_product(module, form.down, expert, states)


def expert_product(module: Experts, name: str, expert: int, states: torch.Tensor) -> torch.Tensor:
    """Return states (rows, inputs) x one expert's weight of that name, packed or not."""
    bias = getattr(module, f"{name}_bias")[expert] if module.has_bias else None
    return linear(states, _weight(module, name, expert, states.dtype), bias)


def _weight(module: Experts, name: str, expert: int, dtype: torch.dtype) -> torch.Tensor:
    """Return one expert's weight (rows, columns)."""
    if name in packed_shapes_of(module):
        packed, scales = _stored(module, name)
        here = slice(expert, expert + 1)
        return unpack(packed[here], scales[here], module.packed_shapes[name], dtype)[0]
    form = _form(module)
    weight = stacked(module, form, getattr(module, name))[expert]  # type: ignore[arg-type] # a module
    return weight.t() if name in form.transposed else weight


def _dense_forward(
    module: Experts, hidden: torch.Tensor, top_k_index: torch.Tensor, top_k_weights: torch.Tensor
) -> torch.Tensor:
    """Experts that were left dense in a model with packed ones (kept in main memory) compute as before."""
    name = getattr(module, "dense_implementation", "eager")
    forward = ALL_EXPERTS_FUNCTIONS.get(name, None) or getattr(type(module), "forward").__wrapped__  # noqa: B009
    result = forward(module, hidden, top_k_index, top_k_weights)
    assert isinstance(result, torch.Tensor)
    return result
