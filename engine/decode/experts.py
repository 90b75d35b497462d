"""How a mixture's experts are multiplied while few ids are fed."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel

from engine.checkpoints.dimensions import experts_per_token
from engine.quantization.experts.packed import PackedShape

# transformers' names: one grouped product over all rows, and one batched product over the chosen experts' weights.
_MANY_ROWS, _FEW_ROWS = "grouped_mm", "batched_mm"
# Weights of all experts lie in one tensor (experts, rows, columns).
_STACKED = 3
_UNPACKED_BYTES = 2


@contextmanager
def experts_for_few_rows(model: PreTrainedModel) -> Iterator[None]:
    """Let experts be multiplied by the way for few rows in the block, as transformers' generate does while decoding.

    On a card the other one waits for the device; a CPU is quicker with it.
    """
    published = model.get_experts_implementation()
    if model.device.type == "cpu" or _MANY_ROWS not in published.values():
        yield
        return
    model.set_experts_implementation({name: _FEW_ROWS if way == _MANY_ROWS else way for name, way in published.items()})
    try:
        yield
    finally:
        model.set_experts_implementation(published)


def gathered_bytes(model: PreTrainedModel) -> int:
    """Return the bytes of experts' weights that few rows put together for one id, unpacked; 0 where none are."""
    if model.device.type == "cpu":
        return 0
    by_group = _MANY_ROWS in model.get_experts_implementation().values()
    largest = max(_expert_bytes(module, by_group) for module in model.modules())
    return largest * experts_per_token(model.config.get_text_config())


def _expert_bytes(module: torch.nn.Module, by_group: bool) -> int:
    packed: dict[str, PackedShape] = getattr(module, "packed_shapes", {})
    if packed:
        return sum(shape.rows * shape.columns for shape in packed.values()) * _UNPACKED_BYTES
    weights = [weight for weight in module.parameters(recurse=False) if weight.dim() == _STACKED]
    return sum(weight.nbytes // weight.shape[0] for weight in weights) if by_group else 0
