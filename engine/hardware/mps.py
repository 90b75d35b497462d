"""Apple's GPU, which shares main memory with the processor."""

import torch


def mps_memory_bytes(ram_total_bytes: int) -> int:
    """Return how much memory Metal recommends to use at most; 0 if there is no such GPU or it doesn't compute."""
    try:
        if not torch.backends.mps.is_available():
            return 0
        recommended = int(torch.mps.recommended_max_memory())
        if torch.ones(8, device="mps").sum().item() != 8:
            return 0
    except (RuntimeError, AttributeError):
        return 0
    return min(recommended or ram_total_bytes, ram_total_bytes)
