"""Reads ids into the KV in chunks that take about the wanted time, and makes room where memory runs out."""

import time
from collections.abc import Callable

import torch

from engine.api.cancellation import CancellationToken
from engine.generation.model_runner import ModelRunner
from engine.generation.shortage import MemoryRanOut, Shortage, shortage_of

# A chunk takes about this long: a second where a Stop is answered between two layers, else less than the 200 ms in
# which a Stop has to be answered. Larger chunks read faster: each reads all weights once, and all that was before it.
_CHUNK_SECONDS = 1.0
_WHOLE_CHUNK_SECONDS = 0.12
# Where each chunk also unpacks all weights (8 and 4 bit on a processor) it may take longer, but none of its layers, for
# which a Stop waits, longer than this.
_UNPACKING_CHUNK_SECONDS = 2.0
_LAYER_SECONDS = 0.07
_SMALLEST_CHUNK = 32
_SHRUNK_SHARE = 4


class PrefillPace:
    """Finds the chunk size that takes the wanted time on this machine; lives as long as the model."""

    def __init__(self, stops_inside_chunks: bool, largest_tokens: int, *, unpacked_layers: int = 0) -> None:
        """unpacked_layers: how many layers unpack their weights for each chunk, one after the other."""
        self._seconds = _CHUNK_SECONDS if stops_inside_chunks else _WHOLE_CHUNK_SECONDS
        if stops_inside_chunks:
            self._seconds = max(self._seconds, min(unpacked_layers * _LAYER_SECONDS, _UNPACKING_CHUNK_SECONDS))
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


def pace_for(runner: ModelRunner, largest_tokens: int) -> PrefillPace:
    """Return the pace of a model that has chosen how it keeps its KV."""
    return PrefillPace(runner.stops_inside_chunks, largest_tokens, unpacked_layers=runner.unpacked_layers)


class Reader:
    """Feeds what the KV doesn't hold yet. make_room is told what was short and how many ids were fed at once."""

    def __init__(self, runner: ModelRunner, pace: PrefillPace, make_room: Callable[[Shortage, int], None]) -> None:
        self.runner = runner
        self.pace = pace
        self.make_room = make_room
        self.least_held = 0

    def read(
        self,
        ids: list[int],
        cancellation: CancellationToken,
        tell_progress: Callable[[], None] = lambda: None,
        *,
        is_retry: bool = False,
    ) -> torch.Tensor:
        """Feed what the KV doesn't hold of ids and return the logits after the last; at least one id must be left.

        least_held is the least that the KV held after making room: layers that can't be rewound forget what was
        there before. Raises Cancelled, and MemoryRanOut where a piece fails twice (at once with is_retry, until one
        went well).
        """
        logits: torch.Tensor | None = None
        self.least_held = self.runner.kv.length
        while (done := self.runner.kv.length) < len(ids):
            cancellation.raise_if_cancelled()
            logits = None
            size = self.runner.chunk_size(self.pace.chunk, len(ids))
            chunk = ids[done : done + size]
            outcome = self._feed(chunk, size, cancellation)
            if isinstance(outcome, Shortage):
                if is_retry:
                    raise MemoryRanOut(outcome)
                self.make_room(outcome, len(chunk))
                self.least_held = min(self.least_held, self.runner.kv.length)
            else:
                logits = outcome
                tell_progress()
            is_retry = isinstance(outcome, Shortage)
        assert logits is not None, "at least one id is left to feed"
        return logits

    def _feed(self, chunk: list[int], size: int, cancellation: CancellationToken) -> torch.Tensor | Shortage:
        """Feed a chunk and learn from its time. A shortage is returned: the traceback of its error holds memory."""
        started = time.perf_counter()
        try:
            logits = self.runner.feed(chunk, cancellation)
            if self.runner.device.type == "cuda":
                torch.cuda.synchronize(self.runner.device)  # only now its time is known
        except (RuntimeError, MemoryError) as error:
            shortage = shortage_of(error, self.runner.device)
            if shortage is None:
                raise
            return shortage
        if len(chunk) == size:
            self.pace.learn(size, time.perf_counter() - started)
        return logits
