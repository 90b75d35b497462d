"""One generation: chunked prefill of what the KV doesn't hold yet, then one id after the other."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from engine.api.cancellation import CancellationToken
from engine.api.errors import Cancelled
from engine.api.events import FinishReason, Statistics
from engine.generation.detokenizer import Detokenizer
from engine.generation.model_runner import ModelRunner
from engine.generation.sampler import Sampler

# A chunk takes about this long: half a second where a Stop is answered between two layers, else less than the
# 200 ms in which a Stop has to be answered. Larger chunks read faster, as each reads all weights once.
_CHUNK_SECONDS = 0.5
_WHOLE_CHUNK_SECONDS = 0.12
_SMALLEST_CHUNK, _LARGEST_CHUNK = 32, 2048


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

    def __init__(self, stops_inside_chunks: bool) -> None:
        self._seconds = _CHUNK_SECONDS if stops_inside_chunks else _WHOLE_CHUNK_SECONDS
        self._chunk = _SMALLEST_CHUNK

    @property
    def chunk(self) -> int:
        """Ids to feed at once."""
        return self._chunk

    def learn(self, ids: int, seconds: float) -> None:
        """Move towards the measured rate, at most fourfold at a time."""
        wanted = int(ids * self._seconds / max(seconds, 1e-6))
        wanted = min(wanted, 4 * self._chunk, _LARGEST_CHUNK)
        self._chunk = max(_SMALLEST_CHUNK, wanted // _SMALLEST_CHUNK * _SMALLEST_CHUNK)


class Generation:
    """Runs one generation on a runner whose KV was already rewound to what the prompt shares with it."""

    def __init__(
        self,
        runner: ModelRunner,
        detokenizer: Detokenizer,
        sampler: Sampler,
        end_ids: Collection[int],
        pace: PrefillPace,
        report: Report,
    ) -> None:
        self._runner = runner
        self._detokenizer = detokenizer
        self._sampler = sampler
        self._end_ids = end_ids
        self._pace = pace
        self._report = report
        self._ids: list[int] = []
        self._unsent: list[int] = []

    def run(self, prompt_ids: list[int], maximum_tokens: int | None, cancellation: CancellationToken) -> Result:
        """Prefill and decode until an end token, a limit or a Stop; the KV stays valid in every case."""
        started = time.monotonic()
        fed_before = self._runner.fed_tokens
        reused = self._runner.kv.length if self._runner.reads_in_chunks else 0
        token_id = self._prefill(prompt_ids, cancellation)
        first = time.monotonic()
        prefilled = self._runner.fed_tokens - fed_before
        reason = FinishReason.STOPPED
        if token_id is not None:
            reason = self._decode(token_id, maximum_tokens, cancellation)
        rest, text = self._detokenizer.finish()
        if rest or self._unsent:
            self._report.generated(rest, tuple(self._unsent))
        decode_seconds = time.monotonic() - first
        statistics = Statistics(
            prompt_tokens=len(prompt_ids),
            reused_tokens=reused,
            prefilled_tokens=prefilled,
            generated_tokens=len(self._ids),
            time_to_first_token_seconds=first - started,
            prefill_seconds=first - started,
            decode_seconds=decode_seconds,
            tokens_per_second=len(self._ids) / decode_seconds if decode_seconds > 0 and self._ids else 0.0,
        )
        return Result(reason=reason, text=text, token_ids=tuple(self._ids), statistics=statistics)

    def _prefill(self, prompt_ids: list[int], cancellation: CancellationToken) -> int | None:
        """Feed what the KV doesn't hold; return the first id, or None if stopped on the way."""
        done = reused = self._runner.kv.length
        logits = None
        while done < len(prompt_ids):
            if cancellation.is_cancelled:
                return None
            size = self._runner.chunk_size(self._pace.chunk, len(prompt_ids))
            chunk = prompt_ids[done : done + size]
            started = time.monotonic()
            try:
                logits = self._runner.feed(chunk, cancellation)
            except Cancelled:
                return None
            if self._runner.device.type == "cuda":
                logits.cpu()  # a chunk's time is known only when the device has finished it
            if len(chunk) == size:
                self._pace.learn(size, time.monotonic() - started)
            done += len(chunk)
            self._report.prefilled(len(prompt_ids), reused, done - reused)
        assert logits is not None, "at least one id is left to feed"
        return None if cancellation.is_cancelled else self._sampler.sample(logits)

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
            token_id = self._sampler.sample(self._runner.feed([token_id]))
        return FinishReason.END
