"""Unpacking of bitsandbytes' NF4 codes."""

import math

import torch

from engine.quantization.packing import NF4_BLOCK


def unpack_nf4(codes: torch.Tensor, absmax: torch.Tensor, size: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """Return the weights of that size; codes: two a byte, absmax: the largest magnitude of each block of 64 values.

    WORKAROUND bitsandbytes 0.50: its CPU kernel takes the scales of other blocks where a row of `size` is no whole
    number of them, so the blocks are then unpacked as rows of their own, which takes longer.
    """
    # Here, as all but NF4 works without it.
    import bitsandbytes  # noqa: F401  (registers its operators)

    count = math.prod(size)
    row = size[-1] if size[-1] % NF4_BLOCK == 0 else NF4_BLOCK
    flat = (count // row, row) if count and count % row == 0 else (count,)
    unpacked = torch.ops.bitsandbytes.dequantize_4bit.default(
        codes.reshape(-1, 1), absmax.reshape(-1).float(), NF4_BLOCK, "nf4", flat, dtype
    )
    assert isinstance(unpacked, torch.Tensor)
    return unpacked.view(size)
