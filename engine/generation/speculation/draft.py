"""A draft model: a small one with the same tokenizer reads along and proposes what the large one will write.

Owns the draft model's KV. It draws with the random numbers of the positions, as the model itself does, so that the two
agree as often as their distributions allow.
"""

import torch

from engine.api.cancellation import CancellationToken
from engine.checkpoints.loader import LoadedModel
from engine.generation.kv_way import KvMode
from engine.generation.model_runner import ModelRunner
from engine.generation.past_check import PastCheck
from engine.generation.reading import Reader, pace_for
from engine.generation.sampler import Sampler
from engine.generation.shortage import MemoryRanOut, Shortage


class DraftModel:
    """Proposes ids; used on the compute lane only.

    vocabulary: ids that the model itself has. past_check: what is known of the draft model from earlier loads.
    """

    def __init__(self, loaded: LoadedModel, vocabulary: int, past_check: PastCheck | None = None) -> None:
        plan = loaded.plan
        self.name = plan.name
        window, layout = plan.context_window, plan.kv_layout
        self._runner = ModelRunner(loaded.model, loaded.device, window, layout, past_check=past_check)
        self._largest_chunk = plan.prefill_chunk_tokens
        own = int(loaded.model.config.get_text_config().vocab_size)
        self._vocabulary = min(vocabulary, own)
        self._agreed = 0

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._runner.device

    def open(self) -> bool:
        """Allocate the KV; return whether what was read too far can be taken back. Raises what running a model does."""
        mode = self._runner.choose_mode()
        pace = pace_for(self._runner, self._largest_chunk)
        self._reader = Reader(self._runner, pace, _give_up)
        return mode is KvMode.SLAB and self._runner.kv.undoable_tokens > 0

    def begin(self) -> None:
        """Another conversation may follow."""
        self._agreed = 0

    def forget(self) -> None:
        """Drop all that was read."""
        self._agreed = 0
        self._runner.kv.clear()

    def missing(self, ids: list[int]) -> int:
        """Return how many of the ids have not been read yet, those that don't agree being taken back."""
        kv = self._runner.kv
        self._agreed = kv.agreeing(ids, min(self._agreed, kv.length, len(ids)))
        kept = min(self._agreed, len(ids) - 1)  # one is left to feed
        if kept < kv.length:
            kv.rewind(kept)
        return len(ids) - kv.length

    def can_propose(self, ids: list[int], count: int) -> bool:
        """Return whether there is room for so many more ids, and all are the draft model's as well."""
        return len(ids) + count <= self._runner.kv.capacity and max(ids[self._agreed :], default=0) < self._vocabulary

    def read(self, ids: list[int], cancellation: CancellationToken) -> None:
        """Read all of the ids but the last, in chunks. Raises Cancelled, and MemoryRanOut where memory is short."""
        self.missing(ids)
        if self._runner.kv.length < len(ids) - 1:
            self._reader.read(ids[:-1], cancellation)

    def proposal(self, ids: list[int], count: int, sampler: Sampler, cancellation: CancellationToken) -> list[int]:
        """Return what probably follows the ids, up to `count`. Raises as read() does."""
        self.missing(ids)
        ahead = sampler.ahead(self._runner.device)
        logits = self._reader.read(ids, cancellation)
        proposed: list[int] = []
        while True:
            token_id = ahead.sample(logits)
            if token_id >= self._vocabulary:  # padding of a larger output layer
                return proposed
            proposed.append(token_id)
            if len(proposed) == count:
                return proposed
            logits = self._runner.feed([token_id])


def _give_up(shortage: Shortage, failed_tokens: int) -> None:
    raise MemoryRanOut(shortage)
