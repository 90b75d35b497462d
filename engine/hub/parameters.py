"""How many parameters a published model has and what its weights take, from what the Hub tells of them."""

import re
from collections.abc import Mapping
from math import log

from engine.hub.answers import count, mapping

# Bits of one value by safetensors' dtype; what is not here has as many as its name says.
_BITS = {"BOOL": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4}
_INTEGERS = ("U8", "I8", "I32", "U32", "I64")
_IN_NAME = re.compile(r"(?<![\w.])(?:(\d{1,3})x)?(\d{1,4}(?:\.\d{1,3})?)([bm])(?![a-z0-9])", re.IGNORECASE)
_UNITS = {"b": 10**9, "m": 10**6}
_NEAR = 1.1
_UNPACKED_BITS = 16


def counts(item: Mapping[str, object]) -> dict[str, int]:
    """Return how many values of each dtype the Hub counts in the safetensors files."""
    told = mapping(item, "safetensors", "parameters")
    return {dtype.upper(): number for dtype in told if (number := count(told, dtype))}


def parameters_of(item: Mapping[str, object], packed_bits: int, weight_bytes: int, name: str) -> int:
    """Return the number of parameters, 0 if nothing tells it.

    packed_bits: how many the publisher packed most weights into, 0 for none. weight_bytes: of the safetensors files, 0
    if not known. A packed model's count may be of weights or of the numbers that they are packed into; the size of the
    files tells which it is, else the number in the name.
    """
    by_dtype = counts(item)
    total = count(mapping(item, "safetensors"), "total") or sum(by_dtype.values())
    if total and packed_bits and by_dtype:
        unpacked = sum(number * _weights_each(dtype, packed_bits) for dtype, number in by_dtype.items())
        return _of_packed(total, unpacked, _bytes(by_dtype), weight_bytes, name)
    return (
        total
        or count(mapping(item, "gguf"), "total")
        or in_name(name)
        or weight_bytes * 8 // (packed_bits or _UNPACKED_BITS)
    )


def weight_bytes_of(item: Mapping[str, object], packed_bits: int, parameters: int) -> int:
    """Return what the weights probably take where no file sizes are told, 0 if nothing tells it."""
    by_dtype = counts(item)
    if packed_bits:
        return parameters * packed_bits // 8
    return _bytes(by_dtype) or count(mapping(item, "safetensors"), "total") * 2


def in_name(name: str) -> int:
    """Return the number of parameters that a name such as `Mixtral-8x7B` tells, 0 if it tells none."""
    found = [
        int(int(times or 1) * float(number) * _UNITS[unit.lower()])
        for times, number, unit in _IN_NAME.findall(name.rpartition("/")[2].replace("_", "-"))
    ]
    return max(found, default=0)


def _weights_each(dtype: str, packed_bits: int) -> int:
    return max(1, _bits(dtype) // packed_bits) if dtype in _INTEGERS else 1


def _of_packed(total: int, unpacked: int, bytes_if_raw: int, weight_bytes: int, name: str) -> int:
    if weight_bytes:
        # As many bytes as there are files: then it is the packed numbers that were counted.
        return unpacked if bytes_if_raw <= weight_bytes * _NEAR else total
    expected = in_name(name)
    if not expected:
        return total
    return min(total, unpacked, key=lambda number: abs(log(number / expected)))


def _bytes(by_dtype: Mapping[str, int]) -> int:
    return sum(number * _bits(dtype) for dtype, number in by_dtype.items()) // 8


def _bits(dtype: str) -> int:
    digits = re.findall(r"\d+", dtype)
    return _BITS.get(dtype) or (int(digits[0]) if digits and int(digits[0]) in (4, 8, 16, 32, 64) else 16)
