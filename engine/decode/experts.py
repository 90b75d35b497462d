"""How a mixture's experts are multiplied while few ids are fed."""

from collections.abc import Iterator
from contextlib import contextmanager

from transformers import PreTrainedModel

# transformers' names: one grouped product over all rows, and one batched product over the chosen experts' weights.
_MANY_ROWS, _FEW_ROWS = "grouped_mm", "batched_mm"


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
