"""How much of a CUDA device's memory can be taken now."""

import torch

from engine.hardware.ram import read_ram


def free_and_total(device: torch.device | int) -> tuple[int, int]:
    """Return free and total bytes of a device; raises RuntimeError, or torch's own errors, if it doesn't answer.

    What shares main memory with the processor (DGX Spark, Jetson) counts as taken what holds copies of files, though
    the system gives that up at once: there main memory tells what is free, as NVIDIA advises (DGX Spark, known issues).
    """
    free, total = (int(count) for count in torch.cuda.mem_get_info(device))
    if torch.version.hip is None and torch.cuda.get_device_properties(device).is_integrated:
        free = max(free, min(read_ram().available_bytes, total))
    return free, total
