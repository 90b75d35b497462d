"""What the model's device reaches in this very process: copying memory, and multiplying matrices."""

import torch

from engine.api.benchmark import HardwareRates, Spread
from engine.api.cancellation import CancellationToken
from engine.bench.spreads import inverse, rounds_within, seconds_of, spread
from engine.hardware import faults
from engine.hardware.copy_rate import Copied, copy_gpu, copy_mps, copy_ram

_COPY_ROUNDS = 5
_SMALLEST_ROWS, _LARGEST_ROWS = 512, 8192
# Larger matrices are tried until one product takes this long: then its start costs nothing any more.
_ENOUGH_SECONDS = 0.02
_MATRIX_SECONDS = 1.0
_SHARE_OF_FREE = 4

_best_of_this_process: dict[str, float] = {}


def measure(device: torch.device, dtype: torch.dtype, cancellation: CancellationToken) -> HardwareRates | None:
    """Return the rates; None where not even memory could be copied. Raises Cancelled."""
    copies = []
    for _ in range(_COPY_ROUNDS):
        cancellation.raise_if_cancelled()
        copies.append(_copy(device).bytes_per_second)
    if not min(copies):
        return None
    copied = spread(copies)
    # Other programs can only make a processor's copies slower; a card has its memory to itself.
    bandwidth = copied.median
    if device.type != "cuda":
        bandwidth = _best_of_this_process[str(device)] = max(_best_of_this_process.get(str(device), 0), copied.highest)
    rows, matrices = _matrices(device, dtype, cancellation)
    return HardwareRates(
        device=str(device),
        dtype=str(dtype).removeprefix("torch."),
        copy_bytes_per_second=copied,
        bandwidth_bytes_per_second=bandwidth,
        matrix_operations_per_second=matrices,
        matrix_rows=rows,
    )


def _copy(device: torch.device) -> Copied:
    free = faults.free_bytes(device)
    if device.type == "cuda":
        return copy_gpu(device.index or 0, free)
    return copy_mps(free) if device.type == "mps" else copy_ram(free)


def _matrices(device: torch.device, dtype: torch.dtype, cancellation: CancellationToken) -> tuple[int, Spread | None]:
    """Return the rows of square matrices that are large enough, and operations per second."""
    rows, found = 0, None
    size = _SMALLEST_ROWS
    while size <= _LARGEST_ROWS and 3 * size * size * dtype.itemsize < faults.free_bytes(device) // _SHARE_OF_FREE:
        cancellation.raise_if_cancelled()
        try:
            seconds = _products(size, device, dtype)
        except (RuntimeError, MemoryError) as error:
            if faults.fault_of(error) is faults.Fault.DEVICE_LOST:
                raise
            break
        rows, found = size, inverse(seconds, 2.0 * size**3)
        if seconds.median >= _ENOUGH_SECONDS:
            break
        size *= 2
    return rows, found


def _products(size: int, device: torch.device, dtype: torch.dtype) -> Spread:
    # As uneven as a model's: equal numbers cost a card less power, and it would multiply them an eighth quicker.
    left = torch.empty(size, size, dtype=dtype, device=device).normal_()
    right = torch.empty(size, size, dtype=dtype, device=device).normal_()
    result = torch.empty(size, size, dtype=dtype, device=device)

    def multiply() -> None:
        torch.mm(left, right, out=result)

    with torch.inference_mode():
        multiply()
        first = seconds_of(multiply, device)
        return spread([seconds_of(multiply, device) for _ in range(rounds_within(_MATRIX_SECONDS, first))])
