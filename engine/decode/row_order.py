"""One id's attention on a CPU in 16 bit, bit for bit as PyTorch's kernel computes it, by quicker products.

Where MKL has no 16-bit product of a single row, as on AMD processors, its generic code takes most of the time behind a
long conversation. It adds in lanes and in groups of four; whatever adds in another order rounds otherwise, and after
some tokens a text parts from transformers'. Here the same sums are made in the same order by 32-bit products of
several rows: there a product of two 16-bit numbers is exact, and a sum runs from its first number to its last. Whether
that gives the kernel's bits, and whether sooner, is tried when a shape is seen for the first time.
"""

import time
from collections.abc import Sequence
from enum import Enum, auto

import torch
from torch.nn import functional

from engine.hardware.faults import fault_of

_LEAST_LENGTH = 768  # from where on it pays
_MOST_SHARING = 4  # from so many query heads to a key head on, putting them together gains several times as much
_BLOCK = 512  # keys that the kernel attends to at once
_GROUP = 4  # numbers that are added to each other before they are added to the sum
_WIDTH = 16  # exponentials that the processor computes at once; the rest of a block follows one by one
_LANES = 2 * _WIDTH  # of their sum
_LEAST_GAIN = 1.2
# Of values that are nothing but rounding (see _cancelling), of which another order changes most. The C library's exp(),
# by which the kernel fades what it summed, may differ from the exact one in its last bit.
_MOST_OTHERS = 0.05
_TRIED_ROUNDS = 9
_TRIED_LENGTHS = (2048, 768 + 71, 1536 + 3)  # whole blocks; and with something left over of each step
# exp() as the kernel approximates it: 2 ** fraction is 1 + fraction - a polynomial, written into a float's own bits.
_LOG2_E = 1.44269502162933349609375
_CUBE = -0.079204240219773236
_SQUARE, _LINEAR, _CONSTANT = (
    torch.tensor(number) for number in (-0.22433836478672356, 0.30354260500649682, 0.00010703434948458272)
)
_MANTISSA, _BIAS = 2.0**23, torch.tensor(127 * 2.0**23)
_UPPER_HALF = torch.tensor(-1 << 16, dtype=torch.int32)
_NOTHING = -1e30  # a score whose exp() is nought

_Shape = tuple[torch.dtype, int, int, int]


class Trial(Enum):
    """What came out of a trial."""

    OTHER_BITS = auto()
    SAME_BITS = auto()  # but not quicker, or the machine was busy just then
    QUICKER = auto()  # with the same bits


_found: dict[_Shape, Trial] = {}


def applies(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None) -> bool:
    """Return whether attend() gives the kernel's bits for this, and is quicker.

    query: (batch, heads, queries, width); key and value: (batch, key_heads, length, width).
    """
    return mask is None and key.shape[2] >= _LEAST_LENGTH and _trial(query, key, value) is Trial.QUICKER


