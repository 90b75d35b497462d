"""Rounds of speculation: ids are proposed, checked in one pass, and taken as far as the sampler draws the same.

Each id is drawn from the model's own logits with its position's own random numbers, so the ids are those of plain
decoding, whatever was proposed (up to the rounding of a pass over several ids).
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from engine.api.cancellation import CancellationToken
from engine.generation.decoding import Decoder
from engine.generation.kv_way import KvMode
from engine.generation.model_runner import ModelRunner
from engine.generation.sampler import Sampler
from engine.generation.shortage import MemoryRanOut, shortage_of
from engine.generation.speculation.draft import DraftModel
from engine.generation.speculation.lookup import LookupIndex
from engine.generation.speculation.pace import SIZES, Likelihood, MeasuredPace, Pace, likelihood_of

PROMPT_LOOKUP = "prompt lookup"
DRAFT_MODEL = "draft model"
# What a draft model has to catch up on is read before the round's time is taken if it is more than a pause leaves.
_MUCH_MISSING = 64


@dataclass(frozen=True)
class Told:
    """How many ids were proposed and accepted in one answer, and by what most of them; empty if none were proposed."""

    proposed: int = 0
    accepted: int = 0
    by: str = ""


def can_take_back(runner: ModelRunner) -> bool:
    """Return whether proposals to this model that turn out wrong can be taken back."""
    return runner.mode is KvMode.SLAB and runner.kv.undoable_tokens >= max(SIZES)


class Speculation:
    """What is kept between the answers of one model: the ids of the last conversation, the draft model, the pace.

    give_up_draft is called when the draft model's memory runs out; it isn't used again.
    """

    def __init__(
        self, runner: ModelRunner, draft: DraftModel | None = None, give_up_draft: Callable[[], None] = lambda: None
    ) -> None:
        self._runner = runner
        self.index = LookupIndex()
        self.draft = draft
        self.pace: Pace = MeasuredPace()
        self._give_up_draft = give_up_draft

    @property
    def is_possible(self) -> bool:
        """Whether proposals that turn out wrong can be taken back."""
        return can_take_back(self._runner)

    def around(
        self,
        plain: Decoder,
        sampler: Sampler,
        prompt_ids: Sequence[int],
        end_ids: Collection[int],
        cancellation: CancellationToken,
    ) -> Decoder:
        """Return a decoder for one answer, which takes plain steps through the given one; that itself if none pays."""
        if not self.is_possible:
            return plain
        if isinstance(self.pace, MeasuredPace):
            self.pace.begin()
        if self.draft is not None:
            self.draft.begin()
        return SpeculativeDecoder(self, plain, self._runner, sampler, prompt_ids, end_ids, cancellation)

    def drop_draft(self) -> None:
        """Go on without the draft model, for as long as the model lives."""
        self.draft = None
        self._give_up_draft()

    def forget(self) -> None:
        """Drop the ids of the last conversation."""
        self.index.follow(())
        if self.draft is not None:
            self.draft.forget()


class SpeculativeDecoder:
    """Continues one generation by rounds where they pay, by plain steps where not."""

    def __init__(
        self,
        speculation: Speculation,
        plain: Decoder,
        runner: ModelRunner,
        sampler: Sampler,
        prompt_ids: Sequence[int],
        end_ids: Collection[int],
        cancellation: CancellationToken,
    ) -> None:
        self._speculation = speculation
        self._plain = plain
        self._runner = runner
        self._sampler = sampler
        self._index = speculation.index
        self._pace = speculation.pace
        self._prompt_ids: Sequence[int] | None = prompt_ids
        self._end_ids = end_ids
        self._cancellation = cancellation
        self._is_off = False
        self._started = 0.0
        self._proposed = {PROMPT_LOOKUP: 0, DRAFT_MODEL: 0}
        self._accepted = {PROMPT_LOOKUP: 0, DRAFT_MODEL: 0}

    @property
    def told(self) -> Told:
        """What came of it so far."""
        by = max(self._proposed, key=lambda each: (self._accepted[each], self._proposed[each]))
        proposed = sum(self._proposed.values())
        return Told(proposed, sum(self._accepted.values()), by if proposed else "")

    def next_ids(self, token_id: int) -> Sequence[int]:
        """Feed the id, and what is supposed to follow it; return the ids that follow. Raises Cancelled as well."""
        if self._prompt_ids is not None:  # only now: the first id mustn't wait for it
            self._index.follow(self._prompt_ids)
            self._prompt_ids = None
        self._index.append(token_id)
        self._started = time.perf_counter()
        proposal, likelihood = self._proposal()
        chosen = self._checked(token_id, proposal) if proposal else []
        if chosen:
            self._learn(proposal, likelihood, len(chosen) - 1)
            for each in chosen[:-1]:
                self._index.append(each)
            return chosen
        started = time.perf_counter()
        found = self._plain.next_ids(token_id)
        self._pace.learn_plain(time.perf_counter() - started)
        return found

    def _learn(self, proposal: Sequence[int], likelihood: Likelihood, accepted: int) -> None:
        seconds = time.perf_counter() - self._started
        self._pace.learn_round(likelihood, len(proposal) + 1, accepted, seconds)
        by = DRAFT_MODEL if likelihood is Likelihood.DRAFT else PROMPT_LOOKUP
        self._proposed[by] += len(proposal)
        self._accepted[by] += accepted

    def _proposal(self) -> tuple[list[int], Likelihood]:
        """Return what to check behind the last id and how good it is; nothing where a plain step is better."""
        if self._is_off:
            return [], Likelihood.PAIR
        match, has_draft = self._index.match(), self._speculation.draft is not None
        likelihood = likelihood_of(match.length) if match is not None else Likelihood.PAIR
        beats_draft = likelihood > Likelihood.PAIR or not has_draft
        if match is not None and beats_draft and (size := self._size(likelihood)):
            return self._index.proposal(match, size - 1), likelihood
        if has_draft and (size := self._size(Likelihood.DRAFT)):
            return self._drafted(size - 1), Likelihood.DRAFT
        return [], likelihood

    def _size(self, likelihood: Likelihood) -> int:
        """Return how many ids to check at once, 0 for a plain step."""
        room = self._runner.kv.capacity - self._runner.kv.length
        size = self._pace.size(likelihood, min(room, max(SIZES)))
        return size if size > 1 and self._runner.can_check(size) else 0

    def _drafted(self, count: int) -> list[int]:
        """Return what the draft model proposes, nothing where it can't; without memory it is given up."""
        draft, ids = self._speculation.draft, self._index.ids
        assert draft is not None
        try:
            if draft.missing(ids) > _MUCH_MISSING:
                if not draft.can_propose(ids, count):
                    return []
                draft.read(ids, self._cancellation)
                self._started = time.perf_counter()
            if draft.can_propose(ids, count):
                return draft.proposal(ids, count, self._sampler, self._cancellation)
            return []
        except MemoryRanOut:
            pass
        except (RuntimeError, MemoryError) as error:
            if shortage_of(error, draft.device) is None:
                raise
        del draft
        self._speculation.drop_draft()  # outside the except blocks, whose errors hold tensors
        return []

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
