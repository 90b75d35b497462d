"""Copying memory as fast as it goes, by the processor and by each kind of GPU."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil
import torch

_MIB = 2**20
_GPU_BUFFER_BYTES = 256 * _MIB  # read and written: several times the largest second-level cache
_RAM_BUFFER_BYTES = 128 * _MIB
_TRANSFER_BUFFER_BYTES = 64 * _MIB  # a power of two: pinned memory is rounded up to one
_LEAST_BUFFER_BYTES = 32 * _MIB
_SHARE_OF_FREE = 8
_RUNS = 5
_COPIES_PER_RUN = 2
# What is measured begins before the first copy reaches the card: that is to be next to nothing of a run.
_GPU_RUN_SECONDS, _MOST_GPU_COPIES = 0.005, 64
_WAKE_SECONDS = 0.05  # an idle card clocks its memory down; it takes some copies to come back
_RAM_BUDGET_SECONDS = 0.12
_BUSY_CORES = 0.25  # of other programs' work, on average


@dataclass(frozen=True)
class Copied:
    """Bytes read plus bytes written per second; 0 if it could not be measured.

    is_undisturbed: no other program was busy meanwhile, so that the number is worth keeping.
    """

    bytes_per_second: float
    is_undisturbed: bool = True


_NOTHING = Copied(0.0)


def copy_ram(available_bytes: int) -> Copied:
    """Measure main memory with all threads that torch computes with; holds up to 256 MiB for about 0.1 s.

    The best run counts: another program's work can only make a run slower.
    """
    size = _buffer_bytes(_RAM_BUFFER_BYTES, available_bytes)
    if not size:
        return _NOTHING
    busy_before, started = busy_seconds_of_others(), time.perf_counter()
    try:
        source, target = _buffers(size, "cpu")
        runs = [_seconds(lambda: target.copy_(source))]
        while len(runs) < _RUNS and sum(runs) < _RAM_BUDGET_SECONDS:
            runs.append(_seconds(lambda: target.copy_(source)))
    except (RuntimeError, MemoryError):
        return _NOTHING
    busy = (busy_seconds_of_others() - busy_before) / (time.perf_counter() - started)
    return Copied(2 * size / min(runs), busy < _BUSY_CORES)


def copy_gpu(index: int, free_bytes: int) -> Copied:
    """Measure one CUDA device with its own clock; median of five runs, the memory is given back before it returns."""
    size = _buffer_bytes(_GPU_BUFFER_BYTES, free_bytes)
    return _copied_by_gpu(index, 2 * size, lambda: _buffers(size, f"cuda:{index}"))


def copy_to_gpu(index: int, free_bytes: int) -> Copied:
    """Measure pinned main memory to one CUDA device, counting each byte once; as copy_gpu otherwise."""
    size = _buffer_bytes(_TRANSFER_BUFFER_BYTES, free_bytes)
    return _copied_by_gpu(index, size, lambda: _transfer_buffers(size, index))


def copy_mps(free_bytes: int) -> Copied:
    """Measure Apple's GPU by the wall clock; best of five runs."""
    size = _buffer_bytes(_GPU_BUFFER_BYTES, free_bytes)
    if not size:
        return _NOTHING
    try:
        seconds = _mps_seconds(size)
    except RuntimeError:
        seconds = 0.0
    _give_back(torch.mps.empty_cache)
    return Copied(2 * size / seconds) if seconds > 0 else _NOTHING


def _copied_by_gpu(index: int, moved_bytes: int, buffers: Callable[[], tuple[torch.Tensor, torch.Tensor]]) -> Copied:
    if not moved_bytes:
        return _NOTHING
    try:
        with torch.cuda.device(index):
            seconds = _gpu_seconds(buffers)
    except (RuntimeError, AssertionError):
        seconds = 0.0
    _give_back(torch.cuda.empty_cache)
    return Copied(moved_bytes / seconds) if seconds > 0 else _NOTHING


def _gpu_seconds(buffers: Callable[[], tuple[torch.Tensor, torch.Tensor]]) -> float:
    source, target = buffers()
    _wake(lambda: target.copy_(source), torch.cuda.synchronize)
    found = _run_on_gpu(source, target, _COPIES_PER_RUN)
    copies = max(_COPIES_PER_RUN, min(int(_GPU_RUN_SECONDS / max(found, 1e-9)), _MOST_GPU_COPIES))
    return statistics.median(_run_on_gpu(source, target, copies) for _ in range(_RUNS))


def _run_on_gpu(source: torch.Tensor, target: torch.Tensor, copies: int) -> float:
    """Return the seconds of one of so many copies."""
    begin = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    end = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    begin.record()
    for _ in range(copies):
        target.copy_(source, non_blocking=True)
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end)) / 1000 / copies  # elapsed_time is in milliseconds


def _mps_seconds(size: int) -> float:
    source, target = _buffers(size, "mps")
    _wake(lambda: target.copy_(source), torch.mps.synchronize)

    def copies() -> None:
        for _ in range(_COPIES_PER_RUN):
            target.copy_(source)
        torch.mps.synchronize()

    return min(_seconds(copies) for _ in range(_RUNS)) / _COPIES_PER_RUN


def _buffers(size: int, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    # Written to once: pages that nobody has touched yet all read from one page of zeros.
    source = torch.ones(size, dtype=torch.uint8, device=device)
    return source, torch.zeros(size, dtype=torch.uint8, device=device)


def _transfer_buffers(size: int, index: int) -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.ones(size, dtype=torch.uint8, pin_memory=True)
    return source, torch.zeros(size, dtype=torch.uint8, device=f"cuda:{index}")


def _wake(copy: Callable[[], object], synchronize: Callable[[], object]) -> None:
    started = time.perf_counter()
    while time.perf_counter() - started < _WAKE_SECONDS:
        copy()
        synchronize()


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return max(time.perf_counter() - started, 1e-9)


def busy_seconds_of_others() -> float:
    """Return processor time that other programs have used since the start, of all cores together."""
    times = psutil.cpu_times()
    own = time.process_time()
    # guest is part of user already; Windows and macOS have neither iowait nor guest.
    idle = times.idle + getattr(times, "iowait", 0.0) + getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return float(sum(times) - idle - own)


def _buffer_bytes(wanted: int, free_bytes: int) -> int:
    size = min(wanted, free_bytes // _SHARE_OF_FREE)
    return size if size >= _LEAST_BUFFER_BYTES else 0


def _give_back(empty_cache: Callable[[], object]) -> None:
    try:
        empty_cache()
    except (RuntimeError, AssertionError):
        return  # a device that can't even do that is reported by what comes next
