"""The tables of codes that bitsandbytes' NF4 weights are unpacked with: one for all of a device."""

from collections.abc import Iterator
from typing import Any

import torch
from transformers import PreTrainedModel


def share_tables(model: PreTrainedModel) -> None:
    """Let all NF4 weights on a device use one table of codes; loaded from a copy, each of them has its own."""
    tables: dict[tuple[torch.device, int], torch.Tensor] = {}
    for state in quant_states(model):
        state.code = tables.setdefault((state.code.device, state.code.numel()), state.code)
        if state.nested:
            state.state2.code = tables.setdefault(
                (state.state2.code.device, state.state2.code.numel()), state.state2.code
            )


def quant_states(model: PreTrainedModel) -> Iterator[Any]:
    """Return bitsandbytes' record of each NF4 weight: its scales and their tables."""
    for module in model.modules():
        state = getattr(module, "quant_state", None) or getattr(getattr(module, "weight", None), "quant_state", None)
        if state is not None:
            yield state
