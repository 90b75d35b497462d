"""Finds out at load which way of keeping KV is exact with the loaded model.

The ways, best first: the slab (fixed buffers, can be rewound), transformers' own cache, a cache that is filled in one
forward and only decoded upon, and no cache at all. Each is compared with a plain forward over the same ids before it
is trusted, so that an architecture nobody has tried is right or slow, never wrong.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch
from transformers import PreTrainedModel

from engine.decode import fusing
from engine.decode.rungs import Rungs
from engine.generation import window_check
from engine.generation.first_pass import ComputesNoNumbers, ReadsBothWays, first_pass
from engine.generation.kv_check import CHECK_IDS, KvCheck, Pairs, are_equal, check_ids, holds
from engine.generation.kv_way import KvMode, KvWay
from engine.generation.past_check import Finding, PastCheck, some_of
from engine.generation.window_check import logits_under_small_windows
from engine.hardware.faults import fault_of

if TYPE_CHECKING:
    from engine.generation.model_runner import ModelRunner

# Of the ids of the check, what is fed where it need not be made again: a chunk, and an id alone.
_CHUNK_AGAIN = 17
_CACHED_MODES = (KvMode.SLAB, KvMode.GROWING, KvMode.WHOLE)
# Whether attention lies in the slab, best first: there it is paged, and the states beside it are small (Jamba).
_IN_SLAB = {KvMode.SLAB: (True,), KvMode.GROWING: (False,), KvMode.WHOLE: (True, False)}


class KvChoice:
    """Lets a runner keep its model's KV the first way that is right, and the model's passes be as quick as they can.

    past_check: what is known of the model from earlier loads; None for nothing.
    """

    def __init__(
        self, runner: "ModelRunner", model: PreTrainedModel, rungs: Rungs, past_check: PastCheck | None
    ) -> None:
        self._runner = runner
        self._model = model
        self._rungs = rungs
        self._past_check = past_check
        self._vocabulary = int(model.config.get_text_config().vocab_size)
        self._is_windowed = runner.way.is_windowed

    def choose(self) -> tuple[list[int], torch.Tensor]:
        """Compare the ways of keeping KV with a plain forward, keep the first that agrees.

        Returns ids and logits (ids or 1, vocabulary) after them, by which other passes are judged. Raises Unfit; errors
        about the machine get through.
        """
        ids = check_ids(self._vocabulary, CHECK_IDS)
        known = self._as_found_before(ids)
        return (ids[:_CHUNK_AGAIN], known) if known is not None else (ids, self._tried(ids))

    def fuse(self, rungs: Rungs, ids: list[int], expected: torch.Tensor) -> None:
        """Change the model's modules for quicker ones, where it then still says what is expected."""
        agree = partial(are_equal, dtype=self._model.dtype)
        fusing.fuse(self._model, rungs, ids, expected, self._runner.plain_logits, agree)

    def _as_found_before(self, ids: list[int]) -> torch.Tensor | None:
        """Keep KV as it was found right; return logits (1, vocabulary) after a chunk, None if all has to be tried."""
        finding = self._past_check.find() if self._past_check is not None else None
        if finding is None:
            return None
        way = KvWay(KvMode(finding.mode), finding.in_slab, finding.tells_positions, finding.is_windowed)
        self._runner.use(way)
        self._runner.kv.can_be_put_back = finding.can_be_put_back
        if (expected := self._said_again(ids[:_CHUNK_AGAIN], finding, 0)) is not None:
            self.fuse(self._rungs, ids[:_CHUNK_AGAIN], expected)
            if self._said_again(ids[_CHUNK_AGAIN : _CHUNK_AGAIN + 1], finding, 1) is not None:
                return expected
        self._keep_nothing()
        return None

    def _said_again(self, ids: list[int], finding: Finding, place: int) -> torch.Tensor | None:
        """Feed ids; return logits (1, vocabulary) after the last, None if they aren't what was found in that place."""
        try:
            logits = self._runner.feed(ids)
        except Exception as error:  # a publisher's program may raise anything
            if fault_of(error) is not None:
                raise
            return None
        return logits.unsqueeze(0) if finding.agrees(place, logits, self._model.dtype) else None

    def _tried(self, ids: list[int]) -> torch.Tensor:
        """Find the first way of keeping KV that is right; return logits (ids, vocabulary) before any change."""
        runner = self._runner
        self._is_windowed = self._is_windowed and self._masks_by_window()
        expected = first_pass(lambda: runner.plain_logits(ids))
        self.fuse(self._rungs, ids, expected)
        check = KvCheck(runner, self._vocabulary, expected, self._model.get_input_embeddings)
        self._try_all(check)
        runner.kv.can_be_put_back = holds(check.put_back, self._model.dtype)
        if self._past_check is not None:
            runner.kv.clear()  # what it says itself, as a model may be far from its plain passes by its own noise
            parts = (ids[:_CHUNK_AGAIN], ids[_CHUNK_AGAIN : _CHUNK_AGAIN + 1])
            said = tuple(some_of(runner.feed(part)) for part in parts)
            way = runner.way
            self._past_check.keep(
                Finding(
                    way.mode.value, way.in_slab, way.tells_positions, way.is_windowed, runner.kv.can_be_put_back, said
                )
            )
        return expected

    def _try_all(self, check: KvCheck) -> None:
        """Keep KV the first way that is right: as far as rounding in general explains it, else the model's own noise.

        Raises ComputesNoNumbers and ReadsBothWays.
        """
        if any(self._is_exact(mode, check, None) for mode in _CACHED_MODES):
            return
        if any(self._is_exact(mode, check, check.noise) for mode in _CACHED_MODES):
            return
        self._keep_nothing()
        if not holds(check.beginning, self._model.dtype, check.noise):
            # Only now: what is no number with one of the ids tried may be right with others.
            raise ReadsBothWays if check.finds_numbers else ComputesNoNumbers

    def _is_exact(self, mode: KvMode, check: KvCheck, own_noise: Callable[[int], Sequence[float]] | None) -> bool:
        """Keep KV that way; return whether it is right.

        Positions are told only where that helps: Bamba (transformers 5.23) counts those of each pass from 0 by itself.
        """
        may_tell = (False, True) if self._runner.takes_positions else (False,)
        for in_slab, tells_positions in ((in_slab, tells) for in_slab in _IN_SLAB[mode] for tells in may_tell):
            self._runner.use(KvWay(mode, in_slab, tells_positions, self._is_windowed))
            if holds(check.continued, self._model.dtype, own_noise):
                return True
        return False

    def _keep_nothing(self) -> None:
        self._runner.use(KvWay(KvMode.NONE, False, False, self._is_windowed))

    def _masks_by_window(self) -> bool:
        """Return whether layers with a sliding window may forget what has left it."""

        def compared(number: int) -> Pairs:
            ids = check_ids(self._vocabulary, window_check.CHECK_IDS, number)
            return logits_under_small_windows(self._model, ids, self._runner.device)

        return holds(compared, self._model.dtype)
