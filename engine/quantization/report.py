"""What a quantised model consists of, counted on its tensors."""

from collections.abc import Iterator
from typing import Any

import torch
from transformers import PreTrainedModel

_PACKED_TYPES = (torch.int8, torch.uint8)


def share_tables(model: PreTrainedModel) -> None:
    """Let all NF4 weights on a device use one table of codes; loaded from a copy, each of them has its own."""
    tables: dict[tuple[torch.device, int], torch.Tensor] = {}
    for state in _quant_states(model):
        state.code = tables.setdefault((state.code.device, state.code.numel()), state.code)
        if state.nested:
            state.state2.code = tables.setdefault(
                (state.state2.code.device, state.state2.code.numel()), state.state2.code
            )


def _quant_states(model: PreTrainedModel) -> Iterator[Any]:
    for module in model.modules():
        state = getattr(module, "quant_state", None) or getattr(getattr(module, "weight", None), "quant_state", None)
        if state is not None:
            yield state


def _tensors(model: PreTrainedModel) -> Iterator[torch.Tensor]:
    yield from model.parameters()
    yield from model.buffers()
    for state in _quant_states(model):
        yield from (state.absmax, state.code)
        if state.nested:
            yield from (state.offset, state.state2.absmax, state.state2.code)


def is_packed(module: torch.nn.Module) -> bool:
    """Tell whether weights in the module have fewer than 16 bit."""
    return any(parameter.dtype in _PACKED_TYPES for parameter in module.parameters())


def resident_bytes(model: PreTrainedModel) -> int:
    """Return the bytes of all tensors that the model holds, those of quantisation included; shared ones count once."""
    return sum({tensor.data_ptr(): tensor.nbytes for tensor in _tensors(model) if tensor.nbytes}.values())
