"""How the tensors of one stored item of KV lie in one flat buffer: in memory as in the data part of a file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

import torch

# Names of safetensors' format for what caches hold.
DTYPE_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
DTYPES = {name: dtype for dtype, name in DTYPE_NAMES.items()}


@dataclass(frozen=True)
class Place:
    """Where one tensor lies: offset and size in bytes."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    offset: int
    size_bytes: int


@dataclass(frozen=True)
class Layout:
    """Tensors by name, one behind the other, those of wide elements first so that all are aligned."""

    places: Mapping[str, Place]
    size_bytes: int

    @classmethod
    def of(cls, tensors: Iterable[tuple[str, torch.dtype, tuple[int, ...]]]) -> Self:
        """Return the layout of tensors given as name, dtype and shape. Raises ValueError for an unknown dtype."""
        places: dict[str, Place] = {}
        offset = 0
        for name, dtype, shape in sorted(tensors, key=lambda tensor: -tensor[1].itemsize):
            if dtype not in DTYPE_NAMES:
                raise ValueError(f"no tensor of {dtype} can be stored")
            size = dtype.itemsize
            for extent in shape:
                size *= extent
            places[name] = Place(dtype, shape, offset, size)
            offset += size
        return cls(places, offset)

    def views(self, buffer: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the tensors in a flat buffer of bytes that is at least size_bytes long."""
        return {
            name: buffer[place.offset : place.offset + place.size_bytes].view(place.dtype).view(place.shape)
            for name, place in self.places.items()
        }