def keeps_bits(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> bool:
    """Return whether ids of this shape are left to the kernel where attend() isn't used, so that all have its bits.

    It hangs on the processor alone, not on how quick the trial was: heads put together round otherwise, and on a busy
    machine a text would become another one.
    """
    return _trial(query, key, value) is not Trial.OTHER_BITS


def _trial(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> Trial:
    if query.shape[2] != 1 or query.device.type != "cpu" or query.shape[1] >= _MOST_SHARING * key.shape[1]:
        return Trial.OTHER_BITS
    if query.dtype not in (torch.bfloat16, torch.float16) or torch.compiler.is_compiling():
        return Trial.OTHER_BITS
    if query.shape[3] % _GROUP or key.shape[3] != value.shape[3]:
        return Trial.OTHER_BITS
    shape = (query.dtype, query.shape[1], key.shape[1], key.shape[3])
    if shape not in _found:
        _found[shape] = _tried(shape)
    return _found[shape]


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float | None) -> torch.Tensor:
    """Return (batch, 1, heads, width) for query (batch, heads, 1, width)."""
    batch, heads, _, width = query.shape
    length, key_heads = key.shape[2], batch * key.shape[1]
    blocks = -(-length // _BLOCK)
    rows = query.reshape(key_heads, -1, width).float()
    scores = rows.new_full((batch * heads, blocks * _BLOCK), _NOTHING)
    _score(rows, key.reshape(key_heads, length, width), scores[:, :length])
    scores = scores.mul_(width**-0.5 if scale is None else scale).view(-1, blocks, _BLOCK)
    tops = scores.amax(-1, keepdim=True).cummax(1).values
    weights, sums = _weights(scores.sub_(tops), length - (blocks - 1) * _BLOCK)
    parts = _grouped(weights.to(query.dtype).float().view(key_heads, -1, blocks * _BLOCK),
                     value.reshape(key_heads, length, width).float())  # fmt: skip
    per_block = _BLOCK // _GROUP
    before_last = (blocks - 1) * per_block
    own = torch.split_with_sizes(parts, (*[per_block] * (blocks - 1), parts.shape[1] - before_last), 1)
    # Of what was summed before a greater score came.
    fading = (tops[:, :-1] - tops[:, 1:]).double().exp_().float().unbind(1)
    total, found = sums[0], _summed(own[0])
    for block in range(1, blocks):
        total = torch.addcmul(sums[block], fading[block - 1], total)
        own[block].select(1, 0).add_(found.mul_(fading[block - 1]))  # the sum goes on where it was
        found = _summed(own[block])
    return found.mul_(total.reciprocal()).to(query.dtype).view(batch, 1, heads, width)


def _score(rows: torch.Tensor, keys: torch.Tensor, into: torch.Tensor) -> None:
    """Write (key_heads * rows, length): every fourth number in one lane, the four lanes added in pairs."""
    key_heads, count, width = rows.shape
    half = _GROUP // 2
    # The lanes 0 and 2 of each row to multiply with one of the halves, 1 and 3 with the other.
    lanes = rows.new_zeros(2, key_heads, count, half, width // _GROUP, half)
    lanes.diagonal(dim1=3, dim2=5).copy_(rows.view(key_heads, count, -1, half, 2).permute(4, 0, 1, 2, 3))
    halves = _halves(keys).view(2 * key_heads, -1, width // 2)
    found = torch.bmm(lanes.view(2 * key_heads, -1, width // 2), halves.transpose(1, 2))
    torch.add(*torch.add(*found.view(2, key_heads * count, half, -1).unbind(2)).unbind(0), out=into)


def _halves(keys: torch.Tensor) -> torch.Tensor:
    """Return (2, key_heads, length, width / 2) in 32 bit: the numbers at even places, and those at odd ones."""
    strides = (*keys.stride()[:-1], keys.storage_offset())
    if keys.dtype is not torch.bfloat16 or keys.stride(-1) != 1 or any(stride % 2 for stride in strides):
        return torch.stack(keys.float().view(*keys.shape[:-1], -1, 2).unbind(-1))
    # A bfloat16 is the upper half of a float32: two of them, read as one integer, are taken apart in two steps.
    pairs = keys.view(torch.int32)
    found = pairs.new_empty(2, *pairs.shape)
    torch.mul(pairs, 1 << 16, out=found[0])
    torch.bitwise_and(pairs, _UPPER_HALF, out=found[1])
    return found.view(torch.float32)


def _weights(below: torch.Tensor, left: int) -> tuple[torch.Tensor, Sequence[torch.Tensor]]:
    """Return exp(below) and for each block its sum, (heads, 1); of the last block only the first `left` count."""
    scaled = below * _LOG2_E
    fraction = scaled - scaled.floor()
    curve = torch.add(_SQUARE, fraction, alpha=_CUBE)
    for number in (_LINEAR, _CONSTANT):
        curve = torch.addcmul(number, fraction, curve)  # rounded once, as the kernel does
    weights = torch.add(_BIAS, scaled.sub_(curve), alpha=_MANTISSA).clamp_(min=0).int().view(torch.float32)
    whole = left // _WIDTH * _WIDTH
    rest = weights[:, -1, whole:left]
    rest.zero_()
    lanes = _summed(weights.view(-1, _BLOCK // _LANES, _LANES))
    while lanes.shape[1] > 1:
        lanes = torch.add(*lanes.chunk(2, 1))
    sums = list(lanes.view(-1, below.shape[1], 1).unbind(1))
    if left > whole:
        rest.copy_(below[:, -1, whole:left].double().exp_())  # one by one, exactly
        sums[-1] = _summed(torch.cat((sums[-1], rest), 1).t().unsqueeze(0)).t()
    return weights, sums


def _grouped(weights: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Return (heads, groups, width): weighted values, added in each group of four; the rest as it is, last first."""
    key_heads, length, width = values.shape
    groups, left = divmod(length, _GROUP)
    grouped = length - left
    factors = weights[:, :, :grouped].view(key_heads, -1, groups, _GROUP, 1).unbind(3)
    terms = values[:, :grouped].view(key_heads, 1, groups, _GROUP, width).unbind(3)
    found = values.new_empty(key_heads, weights.shape[1], groups + left, width)
    even = torch.mul(factors[0], terms[0], out=found[:, :, :groups]).addcmul_(factors[2], terms[2])
    even.add_((factors[1] * terms[1]).addcmul_(factors[3], terms[3]))
    if left:
        rest = weights[:, :, grouped:length].unsqueeze(3) * values[:, None, grouped:]
        found[:, :, groups:] = rest.flip(2)
    return found.flatten(0, 1)


def _summed(numbers: torch.Tensor) -> torch.Tensor:
    """Return (first, last) for (first, several, last): each sum from its first number to its last, one by one."""
    ones = numbers.new_ones(numbers.shape[0], 2, numbers.shape[1])  # of a single row it would add otherwise
    return torch.bmm(ones, numbers).select(1, 0)


@torch.inference_mode()
def _tried(shape: _Shape) -> Trial:
    """Run both ways in turns."""
    dtype, heads, key_heads, width = shape
    alone, ordered = [], []
    for length in (*_TRIED_LENGTHS, *[_TRIED_LENGTHS[0]] * _TRIED_ROUNDS):
        query = torch.randn(1, heads, 1, width).to(dtype)
        key, value = _cancelling(key_heads, length, width, dtype)
        try:
            started = time.perf_counter()
            expected = functional.scaled_dot_product_attention(query, key, value, enable_gqa=True)
            between = time.perf_counter()
            found = attend(query, key, value, None)
            ended = time.perf_counter()
        except (RuntimeError, TypeError, ValueError, NotImplementedError) as error:  # a kernel without this shape
            if fault_of(error) is not None:
                raise
            return Trial.OTHER_BITS
        if (found != expected.transpose(1, 2)).float().mean() > _MOST_OTHERS:
            return Trial.OTHER_BITS
        if length == _TRIED_LENGTHS[0]:
            alone.append(between - started)
            ordered.append(ended - between)
    return Trial.QUICKER if min(alone) >= _LEAST_GAIN * min(ordered) else Trial.SAME_BITS


def _cancelling(key_heads: int, length: int, width: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Return keys and values whose weighted sum is nearly nought: what is left shows in which order it was rounded."""
    key, value = torch.randn(2, 1, key_heads, length // 2, width).to(dtype)
    odd = (0, 0, 0, length % 2)
    return functional.pad(torch.cat((key, key), 2), odd), functional.pad(torch.cat((value, -value), 2), odd)
