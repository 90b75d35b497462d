"""How fast memory is: measured once for a machine, then remembered; the data sheet where it can't be measured."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch

from engine.api.hardware import Gpu
from engine.hardware.copy_rate import Copied, copy_gpu, copy_mps, copy_ram, copy_to_gpu
from engine.hardware.known_cards import card_of
from engine.hardware.machine_file import MachineFile, keep_bandwidth

MEASURED = "measured"
DATA_SHEET = "data sheet"

_DISTURBED_GOOD_FOR_SECONDS = 60.0


@dataclass(frozen=True)
class _Known:
    """Bytes per second (0: not known), and until when on this process's clock it need not be measured again."""

    bytes_per_second: float
    good_until: float


_of_this_process: dict[str, _Known] = {}


def ram_bandwidth(folder: Path, cpu_name: str, cores: int, available_bytes: int, *, measure: bool) -> float:
    """Return bytes read plus written per second in main memory; 0 if that is not known.

    folder keeps the result; measure False takes only what is remembered. A measurement takes about 0.2 s.
    """
    key = f"RAM; {cpu_name}; {cores} cores, {torch.get_num_threads()} threads; torch {torch.__version__}"
    return _known(folder, key, (lambda: copy_ram(available_bytes)) if measure else None)


def mps_bandwidth(folder: Path, cpu_name: str, free_bytes: int, *, measure: bool) -> float:
    """Return the same for Apple's GPU."""
    key = f"MPS; {cpu_name}; torch {torch.__version__}"
    return _known(folder, key, (lambda: copy_mps(free_bytes)) if measure else None)


def with_bandwidth(gpu: Gpu, folder: Path, driver: str, *, measure: bool = True) -> Gpu:
    """Return the card with its bandwidth and where that is from: measured, data sheet, or not known (0, empty).

    The same for copies from main memory, which no data sheet tells: that depends on the slot it is in.
    """
    mib = gpu.total_bytes // 2**20
    machine = f"{gpu.name}; {mib} MiB; driver {driver or 'unknown'}; torch {torch.__version__}"
    copies = (lambda: copy_to_gpu(gpu.index, gpu.free_bytes)) if measure else None
    # Two cards of a kind may be in different slots.
    transfer = _known(folder, f"main memory to CUDA {gpu.index}; {machine}", copies)
    gpu = msgspec.structs.replace(gpu, transfer_bytes_per_second=transfer)
    found = _known(folder, f"CUDA; {machine}", (lambda: copy_gpu(gpu.index, gpu.free_bytes)) if measure else None)
    if found:
        return msgspec.structs.replace(gpu, bandwidth_bytes_per_second=found, bandwidth_source=MEASURED)
    card = card_of(gpu)
    if card is None:
        return gpu
    return msgspec.structs.replace(
        gpu, bandwidth_bytes_per_second=card.bandwidth_bytes_per_second, bandwidth_source=DATA_SHEET
    )


def _known(folder: Path, key: str, measure: Callable[[], Copied] | None) -> float:
    known = _of_this_process.get(key) or _remembered(folder, key)
    if measure is not None and (not known.bytes_per_second or time.monotonic() > known.good_until):
        copied = measure()
        # Only other programs can have made it slower: the better number is the truer one.
        best = max(copied.bytes_per_second, known.bytes_per_second)
        known = _Known(best, _good_until(is_undisturbed=copied.is_undisturbed))
        if copied.bytes_per_second:
            keep_bandwidth(folder, key, best, is_undisturbed=copied.is_undisturbed)
    if known.bytes_per_second:
        _of_this_process[key] = known
    return known.bytes_per_second


def _remembered(folder: Path, key: str) -> _Known:
    found = MachineFile.read(folder).bandwidth(key)
    if found is None:
        return _Known(0.0, math.inf)
    return _Known(found.bytes_per_second, _good_until(is_undisturbed=found.is_undisturbed))


def _good_until(*, is_undisturbed: bool) -> float:
    return math.inf if is_undisturbed else time.monotonic() + _DISTURBED_GOOD_FOR_SECONDS
