"""Copies of the cache layers that stay transformers' own: recurrent states, convolutions, growing attention."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class SavedForeignLayer:
    """A copy of a foreign layer with its tensors in main memory, and the devices they belong on, in order."""

    layer: object
    devices: tuple[torch.device, ...]

    @property
    def size_bytes(self) -> int:
        """Bytes of the copy."""
        return state_bytes(self.layer)


def save(layer: object) -> SavedForeignLayer:
    """Copy a layer into main memory."""
    tensors = list(_tensors(layer))
    moved = {id(tensor): tensor.to("cpu", copy=True) for tensor in tensors}
    return SavedForeignLayer(copy.deepcopy(layer, dict(moved)), tuple(tensor.device for tensor in tensors))


def restore(saved: SavedForeignLayer) -> object:
    """Return a layer like the saved one, its tensors back on their devices."""
    tensors = list(_tensors(saved.layer))
    moved = {id(tensor): tensor.to(device, copy=True) for tensor, device in zip(tensors, saved.devices, strict=True)}
    return copy.deepcopy(saved.layer, dict(moved))


def state_bytes(layer: object) -> int:
    """Return the bytes of all tensors a foreign cache layer holds, in attributes and in containers of them."""
    return sum(tensor.nbytes for tensor in _tensors(layer))


def allocated_bytes(layer: object) -> int:
    """Return the bytes of memory that the layer's tensors keep from others; views keep all that they are a part of."""
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in _tensors(layer)}
    return sum(storages.values())


def _tensors(layer: object) -> Iterator[torch.Tensor]:
    for value in vars(layer).values():
        held = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else [value]
        yield from (item for item in held if isinstance(item, torch.Tensor))
