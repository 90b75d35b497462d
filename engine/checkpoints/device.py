"""The device that a load goes to."""

import platform

import torch

from engine.api.errors import EngineError, ErrorKind


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
