"""Attention of one step of fixed shape, cut along the conversation so that a whole card works on it.

A memory-efficient kernel gives each key head to one multiprocessor, of which a card has many more. The conversation is
cut in pieces that are attended by themselves, and put together by the logarithms of their sums (Dao et al.,
Flash-Decoding, 2023). Which reaches it pays for is measured when they are recorded. Query heads that share a key head
are rows of one head in any case: transformers would copy keys and values for each of them behind a mask.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch.nn import functional

from engine.decode.recording import CudaRecorder
from engine.hardware.faults import fault_of

# A piece is at least so long, and there are about as many as multiprocessors for a key head.
_SHORTEST_PIECE = 256
_MOST_PIECES = 32
_TRIED_ROUNDS = 20
_TOLERANCE = 2e-2
# Adds nothing to a masked score but takes it out of the sum; no kernel has to do with infinities.
_MASKED = -3e4

# What was made of the masks of the step that is computed now, for the first layer: by mask, pieces, and heads to a key.
_biases: dict[tuple[torch.Tensor, int, int], torch.Tensor] | None = None
_chosen: dict[tuple[object, ...], int] = {}


@contextmanager
def of_fixed_step() -> Iterator[None]:
    """In the block a step of fixed shape is computed, whose attention may be cut."""
    global _biases
    before, _biases = _biases, {}
    try:
        yield
    finally:
        _biases = before


def is_fixed_step() -> bool:
    """Return whether a step of fixed shape is computed, which may be recorded: no mask can be looked at."""
    return _biases is not None


def applies(query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None) -> bool:
    """Return whether this call is to be answered by attend()."""
    if _biases is None or query.device.type != "cuda" or mask is None or query.shape[0] != 1:
        return False
    if mask.dtype != torch.bool or mask.shape[1] != 1:
        return False
    return _pieces(query, key, mask) > 1 or query.shape[1] > key.shape[1]


def attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor,
    scale: float | None,
    pieces: int | None = None,
) -> torch.Tensor:
    """Return (1, heads, queries, value_dim) for query (1, heads, queries, head_dim) and key (1, key_heads, reach, ..).

    mask: bool (1, 1, queries, reach). pieces divides reach; None for what was found to be fastest.
    """
    _, heads, queries, width = query.shape
    key_heads = key.shape[1]
    pieces = pieces or _pieces(query, key, mask)
    sharing = heads // key_heads
    rows = query.reshape(key_heads, sharing * queries, width).expand(pieces, -1, -1, -1)
    bias = _bias_of(mask, query.dtype, pieces, sharing)
    if pieces == 1:
        alone = functional.scaled_dot_product_attention(rows, key, value, attn_mask=bias, scale=scale)
        return alone.reshape(1, heads, queries, -1)
    found, sums = _attended(rows, _cut(key, pieces), _cut(value, pieces), bias.expand(-1, key_heads, -1, -1), scale)
    weights = torch.softmax(sums.float(), dim=0).unsqueeze(-1)
    whole = (found.float() * weights).sum(0)  # (key_heads, sharing x queries, value_dim)
    return whole.to(query.dtype).view(1, heads, queries, -1)


def _bias_of(mask: torch.Tensor, dtype: torch.dtype, pieces: int, sharing: int) -> torch.Tensor:
    """Return what is added to scores, (pieces, 1, sharing x queries, length), made once for all layers of a step."""
    known = _biases.get((mask, pieces, sharing)) if _biases is not None else None
    if known is not None:
        return known
    queries, reach = mask.shape[2:]
    bias = torch.zeros(queries, reach, dtype=dtype, device=mask.device).masked_fill_(~mask[0, 0], _MASKED)
    bias = bias.view(queries, pieces, reach // pieces).transpose(0, 1)
    bias = bias.unsqueeze(1).expand(-1, sharing, -1, -1).reshape(pieces, 1, sharing * queries, reach // pieces)
    if _biases is not None:
        _biases[mask, pieces, sharing] = bias
    return bias


def _cut(states: torch.Tensor, pieces: int) -> torch.Tensor:
    """Return (pieces, key_heads, length, dim), the same memory."""
    _, key_heads, reach, width = states.shape
    return states[0].view(key_heads, pieces, reach // pieces, width).transpose(0, 1)


def _attended(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, bias: torch.Tensor, scale: float | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what each piece attends to, and the logarithm of its sum, (pieces, key_heads, queries)."""
    if query.device.type == "cuda":
        found, sums, *_ = torch.ops.aten._scaled_dot_product_efficient_attention(
            query, key, value, bias, True, 0.0, False, scale=scale
        )
        return found, sums[..., : query.shape[2]]  # the kernel pads them
    found, sums = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query, key, value, 0.0, False, attn_mask=bias, scale=scale
    )
    return found, sums


def _pieces(query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor) -> int:
    """Return into how many pieces to cut, 1 for none; tried when a shape is seen for the first time."""
    shape = (query.device, query.dtype, tuple(query.shape), tuple(key.shape))
    if shape not in _chosen:
        if torch.cuda.is_current_stream_capturing():
            return 1
        _chosen[shape] = _fastest(query, key, mask)
    return _chosen[shape]


def _fastest(query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor) -> int:
    key_heads, reach = key.shape[1], key.shape[2]
    processors = torch.cuda.get_device_properties(query.device).multi_processor_count
    pieces = 1
    while (
        pieces * key_heads < processors and pieces < _MOST_PIECES and reach % (pieces * 2 * 8) == 0
        and reach // (pieces * 2) >= _SHORTEST_PIECE
    ):  # fmt: skip
        pieces *= 2
    if pieces == 1:
        return 1
    try:
        # What a kernel says of its sums is no promise of PyTorch: other makers' cards have other kernels.
        if not _agree(attend(query, key, key, mask, None, pieces), attend(query, key, key, mask, None, 1)):
            return 1
        whole = _seconds(lambda: attend(query, key, key, mask, None, 1), query.device)
        cut = _seconds(lambda: attend(query, key, key, mask, None, pieces), query.device)
    except (RuntimeError, ValueError, TypeError) as error:  # a kernel that doesn't know this width
        if fault_of(error) is not None:
            raise
        return 1
    return pieces if cut < whole else 1


def _agree(found: torch.Tensor, expected: torch.Tensor) -> bool:
    found, expected = found.float(), expected.float()
    return bool((found - expected).norm() <= _TOLERANCE * expected.norm())


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    """Return the time of one run as it is replayed, without the time of launching it."""
    replay = CudaRecorder(device)(work)
    replay()
    torch.cuda.synchronize(device)
    started = time.perf_counter()
    for _ in range(_TRIED_ROUNDS):
        replay()
    torch.cuda.synchronize(device)
    return (time.perf_counter() - started) / _TRIED_ROUNDS
