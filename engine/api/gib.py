"""Bytes in hundredths of a GiB, for sentences and tables alike: parts that add up to the digit."""

from collections.abc import Sequence

_GIB = 2**30


def hundredths(size_bytes: int, *, up: bool = False) -> int:
    """Return the size rounded down, so that what fits does not look too large; up is for what does not fit."""
    return -(size_bytes * 100 // -_GIB) if up else size_bytes * 100 // _GIB


def adding_up(sizes: Sequence[int], *, up: bool = False) -> list[int]:
    """Return the sizes rounded down, the largest rests up, so that they add up to their rounded sum."""
    down = [hundredths(size) for size in sizes]
    left = hundredths(sum(sizes), up=up) - sum(down)
    for index in sorted(range(len(sizes)), key=lambda one: -(sizes[one] * 100 % _GIB))[:left]:
        down[index] += 1
    return down
