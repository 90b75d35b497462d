"""Work on tensors at fixed addresses made into something that can be repeated: a CUDA graph, or the work itself."""

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Protocol

import torch

# Held for as long as the process lives: see CudaRecorder._leave_capture.
_failed: list[torch.cuda.CUDAGraph] = []


class Recorder(Protocol):
    """Makes something that can be repeated of work on tensors at fixed addresses."""

    def __call__(self, work: Callable[[], object]) -> Callable[[], None]:
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

    def __call__(self, work: Callable[[], object]) -> Callable[[], None]:
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
        except BaseException:
            self._leave_capture(graph, before)
            raise
        return graph.replay

    def _leave_capture(self, graph: torch.cuda.CUDAGraph, before: torch.cuda.Stream) -> None:
        """Go back to the stream from before a capture, which CUDA may have ended by itself.

        WORKAROUND torch 2.11 to 2.13: torch.cuda.graph then stays on the stream of the capture, and the allocator
        takes the capture for going on: it would never again give cached memory back before it reports a shortage. The
        allocator of pinned memory can't be told at all: it would refuse another capture into the same pool, and goes
        on asking the graph, which therefore must not be freed.
        """
        torch.cuda.set_stream(before)
        pool, self._pool = self._pool, None
        _failed.append(graph)
        with suppress(AttributeError, RuntimeError):  # a capture that ended well has told it, and both are private
            for name in ("_cuda_endAllocateToPool", "_cuda_releasePool"):
                getattr(torch._C, name)(self._device.index or 0, pool)


def again(work: Callable[[], object]) -> Callable[[], None]:
    """Record nothing: the work is done once more each time, on any device."""

    def repeat() -> None:
        work()

    repeat()
    return repeat
