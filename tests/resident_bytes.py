"""The bytes that a loaded model really holds, counted on its tensors."""

from collections.abc import Iterator

import torch
from transformers import PreTrainedModel

from engine.quantization.nf4_tables import quant_states


def resident_bytes(model: PreTrainedModel) -> int:
    """Return the bytes of all tensors that the model holds, those of quantisation included; shared ones count once."""
    return sum({tensor.data_ptr(): tensor.nbytes for tensor in _tensors(model) if tensor.nbytes}.values())


def _tensors(model: PreTrainedModel) -> Iterator[torch.Tensor]:
    yield from model.parameters()
    yield from model.buffers()
    for state in quant_states(model):
        yield from (state.absmax, state.code)
        if state.nested:
            yield from (state.offset, state.state2.absmax, state.state2.code)
