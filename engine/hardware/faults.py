"""What a library's error says about the machine: memory ran out, the card is lost, or it can't run this at all."""

import gc
import re
from enum import Enum, auto

import torch

from engine.api.errors import EngineError, ErrorKind
from engine.hardware import allocator
from engine.hardware.cuda_memory import free_and_total
from engine.hardware.ram import read_ram

_MEMORY_SIGNS = (
    "out of memory",  # CUDA, HIP, MPS
    "not enough memory",
    "can't allocate memory",  # PyTorch's allocator for main memory has no type of its own
    "cannot allocate memory",
    "bad_alloc",
    "could not create a memory",  # oneDNN
    # The libraries' own workspaces: creating a handle fails when there is no room for them.
    "status_alloc_failed",
    "cublas_status_not_initialized",
    "cudnn_status_not_initialized",
)
# WORKAROUND torch 2.11 to 2.13: while it puts the message together that memory ran out, PyTorch asks NVML who took it.
# Where NVML may not answer (MIG in a container, Jetson), it raises this in place of it (pytorch#112377, #185240).
_UNTOLD_SHORTAGE = re.compile("nvml_success.*cachingallocator", re.DOTALL)
_CARD_SIGNS = ("cuda error", "hip error", "cuda driver error", "cublas_status", "cudnn_status", "cusolver_status")
_UNFIT_SIGNS = (
    "no kernel image",
    "kernel image is invalid",
    "invalid device function",
    "unsupported toolchain",
    "unsupported ptx",
    "ptx jit",
    "arch_mismatch",
)
# CUDA refuses a call for its arguments, for what it can't do, or while a graph is captured: the context stays good.
_REFUSAL_SIGNS = (
    "invalid argument",
    "invalid configuration",
    "invalid resource handle",
    "too many resources",
    "not supported",
    "status_not_supported",
    "status_invalid_value",
    "status_bad_param",
    "captur",
)
_WANTED = re.compile(r"(?:tried|trying) to allocate ([\d.]+) ?(bytes|[kmg]i?b)", re.IGNORECASE)
_UNITS = {"b": 1, "k": 2**10, "m": 2**20, "g": 2**30}
_LONGEST_CHAIN = 8


class Fault(Enum):
    """What happened to the machine."""

    OUT_OF_MEMORY = auto()
    DEVICE_LOST = auto()
    DEVICE_UNFIT = auto()


def fault_of(error: BaseException) -> Fault | None:
    """Return what the error, or one that it came from, says about the machine; None if it is about something else.

    A lost device stays lost for this process (pytorch#44624, #33051): do nothing with it any more, not even free it.
    """
    current: BaseException | None = error
    for _ in range(_LONGEST_CHAIN):
        if current is None:
            return None
        if (fault := _own_fault(current)) is not None:
            return fault
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return None


def _own_fault(error: BaseException) -> Fault | None:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return Fault.OUT_OF_MEMORY
    if not isinstance(error, RuntimeError):
        return None
    text = str(error).lower()
    if any(sign in text for sign in _MEMORY_SIGNS) or _UNTOLD_SHORTAGE.search(text):
        return Fault.OUT_OF_MEMORY
    if not isinstance(error, torch.AcceleratorError) and not any(sign in text for sign in _CARD_SIGNS):
        return None
    if any(sign in text for sign in _UNFIT_SIGNS):
        return Fault.DEVICE_UNFIT
    return None if any(sign in text for sign in _REFUSAL_SIGNS) else Fault.DEVICE_LOST


def is_of_the_moment(error: BaseException) -> bool:
    """Return whether the error tells nothing of what was tried: there was no memory for it, or the card was lost."""
    return fault_of(error) in (Fault.OUT_OF_MEMORY, Fault.DEVICE_LOST)


def is_main_memory(error: BaseException) -> bool:
    """Return whether the memory that ran out is the computer's own, also while computing on a card."""
    return not isinstance(error, torch.OutOfMemoryError) and (
        isinstance(error, MemoryError) or "defaultcpuallocator" in str(error).lower()
    )


def wanted_bytes(error: BaseException) -> int:
    """Return how much was asked for at once when memory ran out; 0 where the error doesn't say."""
    found = _WANTED.search(str(error))
    return int(float(found[1]) * _UNITS[found[2][0].lower()]) if found else 0


def free_bytes(device: torch.device) -> int:
    """Return what is free on the device now; for the processor, what this process may still take."""
    if device.type == "cuda":
        return free_and_total(device)[0]
    available = read_ram().available_bytes
    if device.type == "mps":
        return max(0, min(available, torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()))
    return available


def release() -> None:
    """Give back what nothing refers to any more.

    Never call this in the except block of an out-of-memory error: its traceback holds the tensors (pytorch#18853).
    """
    gc.collect()
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.empty_cache()
        # Pinned main memory is kept by PyTorch as well: what waited there for a card would be missed by the next plan.
        if (give_back := getattr(torch.accelerator, "empty_host_cache", None)) is not None:  # PyTorch 2.11 has none
            give_back()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()
    allocator.give_back()


def device_lost(error: BaseException) -> EngineError:
    """Return what to tell when the card is lost; the app then starts a new engine."""
    return EngineError(
        ErrorKind.DEVICE_LOST,
        "The graphics card stopped working for Hearth.",
        "What was written is kept. The engine starts anew; then try again.",
        str(error),
    )


def device_unfit(error: BaseException) -> EngineError:
    """Return what to tell when PyTorch has no code for this card."""
    return EngineError(
        ErrorKind.CHECKPOINT_UNSUPPORTED,
        "The installed PyTorch has no code for this graphics card.",
        "Run the installation again to get the right one, or load the model on the CPU.",
        str(error),
    )
