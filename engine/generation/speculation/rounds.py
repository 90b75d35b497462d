"""Rounds of speculation: ids are proposed, checked in one pass, and taken as far as the sampler draws the same.

Each id is drawn from the model's own logits with its position's own random numbers, so the ids are those of plain
decoding, whatever was proposed (up to the rounding of a pass over several ids).
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from engine.generation.decoding import Decoder
from engine.generation.model_runner import KvMode, ModelRunner
from engine.generation.sampler import Sampler
from engine.generation.shortage import shortage_of
from engine.generation.speculation.lookup import LookupIndex
from engine.generation.speculation.pace import SIZES, Likelihood, MeasuredPace, Pace, likelihood_of

PROMPT_LOOKUP = "prompt lookup"


@dataclass(frozen=True)
class Told:
    """How many ids were proposed and accepted in one answer, and by what; empty if none were proposed."""

    proposed: int = 0
    accepted: int = 0
    by: str = ""


class Speculation:
    """What is kept between the answers of one model: the ids of the last conversation, and the pace."""

    def __init__(self, runner: ModelRunner) -> None:
        self._runner = runner
        self._index = LookupIndex()
        self.pace: Pace = MeasuredPace()

    @property
    def is_possible(self) -> bool:
        """Whether proposals that turn out wrong can be taken back."""
        return self._runner.mode is KvMode.SLAB and self._runner.kv.undoable_tokens >= max(SIZES)

    def around(self, plain: Decoder, sampler: Sampler, prompt_ids: Sequence[int], end_ids: Collection[int]) -> Decoder:
        """Return a decoder for one answer, which takes plain steps through the given one; that itself if none pays."""
        if not self.is_possible:
            return plain
        if isinstance(self.pace, MeasuredPace):
            self.pace.begin()
        return SpeculativeDecoder(plain, self._runner, sampler, self._index, self.pace, prompt_ids, end_ids)

    def forget(self) -> None:
        """Drop the ids of the last conversation."""
        self._index.follow(())


class SpeculativeDecoder:
    """Continues one generation by rounds where they pay, by plain steps where not."""

    def __init__(
        self,
        plain: Decoder,
        runner: ModelRunner,
        sampler: Sampler,
        index: LookupIndex,
        pace: Pace,
        prompt_ids: Sequence[int],
        end_ids: Collection[int],
    ) -> None:
        self._plain = plain
        self._runner = runner
        self._sampler = sampler
        self._index = index
        self._pace = pace
        self._prompt_ids: Sequence[int] | None = prompt_ids
        self._end_ids = end_ids
        self._is_off = False
        self._proposed = 0
        self._accepted = 0

    @property
    def told(self) -> Told:
        """What came of it so far."""
        return Told(self._proposed, self._accepted, PROMPT_LOOKUP if self._proposed else "")

    def next_ids(self, token_id: int) -> Sequence[int]:
        """Feed the id, and what is supposed to follow it; return the ids that follow."""
        if self._prompt_ids is not None:  # only now: the first id mustn't wait for it
            self._index.follow(self._prompt_ids)
            self._prompt_ids = None
        self._index.append(token_id)
        started = time.perf_counter()
        proposal, likelihood = self._proposal()
        chosen = self._checked(token_id, proposal) if proposal else []
        if chosen:
            seconds = time.perf_counter() - started
            self._pace.learn_round(likelihood, len(proposal) + 1, len(chosen) - 1, seconds)
            self._proposed += len(proposal)
            self._accepted += len(chosen) - 1
            for each in chosen[:-1]:
                self._index.append(each)
            return chosen
        started = time.perf_counter()
        found = self._plain.next_ids(token_id)
        self._pace.learn_plain(time.perf_counter() - started)
        return found

    def _proposal(self) -> tuple[list[int], Likelihood]:
        """Return what to check behind the last id, nothing where a plain step is better."""
        match = None if self._is_off else self._index.match()
        if match is None:
            return [], Likelihood.PAIR
        likelihood = likelihood_of(match.length)
        room = self._runner.kv.capacity - self._runner.kv.length
        size = self._pace.size(likelihood, min(room, max(SIZES)))
        if size < 2 or not self._runner.can_check(size):
            return [], likelihood
        return self._index.proposal(match, size - 1), likelihood

    def _checked(self, token_id: int, proposal: Sequence[int]) -> list[int]:
        """Return the ids that follow, nothing where memory was not enough to check several.

        The KV holds all of them but the last afterwards.
        """
        held = self._runner.kv.length
        try:
            logits = self._runner.check([token_id, *proposal])
        except (RuntimeError, MemoryError) as error:
            if shortage_of(error, self._runner.device) is None or self._runner.kv.length != held:
                raise
            self._is_off = True
            return []
        chosen: list[int] = []
        try:
            for place in range(len(proposal) + 1):
                chosen.append(self._sampler.sample(logits[place]))
                if chosen[-1] in self._end_ids or proposal[place : place + 1] != [chosen[-1]]:
                    break
        finally:
            self._runner.kv.rewind(held + max(1, len(chosen)))
        return chosen
