"""The KV of the loaded model: fixed-address buffers per layer, and the ids they were computed from.

Owns memory on the model's device: one buffer pair per attention layer, for the whole context window or, where memory
is short, for a sliding layer's own window. Rewinding is a change of length, as far back as everything needed is still
there. Recurrent and other layers keep transformers' own classes and can't be rewound.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import DynamicCache, PreTrainedConfig
from transformers.cache_utils import Cache, DummyLayer, DynamicLayer, DynamicSlidingWindowLayer

from engine.api.plan import WINDOW_SLACK_TOKENS
from engine.generation import foreign_layers
from engine.generation.foreign_layers import SavedForeignLayer
from engine.generation.slab_layers import SavedLayer, SlabLayer, WindowedSlabLayer

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Snapshot:
    """A copy of everything held at some moment, in main memory, with the ids it was computed from.

    earliest: the shortest length it can be restored to, 0 where that is any. reach: see KvSlab.fits.
    """

    ids: Ids
    reach: int
    earliest: int
    layers: tuple[SavedLayer | SavedForeignLayer | None, ...]
    size_bytes: int

    def usable(self, common: int) -> int:
        """Return how many of `common` equal leading ids can be restored: all of them or none."""
        return common if common >= self.earliest else 0


class KvSlab:
    """The one cache of the loaded model. ids always names exactly what the cache was computed from.

    windowed: sliding layers keep their window and slack_tokens more instead of everything. use_slab: False leaves
    all layers to transformers.
    """

    def __init__(
        self,
        config: PreTrainedConfig,
        capacity: int,
        use_slab: bool = True,
        windowed: bool = False,
        slack_tokens: int = WINDOW_SLACK_TOKENS,
    ) -> None:
        self.capacity = capacity
        self._config = config
        self._use_slab = use_slab
        self._windowed = windowed
        self._slack_tokens = slack_tokens
        self._layers = self._new_layers()
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
        """Whether any earlier length can be gone back to, always."""
        return not self.is_windowed and self.undoable_tokens > 0

    @property
    def is_windowed(self) -> bool:
        """Whether there are layers that forget what has left their window."""
        return any(isinstance(layer, WindowedSlabLayer) for layer in self._layers)

    @property
    def undoable_tokens(self) -> int:
        """Most ids of one feed that realign() can take back without losing what was held before; 0 for none."""
        if not all(isinstance(layer, (SlabLayer, DummyLayer)) for layer in self._layers):
            return 0
        return self._slack_tokens if self.is_windowed else self.capacity

    @property
    def earliest(self) -> int:
        """Shortest length, other than 0, that can be gone back to now; the length itself if no other."""
        return self.length if self.undoable_tokens == 0 else self._earliest_of_layers()

    @property
    def allocated_bytes(self) -> int:
        """Bytes of all buffers and states on the device, whether filled or not."""
        return sum(
            layer.allocated_bytes if isinstance(layer, SlabLayer) else foreign_layers.allocated_bytes(layer)
            for layer in self._layers
        )

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
        """Return how many of `common` equal leading ids can be kept of the cache, computed from `length` ids."""
        return common if common == length or common >= self.earliest else 0

    def rewind(self, length: int) -> None:
        """Keep the first `length` ids, which must be usable(); starts afresh where that is 0."""
        if length == self.length:
            return
        if length and length >= self.earliest:
            self._rewind_layers(length)
            del self._ids[length:]
        else:
            self.clear()

    def realign(self) -> None:
        """Bring the layers back to the recorded ids after a forward that failed half way, or forget everything.

        Everything is forgotten if layers can't be rewound, or if more than undoable_tokens were fed.
        """
        if self.length and self.undoable_tokens and self._earliest_of_layers() <= self.length:
            self._rewind_layers(self.length)
        else:
            self.clear()

    def clear(self) -> None:
        """Forget everything; buffers keep their addresses."""
        kept = self._layers
        self._layers = self._new_layers()
        for index, layer in enumerate(kept):
            if isinstance(layer, SlabLayer):
                layer.reset()
                self._layers[index] = layer
        self.cache.layers = self._layers
        self._ids = []
        self._reach = 0

    @torch.inference_mode()
    def snapshot(self) -> Snapshot:
        """Copy what is held into main memory."""
        layers = tuple(
            layer.save() if isinstance(layer, SlabLayer) else foreign_layers.save(layer) for layer in self._layers
        )
        size = sum(layer.size_bytes for layer in layers if layer is not None)
        return Snapshot(ids=self.ids, reach=self._reach, earliest=self.earliest, layers=layers, size_bytes=size)

    @torch.inference_mode()
    def restore(self, snapshot: Snapshot, length: int) -> None:
        """Copy the first `length` ids' state back into the buffers; length must be snapshot.usable().

        Raises ValueError if it isn't; everything is forgotten if copying fails half way.
        """
        if not 0 < length == snapshot.usable(length):
            raise ValueError(f"a snapshot of {len(snapshot.ids)} ids can't be restored to {length}")
        self.clear()
        try:
            self._restore_layers(snapshot, length)
        except BaseException:
            self.clear()
            raise
        self._ids = snapshot.ids[:length].tolist()
        self._reach = snapshot.reach

    def _restore_layers(self, snapshot: Snapshot, length: int) -> None:
        for index, saved in enumerate(snapshot.layers):
            layer = self._layers[index]
            if isinstance(saved, SavedForeignLayer):
                self._layers[index] = foreign_layers.restore(saved)
            elif saved is not None:
                layer.restore(saved, length)

    def _rewind_layers(self, length: int) -> None:
        for layer in self._layers:
            if isinstance(layer, SlabLayer):
                layer.rewind(length)

    def _earliest_of_layers(self) -> int:
        return max((layer.earliest for layer in self._layers if isinstance(layer, SlabLayer)), default=0)

    def _new_layers(self) -> list[Any]:
        """Return transformers' layers for this architecture, attention ones replaced by empty slab layers."""
        layers: list[Any] = list(DynamicCache(config=self._config).layers)
        if not self._use_slab:
            return layers
        windows = [layer.sliding_window for layer in layers if type(layer) is DynamicSlidingWindowLayer]
        # The masks of all sliding layers are made for the first one's sizes: a foreign one must not meet slab layers.
        replaces_sliding = len(windows) == sum(bool(getattr(layer, "is_sliding", False)) for layer in layers)
        for index, layer in enumerate(layers):
            if type(layer) is DynamicLayer:
                layers[index] = SlabLayer(self.capacity)
            elif type(layer) is DynamicSlidingWindowLayer and replaces_sliding:
                layers[index] = self._sliding_layer(max(windows))
        return layers

    def _sliding_layer(self, window: int) -> SlabLayer:
        """Return a layer for the widest window of the architecture, as one mask size serves them all."""
        if self._windowed and window + self._slack_tokens < self.capacity:
            return WindowedSlabLayer(window, self._slack_tokens)
        return SlabLayer(self.capacity)


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
