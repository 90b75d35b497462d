"""The decode step made ready for replay: as CUDA graphs, one for each number of ids and reach, or compiled.

Owns the graphs, their memory and one buffer of logits for each number of ids. Runs on the compute lane, whose stream
orders replays, plain passes and copies.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from typing import Protocol

import torch
from transformers import PreTrainedModel

from engine.decode.step import DecodeStep, reach_for
from engine.kv.slab import KvSlab

# What is recorded: one id, and as many as speculation checks at once. Compiling each would take too long.
_COUNTS = (1, 2, 4, 8, 16)
_COMPILED_COUNTS = (1,)


class Recorder(Protocol):
    """Makes something that can be repeated of work on tensors at fixed addresses."""

    def __call__(self, work: Callable[[], None]) -> Callable[[], None]:
        """Do the work, at least once, and return what does it again. Raises what the work raises, or RuntimeError."""
        ...


@cache
def _stream_aside(device: torch.device) -> torch.cuda.Stream:
    """Return the one stream of a device that is recorded on, for as long as the process lives.

    cuBLAS keeps a workspace for each stream it was ever used on (8 MiB, 32 on newer cards), and memory of a pool is
    used again only on the stream that it was taken on.
    """
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call] # as PyTorch leaves it


class CudaRecorder:
    """Captures work as CUDA graphs that share one pool of memory."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool: torch.cuda._POOL_HANDLE | None = None

    def __call__(self, work: Callable[[], None]) -> Callable[[], None]:
        """Do the work twice aside, so that libraries have their workspaces, then capture it."""
        stream, before = _stream_aside(self._device), torch.cuda.current_stream(self._device)
        stream.wait_stream(before)
        try:
            with torch.cuda.stream(stream):
                for _ in range(2):
                    work()
        finally:
            before.wait_stream(stream)  # also what failed half way has begun to write
        torch.cuda.synchronize(self._device)
        graph = torch.cuda.CUDAGraph()
        self._pool = self._pool or torch.cuda.graph_pool_handle()
        try:
            # The transfer lane's thread may use CUDA meanwhile, which only a thread-local capture allows.
            with torch.cuda.graph(graph, pool=self._pool, stream=stream, capture_error_mode="thread_local"):
                work()
        finally:
            if torch.cuda.current_stream(self._device) != before:
                self._leave_capture(before)
        return graph.replay

    def _leave_capture(self, before: torch.cuda.Stream) -> None:
        """Go back to the stream from before a capture that CUDA has ended by itself.

        WORKAROUND torch 2.13: torch.cuda.graph then stays on the stream of the capture, and the allocator takes the
        capture for going on: it would never again give cached memory back before it reports a shortage.
        """
        torch.cuda.set_stream(before)
        with suppress(AttributeError, RuntimeError):  # it may not have come so far, and both are private
            for name in ("_cuda_endAllocateToPool", "_cuda_releasePool"):
                getattr(torch._C, name)(self._device.index or 0, self._pool)


def again(work: Callable[[], None]) -> Callable[[], None]:
    """Record nothing: the work is done once more each time, on any device."""
    work()
    return work


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
        self._prepared: dict[int, _Prepared] = {}
        self._refused: set[int] = set()

    @property
    def counts(self) -> tuple[int, ...]:
        """How many ids may be fed at once."""
        counts = _COMPILED_COUNTS if self._compiles else _COUNTS
        return tuple(count for count in counts if count not in self._refused)

    def refuse(self, count: int) -> None:
        """Feed no more so many ids at once, as that can't be recorded."""
        self._refused.add(count)
        self._prepared.pop(count, None)

    def can_feed(self, count: int) -> bool:
        """Return whether so many ids may be fed at once, and fit behind what the KV holds."""
        return count in self.counts and self._kv.length + count <= self._kv.capacity

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
        reach = reach_for(length, self._kv.capacity)
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
