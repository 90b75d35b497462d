"""One generation: the prompt is read as far as the KV doesn't hold it yet, then one id after the other is chosen."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import torch

from engine.api.cancellation import CancellationToken
from engine.api.errors import Cancelled
from engine.api.events import FinishReason, Statistics
from engine.generation.answer_text import AnswerText
from engine.generation.decoding import Decoder
from engine.generation.reading import Reader
from engine.generation.sampler import Sampler
from engine.generation.shortage import MemoryRanOut, Shortage, shortage_of

_LONG_PROMPT_TOKENS = 512


@dataclass(frozen=True)
class Result:
    """What a generation came to; token_ids are without the end token, text is their full decode,
    but for half a character at its end."""

    reason: FinishReason
    text: str
    token_ids: tuple[int, ...]
    statistics: Statistics


@dataclass(frozen=True)
class Report:
    """Where progress goes: prefilled(prompt ids, reused ids, ids read so far), generated(text, ids since the last),
    rolled(place of the first message that was kept)."""

    prefilled: Callable[[int, int, int], None]
    generated: Callable[[str, tuple[int, ...]], None]
    rolled: Callable[[int], None] = lambda first_kept: None


class Generation:
    """Runs one generation on a runner whose KV was already rewound to what the prompt shares with it.

    keep stores what the KV holds: with keeps_before_last when all of the prompt but its last id has been read, as
    another version of the answer begins with that; and behind the first id if the prompt was long, as an engine that is
    ended while it answers would lose what took so long to read.
    """

    def __init__(
        self,
        reader: Reader,
        answer_text: AnswerText,
        sampler: Sampler,
        decoder: Decoder,
        end_ids: Collection[int],
        report: Report,
        keep: Callable[[], object],
        *,
        keeps_before_last: bool,
    ) -> None:
        self._reader = reader
        self._runner = reader.runner
        self._answer_text = answer_text
        self._sampler = sampler
        self._decoder = decoder
        self._end_ids = end_ids
        self._report = report
        self._keep = keep
        self._keeps_before_last = keeps_before_last
        self._prefilled = 0
        self._prompt_ids: list[int] = []
        self._ids: list[int] = []
        self._unsent: list[int] = []
        self._reused = 0

    def run(self, prompt_ids: list[int], maximum_tokens: int | None, cancellation: CancellationToken) -> Result:
        """Prefill and decode until an end token, a limit or a Stop; the KV stays valid in every case.

        Raises MemoryRanOut. Whatever is raised, all that was written has been reported before, with its ids.
        """
        started = time.perf_counter()
        self._prompt_ids = prompt_ids
        fed_before = self._runner.fed_tokens
        self._reused = self._runner.kv.length if self._runner.keeps_kv else 0
        try:
            token_id = self._first_id(cancellation)
            first = time.perf_counter()
            self._prefilled = self._runner.fed_tokens - fed_before
            reason = FinishReason.STOPPED
            if token_id is not None:
                reason = self._decode(token_id, maximum_tokens, cancellation)
        finally:
            text = self._tell_rest()
        decode_seconds = time.perf_counter() - first
        statistics = Statistics(
            prompt_tokens=len(prompt_ids),
            reused_tokens=self._reused,
            prefilled_tokens=self._prefilled,
            generated_tokens=len(self._ids),
            time_to_first_token_seconds=first - started,
            prefill_seconds=first - started,
            decode_seconds=decode_seconds,
            tokens_per_second=self._decoded(reason) / decode_seconds if decode_seconds > 0 else 0.0,
        )
        return Result(reason=reason, text=text, token_ids=tuple(self._ids), statistics=statistics)

    def _decoded(self, reason: FinishReason) -> int:
        """Return how many ids decoding chose: not the first, which reading the prompt gave, but the end if it came."""
        return max(0, len(self._ids) - 1) + (reason is FinishReason.END and bool(self._ids))

    def _tell_rest(self) -> str:
        """Report what was held back, as nothing follows that could change how it reads; return the whole text."""
        rest, text = self._answer_text.finish()
        if rest or self._unsent:
            self._report.generated(rest, tuple(self._unsent))
        return text

    def _first_id(self, cancellation: CancellationToken) -> int | None:
        """Read the prompt; return the first id, or None if stopped on the way."""
        try:
            if self._keeps_before_last and self._runner.kv.length < len(self._prompt_ids) - 1:
                self._read(self._prompt_ids[:-1], cancellation)
            if self._keeps_before_last:
                self._keep()
            logits = self._read(self._prompt_ids, cancellation)
        except Cancelled:
            return None
        return None if cancellation.is_cancelled else self._sampler.sample(logits)

    def _read(self, ids: list[int], cancellation: CancellationToken) -> torch.Tensor:
        def tell_progress() -> None:
            self._reused = min(self._reused, self._reader.least_held)
            self._report.prefilled(len(self._prompt_ids), self._reused, self._runner.kv.length - self._reused)

        try:
            return self._reader.read(ids, cancellation, tell_progress)
        finally:  # also where it was stopped before there was progress to tell
            self._reused = min(self._reused, self._reader.least_held)

    def _decode(self, token_id: int, maximum_tokens: int | None, cancellation: CancellationToken) -> FinishReason:
        chosen: Sequence[int] = (token_id,)
        try:
            while True:
                for token_id in chosen:
                    if reason := self._take(token_id, maximum_tokens, cancellation):
                        return reason
                chosen = self._next_ids(token_id, cancellation)
        except Cancelled:
            return FinishReason.STOPPED
        finally:
            self._runner.kv.rewind(min(self._runner.kv.length, len(self._prompt_ids) + len(self._ids)))

    def _take(self, token_id: int, maximum_tokens: int | None, cancellation: CancellationToken) -> FinishReason | None:
        """Report a chosen id; return why nothing follows it, if so."""
        if token_id in self._end_ids:
            return FinishReason.END
        self._ids.append(token_id)
        self._unsent.append(token_id)
        if text := self._answer_text.push(token_id):
            self._report.generated(text, tuple(self._unsent))
            self._unsent.clear()
        if cancellation.is_cancelled:
            return FinishReason.STOPPED
        if len(self._ids) == 1 and self._prefilled >= _LONG_PROMPT_TOKENS:
            self._keep()
        if maximum_tokens is not None and len(self._ids) >= maximum_tokens:
            return FinishReason.MAXIMUM_TOKENS
        if len(self._prompt_ids) + len(self._ids) > self._runner.kv.capacity:
            return FinishReason.CONTEXT_FULL
        return None

    def _next_ids(self, token_id: int, cancellation: CancellationToken) -> Sequence[int]:
        """Feed one id and choose what follows. Raises MemoryRanOut and Cancelled."""
        shortage: Shortage | None = None
        try:
            return self._decoder.next_ids(token_id)
        except (RuntimeError, MemoryError) as error:
            shortage = shortage_of(error, self._runner.device)
            if shortage is None:
                raise
        held = [*self._prompt_ids, *self._ids]
        if self._runner.kv.length >= len(held):
            raise MemoryRanOut(shortage)  # the id was fed; choosing the next one needs next to nothing
        self._reader.make_room(shortage, self._reader.pace.chunk)
        return (self._sampler.sample(self._reader.read(held, cancellation, is_retry=True)),)
