"""One id's attention on a CPU in 16 bit, bit for bit as PyTorch's kernel computes it, by quicker products.

Where MKL has no 16-bit product of a single row, as on AMD processors, its generic code takes most of the time behind a
long conversation. It adds in lanes and in groups of four; whatever adds in another order rounds otherwise, and after
some tokens a text parts from transformers'. Here the same sums are made in the same order by 32-bit products of
several rows: there a product of two 16-bit numbers is exact, and a sum runs from its first number to its last. Whether
that gives the kernel's bits, and whether sooner, is tried when a shape is seen for the first time.
"""

import time
from enum import Enum, auto

import torch
from torch.nn import functional

from engine.hardware.faults import fault_of

_LEAST_LENGTH = 1024  # from where on it pays
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
_TRIED_LENGTHS = (2048, 1024 + 71, 1536 + 3)  # whole blocks; and with something left over of each step
# exp() as the kernel approximates it: 2 ** fraction is 1 + fraction - a polynomial, written into a float's own bits.
_LOG2_E = 1.44269502162933349609375
_CUBE = -0.079204240219773236
_SQUARE, _LINEAR, _CONSTANT = (
    torch.tensor(number) for number in (-0.22433836478672356, 0.30354260500649682, 0.00010703434948458272)
)
_MANTISSA, _BIAS = 2.0**23, 127 * 2.0**23
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
    length = key.shape[2]
    rows = query.reshape(batch * key.shape[1], -1, width).float()
    scores = _scores(rows, key.reshape(-1, length, width).float()).flatten(0, 1)
    blocks = -(-length // _BLOCK)
    scores.mul_(width**-0.5 if scale is None else scale)
    scores = functional.pad(scores, (0, blocks * _BLOCK - length), value=_NOTHING).view(-1, blocks, _BLOCK)
    tops = scores.amax(-1).cummax(1).values
    fading = (tops[:, :-1] - tops[:, 1:]).double().exp().float()  # of what was summed before a greater score came
    weights, sums = _weights(scores.sub_(tops.unsqueeze(-1)), length - (blocks - 1) * _BLOCK)
    parts = _grouped(weights.to(query.dtype).float().view(rows.shape[0], -1, blocks * _BLOCK),
                     value.reshape(-1, length, width).float())  # fmt: skip
    per_block = _BLOCK // _GROUP
    total, found = sums[:, 0], parts.new_zeros(batch * heads, width)
    for block in range(blocks):
        if block:
            total = torch.addcmul(sums[:, block], fading[:, block - 1], total)
            found *= fading[:, block - 1 : block]
        own = parts[:, block * per_block : (block + 1) * per_block if block < blocks - 1 else None]
        own[:, 0] += found  # the sum goes on where it was
        found = _summed(own)
    return found.mul_(total.reciprocal().unsqueeze(1)).to(query.dtype).view(batch, 1, heads, width)


def _scores(rows: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    """Return (key_heads, rows, length): every fourth number in one lane, the four lanes added in pairs."""
    key_heads, count, width = rows.shape
    lanes = rows.new_zeros(key_heads, count, _GROUP, width // _GROUP, _GROUP)
    lanes.diagonal(dim1=2, dim2=4).copy_(rows.view(key_heads, count, width // _GROUP, _GROUP))
    found = torch.bmm(lanes.view(key_heads, -1, width), keys.transpose(1, 2)).view(key_heads, count, _GROUP, -1)
    pairs = found[:, :, :2] + found[:, :, 2:]
    return pairs[:, :, 0] + pairs[:, :, 1]


def _weights(below: torch.Tensor, left: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return exp(below) and its sum over each block, (heads, blocks), of whose last only the first `left` count."""
    scaled = below * _LOG2_E
    fraction = scaled - scaled.floor()
    curve = torch.add(_SQUARE, fraction, alpha=_CUBE)
    for number in (_LINEAR, _CONSTANT):
        curve = torch.addcmul(number, fraction, curve)  # rounded once, as the kernel does
    weights = scaled.sub_(curve).mul_(_MANTISSA).add_(_BIAS).clamp_(min=0).int().view(torch.float32)
    whole = left // _WIDTH * _WIDTH
    rest = below[:, -1, whole:left].double().exp().float()  # one by one, exactly
    weights[:, -1, whole:left] = 0
    steps = weights.view(-1, _BLOCK // _LANES, _LANES).transpose(0, 1)
    lanes = _summed(steps.flatten(1).unsqueeze(0)).view(-1, _LANES)
    while lanes.shape[1] > 1:
        lanes = lanes[:, : lanes.shape[1] // 2] + lanes[:, lanes.shape[1] // 2 :]
    sums = lanes.view(below.shape[:2])
    if left > whole:
        weights[:, -1, whole:left] = rest
        sums[:, -1] = _summed(torch.cat((sums[:, -1:], rest), 1).t().unsqueeze(0))[0]
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
    rest = (weights[:, :, grouped:length].unsqueeze(3), values[:, None, grouped:])
    found[:, :, groups:] = torch.mul(*rest).flip(2)
    return found.flatten(0, 1)


def _summed(numbers: torch.Tensor) -> torch.Tensor:
    """Return (first, last) for (first, several, last): each sum from its first number to its last, one by one."""
    ones = numbers.new_ones(numbers.shape[0], 2, numbers.shape[1])  # of a single row it would add otherwise
    return torch.bmm(ones, numbers)[:, 0]


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
