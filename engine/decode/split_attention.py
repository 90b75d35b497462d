"""Attention of one step of fixed shape, cut along the conversation so that a whole card works on it.

A memory-efficient kernel gives each key head to one multiprocessor, of which a card has many more. The conversation is
cut in pieces that are attended by themselves, and put together by the logarithms of their sums (Dao et al.,
Flash-Decoding, 2023). Which reaches it pays for is measured when they are recorded.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch.nn import functional

# A piece is at least so long, and there are about as many as multiprocessors for a key head.
_SHORTEST_PIECE = 256
_MOST_PIECES = 32
_TRIED_ROUNDS = 20
# Adds nothing to a masked score but takes it out of the sum; no kernel has to do with infinities.
_MASKED = -3e4

# The masks of the step that is computed now, each with the bias that was made of it for the first layer.
_biases: dict[torch.Tensor, torch.Tensor] | None = None
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


def applies(query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None) -> bool:
    """Return whether this call is to be answered by attend()."""
    if _biases is None or query.device.type != "cuda" or mask is None or query.shape[0] != 1:
        return False
    return mask.dtype == torch.bool and mask.shape[1] == 1 and _pieces(query, key, mask) > 1


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
    key_heads, reach = key.shape[1], key.shape[2]
    pieces = pieces or _pieces(query, key, mask)
    sharing, length = heads // key_heads, reach // pieces
    rows = query.reshape(key_heads, sharing * queries, width).expand(pieces, -1, -1, -1)
    bias = _bias_of(mask, query.dtype).view(queries, pieces, length).transpose(0, 1)
    bias = bias.unsqueeze(1).expand(-1, sharing, -1, -1).reshape(pieces, 1, sharing * queries, length)
    found, sums = _attended(rows, _cut(key, pieces), _cut(value, pieces), bias.expand(-1, key_heads, -1, -1), scale)
    weights = torch.softmax(sums.float(), dim=0).unsqueeze(-1)
    whole = (found.float() * weights).sum(0)  # (key_heads, sharing x queries, value_dim)
    return whole.to(query.dtype).view(1, heads, queries, -1)


def _bias_of(mask: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return what is added to the scores, (queries, reach), made once for all layers of a step."""
    bias = _biases.get(mask) if _biases is not None else None
    if bias is None:
        bias = torch.zeros(mask.shape[2:], dtype=dtype, device=mask.device).masked_fill_(~mask[0, 0], _MASKED)
        if _biases is not None:
            _biases[mask] = bias
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
    rows = query.reshape(1, key_heads, -1, query.shape[3])
    row_mask = mask.expand(-1, query.shape[1] // key_heads, -1, -1).reshape(1, 1, -1, reach)
    plain = _seconds(lambda: functional.scaled_dot_product_attention(rows, key, key, attn_mask=row_mask))
    cut = _seconds(lambda: attend(query, key, key, mask, None, pieces))
    return pieces if cut < plain else 1


def _seconds(work: Callable[[], object]) -> float:
    """Return the time of one run as it is replayed, without the time of launching it."""
    work()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        work()
    graph.replay()
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(_TRIED_ROUNDS):
        graph.replay()
    torch.cuda.synchronize()
    return (time.perf_counter() - started) / _TRIED_ROUNDS
