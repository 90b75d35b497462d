"""Attention of a prompt's next chunk over what was read before it, without a mask.

A mask keeps PyTorch from its quickest kernels: it is written out for each chunk and looked at for each pair of
positions, and on a card it excludes the flash kernel. Where the mask says no more than that nobody looks ahead, a CPU
attends to the positions before and to the chunk itself, and joins both by the logarithms of their sums; a card has a
kernel that is told so in one word.
"""

from functools import cache

import torch
from torch.backends.cuda import SDPAParams, can_use_efficient_attention, can_use_flash_attention
from torch.nn import functional
from torch.nn.attention.bias import causal_lower_right
from transformers.integrations.sdpa_attention import repeat_kv

# Fewer queries gain nothing on a CPU; on a card a mask costs a copy of all keys and values for each query head.
_LEAST_QUERIES = {"cpu": 32, "cuda": 2}
# Values of a mask that are looked at together: what is held against it takes as much memory, which a plan counts.
CHECKED_AT_ONCE = 2**20
_TOLERANCE = 2e-2
_IS_CAUSAL = "_hearth_is_causal"


def applies(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None) -> bool:
    """Return whether this call is to be answered by attend()."""
    least = _LEAST_QUERIES.get(query.device.type)
    if least is None or mask is None or query.shape[0] != 1 or not least <= query.shape[2] < key.shape[2]:
        return False
    if mask.dtype != torch.bool or mask.shape[1] != 1 or value.shape[3] != key.shape[3]:
        return False
    shape = (query.shape[1], key.shape[1], query.shape[3])
    return _works(query.device.type, query.dtype, shape) and _is_causal(mask)


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float | None) -> torch.Tensor:
    """Return (1, heads, queries, dim); the queries are the last positions of the (1, key_heads, length, dim) keys."""
    queries, before = query.shape[2], key.shape[2] - query.shape[2]
    if query.device.type != "cpu":
        shares = key.shape[1] != query.shape[1] and shares_keys(query, key, value)
        if not shares:
            # A single key head is looked at by all without a copy.
            key, value = (repeat_kv(tensor, query.shape[1] // tensor.shape[1]) for tensor in (key, value))
        bias = causal_lower_right(queries, key.shape[2])
        return functional.scaled_dot_product_attention(
            query, key, value, attn_mask=bias, scale=scale, enable_gqa=shares
        )
    kernel = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    earlier, earlier_sums = kernel(query, key[:, :, :before], value[:, :, :before], 0.0, False, scale=scale)
    own, own_sums = kernel(query, key[:, :, before:], value[:, :, before:], 0.0, True, scale=scale)
    share = torch.sigmoid(earlier_sums.float() - own_sums.float()).unsqueeze(-1)
    return torch.lerp(own.float(), earlier.float(), share).to(query.dtype)


def shares_keys(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> bool:
    """Return whether the flash kernel takes this; without it PyTorch would compute all scores of all heads at once."""
    return can_use_flash_attention(SDPAParams(query, key, value, None, 0.0, False, key.shape[1] != query.shape[1]))


def _has_kernel(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> bool:
    """Return whether a card has a kernel that is told in one word; what has none, PyTorch gives a mask."""
    if shares_keys(query, key, value):
        return True
    keys, values = (repeat_kv(tensor, query.shape[1] // key.shape[1]) for tensor in (key, value))
    return can_use_efficient_attention(SDPAParams(query, keys, values, None, 0.0, False, False))


def _is_causal(mask: torch.Tensor) -> bool:
    """Return whether (1, 1, queries, length) lets the last positions see all up to themselves; noted on the mask."""
    known = getattr(mask, _IS_CAUSAL, None)
    if known is None:
        queries, length = mask.shape[2:]
        rows = max(1, CHECKED_AT_ONCE // length)
        pieces = ((mask[0, 0, first : first + rows], length - queries + first) for first in range(0, queries, rows))
        known = all(_sees_no_further(piece, last) for piece, last in pieces)
        setattr(mask, _IS_CAUSAL, known)
    return bool(known)


def _sees_no_further(piece: torch.Tensor, last: int) -> bool:
    """Return whether the first row of (rows, length) sees all up to position `last`, each other one position more."""
    return torch.equal(piece, torch.ones_like(piece).tril_(last))


@cache
def _works(device: str, dtype: torch.dtype, shape: tuple[int, int, int]) -> bool:
    """Hold what attend() gives for heads, key heads and width against a plain mask, once per process."""
    return all(_is_right(device, dtype, shape, queries) for queries in (40, 3) if queries >= _LEAST_QUERIES[device])


def _is_right(device: str, dtype: torch.dtype, shape: tuple[int, int, int], queries: int) -> bool:
    heads, key_heads, width = shape
    generator = torch.Generator().manual_seed(0)
    query, key, value = (
        torch.randn(1, count, length, width, generator=generator).to(device, dtype)
        for count, length in ((heads, queries), (key_heads, 100), (key_heads, 100))
    )
    mask = torch.ones(queries, 100, dtype=torch.bool, device=device).tril_(100 - queries)
    try:
        if device == "cuda" and not _has_kernel(query, key, value):
            return False
        found = attend(query, key, value, None)
    except (RuntimeError, TypeError, ValueError, NotImplementedError):  # kernels that don't know this shape
        return False
    keys, values = (repeat_kv(tensor, heads // key_heads) for tensor in (key, value))
    expected = functional.scaled_dot_product_attention(query, keys, values, attn_mask=mask)
    return float((found - expected).float().norm()) <= _TOLERANCE * float(expected.float().norm())
