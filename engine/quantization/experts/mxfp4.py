"""MXFP4 as published: 32 neighbouring weights share a power of two, two weights of 4 bits lie in a byte.

A weight is sign, two bits of exponent and one of mantissa: 0, 0.5, 1, 1.5, 2, 3, 4 or 6. The first of a pair is in the
low half of the byte. The scale's byte is an exponent with bias 127 (OCP Microscaling Formats 1.0).
"""

from functools import lru_cache

import torch

GROUP = 32  # weights that share a scale
GROUP_BYTES = GROUP // 2
FP4_VALUES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0)
_BYTE = 256
_MANTISSA_BITS = 23
_SMALLEST_SCALE = 1 << (_MANTISSA_BITS - 1)  # bits of 2**-127, which float32 has no exponent for
# Bytes that are looked up at once: numbers for the look-up take four times as much. On a CPU they stay in the cache,
# and below the size from which PyTorch starts threads, which costs more than these steps take.
_CPU_STEP = 2**15
_DEVICE_STEP = 2**24
# A pair of weights is moved as one number of that type.
_PAIRS = {torch.bfloat16: torch.int32, torch.float16: torch.int32, torch.float32: torch.int64}


def empty(experts: int, rows: int, columns: int, device: torch.device | str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return uint8 tensors as files hold them: blocks (experts, rows, columns / 32, 16) and scales without the 16."""
    blocks = torch.empty(experts, rows, columns // GROUP, GROUP_BYTES, dtype=torch.uint8, device=device)
    return blocks, torch.empty(blocks.shape[:-1], dtype=torch.uint8, device=device)


def unpack(blocks: torch.Tensor, scales: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return weights (experts, rows, columns) of blocks (experts, rows, columns / 32, 16) and their scales.

    dtype: bfloat16 and float32 hold each of them exactly; float16 gets the nearest it has.
    """
    experts, rows, groups, _ = blocks.shape
    table = _table(dtype, blocks.device)
    pairs = torch.empty(blocks.numel(), dtype=table.dtype, device=blocks.device)
    flat, shared = blocks.reshape(-1, GROUP_BYTES), scales.reshape(-1, 1)
    step = (_CPU_STEP if blocks.device.type == "cpu" else _DEVICE_STEP) // GROUP_BYTES
    for start in range(0, flat.shape[0], step):
        numbers = flat[start : start + step].to(torch.int32)
        numbers += shared[start : start + step].to(torch.int32) * _BYTE
        here = slice(start * GROUP_BYTES, start * GROUP_BYTES + numbers.numel())
        torch.index_select(table, 0, numbers.view(-1), out=pairs[here])
    return pairs.view(dtype).view(experts, rows, groups * GROUP)


@lru_cache(maxsize=4)
def _table(dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Return the pair of weights for each of 256 scales and 256 bytes, in that order; 256 or 512 KiB."""
    exponents = torch.arange(_BYTE, dtype=torch.int32)
    bits = torch.where(exponents > 0, exponents << _MANTISSA_BITS, _SMALLEST_SCALE)
    halves = torch.arange(_BYTE)
    values = torch.tensor(FP4_VALUES)
    pairs = torch.stack([values[halves & 15], values[halves >> 4]], dim=-1)
    exact = bits.to(torch.int32).view(torch.float32).view(-1, 1, 1) * pairs
    return exact.to(dtype).reshape(-1, 2).view(_PAIRS[dtype]).view(-1).to(device)
