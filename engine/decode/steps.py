"""The decode step made ready for replay: as CUDA graphs, one for each number of ids and reach, or compiled.

Owns the graphs, their memory and one buffer of logits for each number of ids. Runs on the compute lane, whose stream
orders replays, plain passes and copies.
"""

from collections.abc import Callable, Sequence

import torch
from transformers import PreTrainedModel

from engine.checkpoints.dimensions import expanded_latent
from engine.decode.experts import gathered_bytes
from engine.decode.recording import Recorder
from engine.decode.step import DecodeStep
from engine.kv.slab import KvSlab
from engine.planning import recorded

# Compiling each number of ids would take too long.
_COMPILED_COUNTS = (1,)


class _Prepared:
    """The step for one number of ids, with its logits and what was recorded for each reach."""

    def __init__(self, model: PreTrainedModel, kv: KvSlab, count: int, compiles: bool) -> None:
        self.step = DecodeStep(model, kv, count)
        self.run: Callable[[int], torch.Tensor] = torch.compile(self.step.run) if compiles else self.step.run
        self.logits: torch.Tensor | None = None
        self.replays: dict[int, Callable[[], None]] = {}


class Steps:
    """Feeds ids by recorded passes. What is recorded lives as long as the model and is made when it is first needed.

    compiles: what is recorded goes through torch.compile before.
    """

    def __init__(self, model: PreTrainedModel, kv: KvSlab, recorder: Recorder, compiles: bool = False) -> None:
        self._model = model
        self._kv = kv
        self._recorder = recorder
        self._compiles = compiles
        self._counts = _COMPILED_COUNTS if compiles else recorded.counts_for(gathered_bytes(model))
        expanded_bytes = expanded_latent(model.config.get_text_config()) * model.dtype.itemsize
        self._longest = recorded.longest_reach(kv.capacity, expanded_bytes)
        self._prepared: dict[int, _Prepared] = {}
        self._refused: set[int] = set()

    @property
    def counts(self) -> tuple[int, ...]:
        """How many ids may be fed at once."""
        return tuple(count for count in self._counts if count not in self._refused)

    def refuse(self, count: int) -> None:
        """Feed no more so many ids at once, as that can't be recorded."""
        self._refused.add(count)
        self._prepared.pop(count, None)

    def can_feed(self, count: int, length: int | None = None) -> bool:
        """Return whether so many ids may be fed at once behind `length` positions, by default those that are held."""
        held = self._kv.length if length is None else length
        return count in self.counts and held + count <= self._longest

    @torch.inference_mode()
    def feed(self, ids: Sequence[int]) -> torch.Tensor:
        """Feed ids behind what the KV holds and note them; return float32 logits (len(ids), vocabulary), to be copied.

        Raises what recording raises; the KV then holds what it held before.
        """
        prepared = self._place(ids, self._kv.length)
        logits = self._replay(prepared, self._kv.length + len(ids))
        self._kv.note(ids)
        return logits

    @torch.inference_mode()
    def launch(self, token_id: int, length: int) -> torch.Tensor:
        """Feed one id behind `length` positions without noting it; return logits (vocabulary,), to be used at once."""
        prepared = self._place((token_id,), length)
        return self._replay(prepared, length + 1)[-1]

    @torch.inference_mode()
    def launch_behind(self, chosen: torch.Tensor, length: int) -> torch.Tensor:
        """Feed the id of a tensor (1,) on the device in the same way, without waiting for its value."""
        prepared = self._of(1)
        prepared.step.ids.copy_(chosen.view(1, 1))
        prepared.step.length.fill_(length)
        return self._replay(prepared, length + 1)[-1]

    def _of(self, count: int) -> _Prepared:
        if count not in self._prepared:
            self._prepared[count] = _Prepared(self._model, self._kv, count, self._compiles)
        return self._prepared[count]

    def _place(self, ids: Sequence[int], length: int) -> _Prepared:
        prepared = self._of(len(ids))
        prepared.step.place(ids, length)
        return prepared

    def _replay(self, prepared: _Prepared, length: int) -> torch.Tensor:
        reach = recorded.reach_for(length, self._longest)
        replay = prepared.replays.get(reach)
        if replay is None:
            prepared.replays[reach] = self._recorder(lambda: self._compute(prepared, reach))
        else:
            replay()
        assert prepared.logits is not None
        return prepared.logits

    @staticmethod
    def _compute(prepared: _Prepared, reach: int) -> None:
        found = prepared.run(reach)
        if prepared.logits is None:  # the first time nothing is recorded yet, so this memory stays ours
            prepared.logits = torch.empty_like(found)
        prepared.logits.copy_(found)
