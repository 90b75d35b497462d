"""One id's attention on a CPU: the query heads that share a key head put together, as one query of more rows.

A kernel that multiplies several rows reads keys once for all of them. In 16 bit a single row may even take twice as
long as two, on processors whose products have no kernel for it. How few rows pay differs by processor, so it is tried
when a shape is seen for the first time.
"""

import time

import torch
from torch.nn import functional

from engine.hardware.faults import fault_of

# From so many query heads to a key head it pays in 16 bit on every processor tried; fewer gain 6 times on one and lose
# a quarter on another. In 32 bit two pay (see ARCHITECTURE.md).
_LEAST_SHARING = 4
_LEAST_GAIN = 2.0  # where it pays it is 6 to 8 times: no busy moment is to decide about bits
_TRIED_ROUNDS = 9
_TRIED_LENGTH = 512

_Shape = tuple[torch.dtype, int, int, int, int]
# Times each row is given to the kernel by dtype, heads, key heads and widths; 0 where nothing is put together.
_chosen: dict[_Shape, int] = {}


def repeats_for(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> int:
    """Return how often attend() is to give each row to the kernel, 0 if this call isn't for it.

    query: (batch, heads, queries, width); key and value: (batch, key_heads, length, width).
    """
    if query.shape[2] != 1 or query.device.type != "cpu":
        return 0
    sharing = query.shape[1] // key.shape[1]
    if sharing >= _LEAST_SHARING or (sharing > 1 and query.dtype == torch.float32):
        return 1
    if query.dtype not in (torch.bfloat16, torch.float16) or torch.compiler.is_compiling():
        return 0
    shape = (query.dtype, query.shape[1], key.shape[1], key.shape[3], value.shape[3])
    if shape not in _chosen:
        _chosen[shape] = _tried(shape)
    return _chosen[shape]


def attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    scale: float | None,
    repeats: int = 1,
) -> torch.Tensor:
    """Return (batch, 1, heads, value_dim) for query (batch, heads, 1, head_dim)."""
    batch, heads, _, width = query.shape
    rows = query.reshape(batch, key.shape[1], -1, width)
    sharing = rows.shape[2]
    if mask is not None and mask.shape[1] > 1:
        mask = mask.reshape(batch, key.shape[1], sharing, -1).repeat(1, 1, repeats, 1)
    if repeats > 1:
        rows = rows.repeat(1, 1, repeats, 1)
    found = functional.scaled_dot_product_attention(rows, key, value, attn_mask=mask, scale=scale)
    # Without gaps, as PyTorch's: JetMoE takes a view of it.
    return found[:, :, :sharing].reshape(batch, 1, heads, -1).contiguous()


@torch.inference_mode()
def _tried(shape: _Shape) -> int:
    """Return what repeats_for() does, by running both ways in turns."""
    dtype, heads, key_heads, width, value_width = shape
    query, key, value = (
        torch.ones(1, count, length, size, dtype=dtype)
        for count, length, size in ((heads, 1, width), (key_heads, _TRIED_LENGTH, width),
                                    (key_heads, _TRIED_LENGTH, value_width))
    )  # fmt: skip
    repeats = 2 if heads == key_heads else 1  # so that there are several rows
    alone, together = [], []
    try:
        for _ in range(_TRIED_ROUNDS):
            started = time.perf_counter()
            functional.scaled_dot_product_attention(query, key, value, enable_gqa=True)
            between = time.perf_counter()
            attend(query, key, value, None, None, repeats)
            alone.append(between - started)
            together.append(time.perf_counter() - between)
    except (RuntimeError, TypeError, ValueError, NotImplementedError) as error:  # a kernel that doesn't know this shape
        if fault_of(error) is not None:
            raise
        return 0
    return repeats if min(alone) >= _LEAST_GAIN * min(together) else 0
