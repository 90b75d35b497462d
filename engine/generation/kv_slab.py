"""The KV of the loaded model: fixed-address buffers per layer, and the ids they were computed from.

Owns memory on the model's device: one buffer pair per attention layer for the whole context window. Rewinding is a
change of length. Recurrent and other layers keep transformers' own classes and can't be rewound.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import DynamicCache, PreTrainedConfig
from transformers.cache_utils import Cache, CacheLayerMixin, DummyLayer, DynamicLayer, DynamicSlidingWindowLayer

Ids = npt.NDArray[np.int64]


class SlabLayer(CacheLayerMixin):  # type: ignore[no-untyped-call] # transformers leaves its hook untyped
    """Keys and values of one layer at fixed addresses. Sliding layers keep full length too: the mask limits them."""

    is_croppable = True

    def __init__(self, capacity: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.keys: torch.Tensor
        self.values: torch.Tensor
        self.capacity = capacity
        self.length = 0

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Allocate for states of shape (1, heads, length, head_dim); keys and values may differ in head_dim."""
        self.dtype, self.device = key_states.dtype, key_states.device
        self.keys = _buffer(key_states, self.capacity)
        self.values = _buffer(value_states, self.capacity)
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append states and return views of all that is valid, (1, heads, new length, head_dim)."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start, end = self.length, self.length + key_states.shape[-2]
        self.keys[:, :, start:end].copy_(key_states)
        self.values[:, :, start:end].copy_(value_states)
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return the key length and offset that a mask for the next query_length ids has."""
        return self.length + query_length, 0

    def get_seq_length(self) -> int:
        """Return the number of valid positions."""
        return self.length

    def get_max_length(self) -> int:
        """Return the number of positions there is room for."""
        return self.capacity


@dataclass(frozen=True)
class Snapshot:
    """A copy of everything valid at some moment, in main memory, with the ids it was computed from."""

    ids: Ids
    reach: int
    slab: tuple[tuple[torch.Tensor, torch.Tensor] | None, ...]
    others: tuple[Any, ...]
    size_bytes: int


class KvSlab:
    """The one cache of the loaded model. ids always names exactly what the cache was computed from."""

    def __init__(self, config: PreTrainedConfig, capacity: int, use_slab: bool = True) -> None:
        self.capacity = capacity
        self._config = config
        self._use_slab = use_slab
        self._layers = self._new_layers([])
        self.cache = Cache(layers=self._layers)
        self._ids: list[int] = []
        self._reach = 0
        self._turn = _position_turn(config)

    @property
    def length(self) -> int:
        """Number of ids the cache was computed from."""
        return len(self._ids)

    @property
    def ids(self) -> Ids:
        """The ids the cache was computed from."""
        return np.asarray(self._ids, dtype=np.int64)

    @property
    def can_rewind(self) -> bool:
        """Whether any earlier length can be gone back to."""
        return all(isinstance(layer, (SlabLayer, DummyLayer)) for layer in self._layers)

    @property
    def turn(self) -> int | None:
        """Longest conversation with short position factors, where the architecture has two sets of them."""
        return self._turn

    def fits(self, total: int, reach: int | None = None) -> bool:
        """Return whether a KV that was once reach ids long (None: this one) is one of a conversation of total ids.

        LongRoPE turns all positions by other factors as soon as a conversation is longer than the original window.
        """
        reach = self._reach if reach is None else reach
        return self._turn is None or reach == 0 or (reach > self._turn) == (total > self._turn)

    def record(self, ids: Sequence[int]) -> None:
        """Note that the model has just been fed these ids."""
        self._ids += ids
        self._reach = max(self._reach, len(self._ids))

    def usable(self, common: int, length: int) -> int:
        """Return how many of `common` equal leading ids can be kept of a cache computed from `length` ids."""
        return common if self.can_rewind or common == length else 0

    def rewind(self, length: int) -> None:
        """Keep the first `length` ids, which must be usable(); starts afresh where that is 0."""
        if length == self.length:
            return
        if length and self.can_rewind:
            for layer in self._layers:
                if isinstance(layer, SlabLayer):
                    layer.length = min(layer.length, length)
            del self._ids[length:]
        else:
            self.clear()

    def realign(self) -> None:
        """Bring the layers back to the recorded ids after a forward that failed half way."""
        if self.can_rewind:
            for layer in self._layers:
                if isinstance(layer, SlabLayer):
                    layer.length = min(layer.length, self.length)
        else:
            self.clear()

    def clear(self) -> None:
        """Forget everything; buffers keep their addresses."""
        self._layers = self._new_layers(self._layers)
        self.cache.layers = self._layers
        self._ids = []
        self._reach = 0

    @torch.inference_mode()
    def snapshot(self) -> Snapshot:
        """Copy what is valid into main memory."""
        slab: list[tuple[torch.Tensor, torch.Tensor] | None] = []
        others: list[Any] = []
        size = 0
        for layer in self._layers:
            if isinstance(layer, SlabLayer):
                pair = None
                if layer.is_initialized:
                    pair = (_saved(layer.keys, layer.length), _saved(layer.values, layer.length))
                    size += pair[0].nbytes + pair[1].nbytes
                slab.append(pair)
                others.append(None)
            else:
                slab.append(None)
                others.append(copy.deepcopy(layer))
                size += _state_bytes(layer)
        return Snapshot(ids=self.ids, reach=self._reach, slab=tuple(slab), others=tuple(others), size_bytes=size)

    @torch.inference_mode()
    def restore(self, snapshot: Snapshot, length: int) -> None:
        """Copy the first `length` ids' state back into the buffers; length must be usable()."""
        self.clear()
        for index, layer in enumerate(self._layers):
            pair = snapshot.slab[index]
            if isinstance(layer, SlabLayer):
                if pair is not None:
                    layer.keys[:, :, :length].copy_(pair[0][:, :, :length])
                    layer.values[:, :, :length].copy_(pair[1][:, :, :length])
                    layer.length = length
            else:
                self._layers[index] = copy.deepcopy(snapshot.others[index])
        self._ids = snapshot.ids[:length].tolist()
        self._reach = snapshot.reach

    def _new_layers(self, old: list[Any]) -> list[Any]:
        """Return transformers' layers for this architecture, attention ones as slab layers (the old ones emptied)."""
        layers = list(DynamicCache(config=self._config).layers)
        if not self._use_slab:
            return layers
        for index, layer in enumerate(layers):
            if type(layer) in (DynamicLayer, DynamicSlidingWindowLayer):
                kept = old[index] if old else SlabLayer(self.capacity)
                kept.length = 0
                layers[index] = kept
        return layers


