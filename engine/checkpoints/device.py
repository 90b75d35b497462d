"""The device that a load goes to, and what there is of it to plan with."""

import platform

import psutil
import torch

from engine.api.errors import EngineError, ErrorKind
from engine.hardware.cpu import computes_bf16, cpu_name
from engine.planning.precision import DeviceKind, Target
from engine.planning.sizes import GIB

_CPU_RESERVE_BYTES = GIB // 2


def choose_device(wanted: str) -> torch.device:
    """Return the device for `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.

    Raises EngineError(INVALID_COMMAND) for one that is unknown or not there.
    """
    if wanted == "auto":
        return _best_device()
    try:
        device = torch.device(wanted)
    except (RuntimeError, ValueError):
        device = None
    if device is not None and _is_usable(device):
        return torch.device(device.type, device.index or 0) if device.type == "cuda" else torch.device(device.type)
    raise EngineError(
        ErrorKind.INVALID_COMMAND,
        f"There is no device “{wanted}” on this computer.",
        "Use auto, cpu, cuda or mps.",
    )


def target_of(device: torch.device) -> Target:
    """Return what can be planned with on the device right now."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        properties = torch.cuda.get_device_properties(device)
        capability = (int(properties.major), int(properties.minor))
        return Target(DeviceKind.CUDA, str(properties.name), int(free), GIB, capability)
    free = int(psutil.virtual_memory().available)
    if device.type == "mps":
        return Target(DeviceKind.MPS, cpu_name(), free, _CPU_RESERVE_BYTES)
    return Target(DeviceKind.CPU, cpu_name(), free, _CPU_RESERVE_BYTES, computes_bf16=computes_bf16())


def _best_device() -> torch.device:
    if torch.cuda.is_available() and torch.cuda.device_count():
        return torch.device("cuda", 0)
    if platform.system() == "Darwin" and torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def _is_usable(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()
    if device.type == "mps":
        return torch.backends.mps.is_available()
    return device.type == "cpu" and not device.index
