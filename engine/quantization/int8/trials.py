"""Which 8-bit products a processor is fast with, kept for the machine: trying takes longer than reading a small copy.

A card's kernels are tried in each process: there that takes milliseconds, and they have to be made anyway.
"""

import time
from pathlib import Path

import torch
from transformers import PreTrainedModel

from engine.hardware.copy_rate import busy_seconds_of_others
from engine.hardware.cpu import cpu_features, cpu_name
from engine.hardware.machine_file import MachineFile, keep_choice
from engine.quantization.int8.linear import Int8Linear
from engine.quantization.int8.products import is_tried, ladder_for, recall
from engine.quantization.int8.vocabulary import Int8Head

_TRIAL_VERSION = 1  # to be raised when products or their trial change
_BUSY_CORES = 0.25  # of other programs' work, on average
_CPU = torch.device("cpu")


def settle(model: PreTrainedModel, folder: Path) -> None:
    """Have the products of a model on the processor chosen: as remembered in the machine's file there, or by trying."""
    dtype = model.dtype
    if is_tried(_CPU, dtype) or not any(isinstance(module, Int8Linear | Int8Head) for module in model.modules()):
        return
    key = _key(dtype)
    if recall(_CPU, dtype, MachineFile.read(folder).choice(key)):
        return
    busy, started = busy_seconds_of_others(), time.perf_counter()
    ladder = ladder_for(_CPU, dtype)
    busy = (busy_seconds_of_others() - busy) / (time.perf_counter() - started)
    keep_choice(folder, key, ladder.found(), is_undisturbed=busy < _BUSY_CORES)


def _key(dtype: torch.dtype) -> str:
    # A virtual machine may come back on another processor of the same name.
    parts = ("INT8", dtype, _TRIAL_VERSION, cpu_name(), *cpu_features(), torch.get_num_threads(), torch.__version__)
    return "; ".join(map(str, parts))
