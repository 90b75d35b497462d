"""One pass of fixed shape over the slab: the function that CUDA graphs capture and a compiler compiles.

Everything that changes from one step to the next lies in tensors at fixed addresses: the ids to feed and the number of
positions held. The model's own code runs unchanged; it takes the slab for a static cache of `reach` positions.
"""

from collections.abc import Sequence

import torch
from transformers import PreTrainedModel

from engine.decode import split_attention
from engine.decode.experts import experts_for_few_rows
from engine.kv.slab import KvSlab
from engine.kv.slab_layers import FixedStep


class DecodeStep:
    """Feeds `count` ids at once. Owns its input tensors on the model's device; runs on the compute lane."""

    def __init__(self, model: PreTrainedModel, kv: KvSlab, count: int = 1) -> None:
        self.count = count
        self.ids = torch.zeros((1, count), dtype=torch.long, device=model.device)
        self.length = torch.zeros((), dtype=torch.long, device=model.device)
        self._order = torch.arange(count, device=model.device)
        self._model = model
        self._kv = kv

    def place(self, ids: Sequence[int], length: int) -> None:
        """Set what is fed next, behind `length` positions."""
        self.ids.copy_(torch.tensor([list(ids)], dtype=torch.long), non_blocking=True)
        self.length.fill_(length)

    def run(self, reach: int) -> torch.Tensor:
        """Return float32 logits (count, vocabulary), reading `reach` positions, which include those fed."""
        step = FixedStep(self.length, self.length + self._order, reach)
        with self._kv.fixed(step), split_attention.of_fixed_step(), experts_for_few_rows(self._model):
            logits: torch.Tensor = self._model(
                input_ids=self.ids, past_key_values=self._kv.cache, use_cache=True
            ).logits
        return logits[0].float()