def common_prefix(left: Ids, right: Ids) -> int:
    """Return how many leading ids are equal."""
    length = min(len(left), len(right))
    differing = np.flatnonzero(left[:length] != right[:length])
    return int(differing[0]) if len(differing) else length


def _position_turn(config: PreTrainedConfig) -> int | None:
    """Return the length after which LongRoPE takes its long factors; None for architectures without it."""
    text = config.get_text_config()
    rope = getattr(text, "rope_parameters", None)
    if not isinstance(rope, dict) or rope.get("rope_type") != "longrope":
        return None
    turn = rope.get("original_max_position_embeddings") or getattr(text, "original_max_position_embeddings", None)
    return turn if isinstance(turn, int) else None


def _buffer(states: torch.Tensor, capacity: int) -> torch.Tensor:
    shape = (*states.shape[:-2], capacity, states.shape[-1])
    return torch.empty(shape, dtype=states.dtype, device=states.device)


def _saved(buffer: torch.Tensor, length: int) -> torch.Tensor:
    return buffer[:, :, :length].to("cpu", copy=True).contiguous()


def _state_bytes(layer: object) -> int:
    """Return the bytes of all tensors a foreign cache layer holds, in attributes and in containers of them."""
    total = 0
    for value in vars(layer).values():
        held = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else [value]
        total += sum(item.nbytes for item in held if isinstance(item, torch.Tensor))
    return total
