"""Memory, parameters and compute capabilities as people type them; all else raises argparse.ArgumentTypeError."""

import argparse
import re
from collections.abc import Callable

_GIB = 2**30
# What sellers of memory call GB is GiB, so both mean that here.
_UNITS = {"m": 2**20, "g": _GIB, "t": 2**40}
_SIZE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(?:([mgt])(?:i?b)?)?", re.IGNORECASE | re.ASCII)
_LEAST_BYTES = _GIB // 4
_MOST_BYTES = 4096 * _GIB
_PARAMETERS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*([kmbt])?", re.IGNORECASE | re.ASCII)
_COUNTS = {"k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}
_LEAST_PARAMETERS, _MOST_PARAMETERS = 10**3, 10**14
_CAPABILITY = re.compile(r"(\d{1,2})\.(\d)", re.ASCII)
_LEAST_CAPABILITY, _MOST_CAPABILITY = (5, 0), (15, 0)


def memory_size(text: str) -> int:
    """Return the bytes of 8GiB, 8 GB, 8G, 8192MiB or 8 (GiB): between 0.25 and 4,096 GiB."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of memory such as 8GiB or 8192MiB")
    size = int(float(found[1]) * _UNITS[(found[2] or "g").lower()])
    if not _LEAST_BYTES <= size <= _MOST_BYTES:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0.25 and 4096 GiB")
    return size


def card_size(text: str) -> int:
    """Return the bytes of a card's memory as memory_size() does, or 0 for no card."""
    found = _SIZE.fullmatch(text.strip())
    return 0 if found is not None and float(found[1]) == 0 else memory_size(text)


def capability(text: str) -> tuple[int, int]:
    """Return the two numbers of a compute capability such as 8.6, between 5.0 and 15.0."""
    found = _CAPABILITY.fullmatch(text.strip())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no compute capability such as 8.6")
    value = (int(found[1]), int(found[2]))
    if not _LEAST_CAPABILITY <= value <= _MOST_CAPABILITY:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 5.0 and 15.0")
    return value


def parameter_count(text: str) -> int:
    """Return the number of 7B, 1.5b, 500M, 600k or 7 (billion): between 1 thousand and 100,000 billion."""
    found = _PARAMETERS.fullmatch(text.strip())
    count = int(float(found[1]) * _COUNTS[(found[2] or "b").lower()]) if found else 0
    if not _LEAST_PARAMETERS <= count <= _MOST_PARAMETERS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of parameters such as 7B or 500M")
    return count


def count_up_to(most: int) -> Callable[[str], int]:
    """Return a parser of whole numbers from 1 to most."""

    def parse(text: str) -> int:
        if not text.strip().isascii() or not text.strip().isdigit() or not 1 <= int(text[:9]) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to {most}")
        return int(text)

    return parse
