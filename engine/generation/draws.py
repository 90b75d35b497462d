"""Random numbers that depend on nothing but seed, position and id, so that it doesn't matter when an id is drawn.

An id drawn while it is only supposed, after a failure, or in a later answer that goes on from there, is the same one.
The numbers are those of splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014), with a
stream for each position and a place in it for each id.
"""

import torch

_STEP = 0x9E3779B97F4A7C15
_FACTORS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_SHIFTS = (30, 27, 31)
_WORD = 2**64


def exponentials(seed: int, position: int, ids: torch.Tensor) -> torch.Tensor:
    """Return an exponentially distributed float32 for each of the int64 ids, in their shape.

    The id with the largest probability / number is a draw from the probabilities. Draws from two distributions with
    the same numbers differ at most twice as often as if each knew the other (Daliri, Musco, Suresh: Coupling without
    communication and drafter-invariant speculative decoding, arXiv 2408.07978).
    """
    state = ids * _signed(_STEP) + _signed(_stream(seed, position))  # int64 wraps around, as the algorithm wants
    for shift, factor in zip(_SHIFTS[:2], _FACTORS, strict=True):
        state = (state ^ _shifted(state, shift)) * _signed(factor)
    bits = _shifted(state ^ _shifted(state, _SHIFTS[2]), 32)
    # log1p keeps all digits of small numbers, which are the ones that win.
    return -torch.log1p(-(bits.to(torch.float32) + 0.5) * 2.0**-32)


def _stream(seed: int, position: int) -> int:
    """Return where the stream of a position starts."""
    return _mixed(_mixed(seed + _STEP) + position * _STEP)


def _mixed(value: int) -> int:
    value %= _WORD
    for shift, factor in zip(_SHIFTS[:2], _FACTORS, strict=True):
        value = (value ^ value >> shift) * factor % _WORD
    return value ^ value >> _SHIFTS[2]


def _shifted(values: torch.Tensor, shift: int) -> torch.Tensor:
    """Shift to the right as if there were no sign."""
    return (values >> shift) & ((1 << (64 - shift)) - 1)


def _signed(value: int) -> int:
    return value - _WORD if value >= _WORD // 2 else value
