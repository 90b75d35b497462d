"""One generation: chunked prefill of what the KV doesn't hold yet, then one id after the other.

Where memory runs out, room is made and the same piece is tried once more, in smaller chunks.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch

from engine.api.cancellation import CancellationToken
from engine.api.errors import Cancelled
from engine.api.events import FinishReason, Statistics
from engine.generation.detokenizer import Detokenizer
from engine.generation.model_runner import ModelRunner
from engine.generation.sampler import Sampler
from engine.generation.shortage import MemoryRanOut, Shortage, shortage_of

# A chunk takes about this long: half a second where a Stop is answered between two layers, else less than the
# 200 ms in which a Stop has to be answered. Larger chunks read faster, as each reads all weights once.
_CHUNK_SECONDS = 0.5
_WHOLE_CHUNK_SECONDS = 0.12
_SMALLEST_CHUNK = 32
_SHRUNK_SHARE = 4


@dataclass(frozen=True)
class Result:
    """What a generation came to; token_ids are without the end token, text is their full decode."""

    reason: FinishReason
    text: str
    token_ids: tuple[int, ...]
    statistics: Statistics


@dataclass(frozen=True)
class Report:
    """Where progress goes: prefilled(prompt ids, reused ids, ids read so far), generated(text, ids since the last)."""

    prefilled: Callable[[int, int, int], None]
    generated: Callable[[str, tuple[int, ...]], None]


class PrefillPace:
    """Finds the chunk size that takes the wanted time on this machine; lives as long as the model."""

    def __init__(self, stops_inside_chunks: bool, largest_tokens: int) -> None:
        self._seconds = _CHUNK_SECONDS if stops_inside_chunks else _WHOLE_CHUNK_SECONDS
        self._largest = max(_SMALLEST_CHUNK, largest_tokens)
        self._chunk = _SMALLEST_CHUNK

    @property
    def chunk(self) -> int:
        """Ids to feed at once."""
        return self._chunk

    def learn(self, ids: int, seconds: float) -> None:
        """Move towards the measured rate, at most fourfold at a time."""
        wanted = int(ids * self._seconds / max(seconds, 1e-6))
        self._limit(min(wanted, 4 * self._chunk))

    def shrink(self, failed_tokens: int) -> None:
        """Feed no more than a quarter of what was too much at once, as long as the model lives."""
        self._largest = max(_SMALLEST_CHUNK, min(self._largest, failed_tokens // _SHRUNK_SHARE))
        self._limit(self._chunk)

    def _limit(self, wanted: int) -> None:
        wanted = min(wanted, self._largest)
        self._chunk = max(_SMALLEST_CHUNK, wanted // _SMALLEST_CHUNK * _SMALLEST_CHUNK)


class Generation:
    """Runs one generation on a runner whose KV was already rewound to what the prompt shares with it.

    make_room is told what was short and how many ids were fed at once; it gives back what can be spared.
    """

    def __init__(
        self,
        runner: ModelRunner,
        detokenizer: Detokenizer,
        sampler: Sampler,
        end_ids: Collection[int],
        pace: PrefillPace,
        report: Report,
        make_room: Callable[[Shortage, int], None],
    ) -> None:
        self._runner = runner
        self._detokenizer = detokenizer
        self._sampler = sampler
        self._end_ids = end_ids
        self._pace = pace
        self._report = report
        self._make_room = make_room
        self._prompt_ids: list[int] = []
        self._ids: list[int] = []
        self._unsent: list[int] = []
        self._reused = 0

    def run(self, prompt_ids: list[int], maximum_tokens: int | None, cancellation: CancellationToken) -> Result:
        """Prefill and decode until an end token, a limit or a Stop; the KV stays valid in every case.

        Raises MemoryRanOut. Whatever is raised, all that was written has been reported before, with its ids.
        """
        started = time.monotonic()
        self._prompt_ids = prompt_ids
        fed_before = self._runner.fed_tokens
        self._reused = self._runner.kv.length if self._runner.reads_in_chunks else 0
        try:
            token_id = self._first_id(cancellation)
            first = time.monotonic()
            prefilled = self._runner.fed_tokens - fed_before
            reason = FinishReason.STOPPED
            if token_id is not None:
                reason = self._decode(token_id, maximum_tokens, cancellation)
        finally:
            text = self._tell_rest()
        decode_seconds = time.monotonic() - first
        statistics = Statistics(
            prompt_tokens=len(prompt_ids),
            reused_tokens=self._reused,
            prefilled_tokens=prefilled,
            generated_tokens=len(self._ids),
            time_to_first_token_seconds=first - started,
            prefill_seconds=first - started,
            decode_seconds=decode_seconds,
            tokens_per_second=len(self._ids) / decode_seconds if decode_seconds > 0 and self._ids else 0.0,
        )
        return Result(reason=reason, text=text, token_ids=tuple(self._ids), statistics=statistics)

    def _tell_rest(self) -> str:
        """Report what was held back, as nothing follows that could change how it reads; return the whole text."""
        rest, text = self._detokenizer.finish()
        if rest or self._unsent:
            self._report.generated(rest, tuple(self._unsent))
        return text

    def _first_id(self, cancellation: CancellationToken) -> int | None:
        """Read the prompt; return the first id, or None if stopped on the way."""
        try:
            logits = self._read(self._prompt_ids, cancellation, self._tell_progress)
        except Cancelled:
            return None
        return None if cancellation.is_cancelled else self._sampler.sample(logits)

    def _tell_progress(self) -> None:
        self._report.prefilled(len(self._prompt_ids), self._reused, self._runner.kv.length - self._reused)

    def _read(
        self,
        ids: list[int],
        cancellation: CancellationToken,
        tell_progress: Callable[[], None] = lambda: None,
        *,
        is_retry: bool = False,
    ) -> torch.Tensor:
        """Feed what the KV doesn't hold of ids and return the logits after the last.

        Raises Cancelled, and MemoryRanOut where a piece fails twice (at once with is_retry, until one went well).
        """
        logits: torch.Tensor | None = None
        while (done := self._runner.kv.length) < len(ids):
            cancellation.raise_if_cancelled()
            logits = None
            size = self._runner.chunk_size(self._pace.chunk, len(ids))
            chunk = ids[done : done + size]
            outcome = self._feed(chunk, size, cancellation)
            if isinstance(outcome, Shortage):
                if is_retry:
                    raise MemoryRanOut(outcome)
                self._make_room(outcome, len(chunk))
                # Layers that can't be rewound have forgotten what was there before.
                self._reused = min(self._reused, self._runner.kv.length)
            else:
                logits = outcome
                tell_progress()
            is_retry = isinstance(outcome, Shortage)
        assert logits is not None, "at least one id is left to feed"
        return logits

    def _feed(self, chunk: list[int], size: int, cancellation: CancellationToken) -> torch.Tensor | Shortage:
        """Feed a chunk and learn from its time. A shortage is returned: the traceback of its error holds memory."""
        started = time.monotonic()
        try:
            logits = self._runner.feed(chunk, cancellation)
            if self._runner.device.type == "cuda":
                torch.cuda.synchronize(self._runner.device)  # only now its time is known
        except (RuntimeError, MemoryError) as error:
            shortage = shortage_of(error, self._runner.device)
            if shortage is None:
                raise
            return shortage
        if len(chunk) == size:
            self._pace.learn(size, time.monotonic() - started)
        return logits

    def _decode(self, token_id: int, maximum_tokens: int | None, cancellation: CancellationToken) -> FinishReason:
        while token_id not in self._end_ids:
            self._ids.append(token_id)
            self._unsent.append(token_id)
            if text := self._detokenizer.push(token_id):
                self._report.generated(text, tuple(self._unsent))
                self._unsent.clear()
            if cancellation.is_cancelled:
                return FinishReason.STOPPED
            if maximum_tokens is not None and len(self._ids) >= maximum_tokens:
                return FinishReason.MAXIMUM_TOKENS
            if self._runner.kv.length >= self._runner.kv.capacity:
                return FinishReason.CONTEXT_FULL
            try:
                token_id = self._next_id(token_id, cancellation)
            except Cancelled:
                return FinishReason.STOPPED
        return FinishReason.END

    def _next_id(self, token_id: int, cancellation: CancellationToken) -> int:
        """Feed one id and choose the next. Raises MemoryRanOut; Cancelled only where much had to be read again."""
        shortage: Shortage | None = None
        try:
            return self._sampler.sample(self._runner.feed([token_id]))
        except (RuntimeError, MemoryError) as error:
            shortage = shortage_of(error, self._runner.device)
            if shortage is None:
                raise
        held = [*self._prompt_ids, *self._ids]
        if self._runner.kv.length >= len(held):
            raise MemoryRanOut(shortage)  # the id was fed; choosing the next one needs next to nothing
        self._make_room(shortage, self._pace.chunk)
        return self._sampler.sample(self._read(held, cancellation, is_retry=True))
