"""The KV of the loaded model: fixed-address buffers per layer, and the ids they were computed from.

Owns memory on the model's device: one buffer pair per attention layer, for the whole context window or, where memory
is short, for a sliding layer's own window. Rewinding is a change of length, as far back as everything needed is still
there. Recurrent and other layers keep transformers' own classes and can't be rewound.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import DynamicCache, PreTrainedConfig, cache_utils
from transformers.cache_utils import Cache

from engine.api.plan import WINDOW_SLACK_TOKENS
from engine.kv import foreign_layers
from engine.kv.composite_layers import HybridSlabLayer, slab_layers_of
from engine.kv.layout import Layout
from engine.kv.slab_layers import FixedStep, SlabLayer, WindowedSlabLayer
from engine.planning.configuration import position_turn

# Stands for layers that look at another layer's KV; older transformers leave them out.
DummyLayer: type = getattr(cache_utils, "DummyLayer", type(None))
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class State:
    """What the layers hold that can't be cut in pages, when `length` ids had been read.

    earliest: the shortest length it can be put back to. parts: how the layers are made of the tensors, as JSON. The
    tensors taken of a slab are its own until they are copied.
    """

    length: int
    earliest: int
    parts: str
    tensors: Sequence[torch.Tensor]


@dataclass(frozen=True)
class Piece:
    """Keys and values of all full layers for positions from start to end, by the names of page_layout()."""

    start: int
    end: int
    tensors: Mapping[str, torch.Tensor]


class PiecesMissingError(Exception):
    """The pieces end before the length that a state is to be put back to."""


class KvSlab:
    """The one cache of the loaded model. ids always names exactly what the cache was computed from.

    windowed: sliding layers keep their window and slack_tokens more instead of everything. use_slab: False leaves
    all layers to transformers. can_be_put_back: False where the model keeps a state that is not in the cache; what is
    held can then only be gone on from.
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
        self.can_be_put_back = True
        self._layers = self._new_layers()
        self.cache = Cache(layers=self._layers)
        self._ids: list[int] = []
        self._reach = 0
        self._turn = position_turn(config) or None

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
        if not all(_rewinds(layer) for layer in self._layers):
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
    def held_bytes(self) -> int:
        """Bytes of the buffers and states that the held ids take."""
        return self.page_layout(self.length).size_bytes + (self.state_bytes if self.length else 0)

    @property
    def state_bytes(self) -> int:
        """Bytes of what can't be cut in pages."""
        return sum(
            layer.state_bytes if isinstance(layer, SlabLayer) else foreign_layers.state_bytes(layer)
            for _, layer in self._stateful()
        )

    @property
    def reach(self) -> int:
        """The longest that the conversation was while its KV was computed; see fits()."""
        return self._reach

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

    @property
    def can_be_fixed(self) -> bool:
        """Whether passes of fixed shape are possible: every layer keeps all positions, and has its buffers."""
        kinds_fit = all(type(layer) is SlabLayer or isinstance(layer, DummyLayer) for layer in self._layers)
        paged = self._paged()
        return kinds_fit and bool(paged) and len(paged) == sum(type(layer) is SlabLayer for layer in self._layers)

    @contextmanager
    def fixed(self, step: FixedStep) -> Iterator[None]:
        """Let what the model computes in the block be a pass of fixed shape; note() what it held afterwards."""
        layers = [layer for _, layer in self._paged()]
        for layer in layers:
            layer.fixed = step
        try:
            yield
        finally:
            for layer in layers:
                layer.fixed = None

    def note(self, ids: Sequence[int]) -> None:
        """Note that a pass of fixed shape has computed the next positions from these ids."""
        self.record(ids)
        for _, layer in self._paged():
            layer.hold(self.length)

    @torch.inference_mode()
    def wipe(self) -> None:
        """Set what lies behind the valid positions to zero: masked values count nothing unless they are no numbers."""
        for _, layer in self._paged():
            for part in layer.parts.values():
                part[:, :, layer.length :].zero_()

    def agreeing(self, ids: Sequence[int], known: int) -> int:
        """Return how many leading ids are those held, `known` of which are known to be."""
        most = min(self.length, len(ids))
        return next((place for place in range(known, most) if self._ids[place] != ids[place]), most)

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

    @property
    def has_states(self) -> bool:
        """Whether there are layers that can't be cut in pages."""
        return bool(self._stateful())

    @property
    def grows_states(self) -> bool:
        """Whether what those layers hold becomes larger with the conversation."""
        return any(foreign_layers.grows(layer) for _, layer in self._stateful() if not isinstance(layer, SlabLayer))

    def page_layout(self, count: int) -> Layout:
        """Return how what `count` positions have lies in a page: (heads, count, width) for each part of a layer."""
        parts = self._parts()
        return Layout.of([(name, buffer.dtype, (buffer.shape[1], count, buffer.shape[3])) for name, buffer in parts])

    @torch.inference_mode()
    def copy_page(self, start: int, end: int, into: Mapping[str, torch.Tensor]) -> None:
        """Copy keys and values of positions from start to end into the tensors of a page, as page_layout names them."""
        for name, buffer in self._parts():
            into[name].copy_(buffer[0, :, start:end], non_blocking=True)

    def state(self) -> State | None:
        """Return what can't be cut in pages; None if there is nothing of the kind. Raises UnstorableError."""
        stateful = self._stateful()
        if not stateful:
            return None
        tensors: list[torch.Tensor] = []
        parts = []
        for index, layer in stateful:
            if isinstance(layer, HybridSlabLayer):
                parts.append([index, "recurrent", foreign_layers.take_apart(layer.recurrent_part(), tensors)])
            elif isinstance(layer, SlabLayer):
                held = layer.length - layer.start
                tensors += [layer.keys[:, :, :held], layer.values[:, :, :held]]
                parts.append([index, "window", [layer.start, len(tensors) - 2, len(tensors) - 1]])
            else:
                parts.append([index, "foreign", foreign_layers.take_apart(layer, tensors)])
        return State(self.length, self.earliest, json.dumps(parts), tensors)

    @torch.inference_mode()
    def restore(self, ids: Ids, reach: int, pieces: Iterable[Piece], state: State | None) -> None:
        """Hold these ids: what the slab has of them, behind it the pieces, and the state, put back to that length.

        Where the pieces end early fewer ids are held, if no state is needed. Raises whatever goes wrong; everything is
        forgotten then.
        """
        kept = common_prefix(self.ids, ids)
        try:
            for piece in pieces:
                kept = max(kept, self._copy_piece(piece, kept))
            if kept < len(ids) and self._paged():
                if state is not None:
                    raise PiecesMissingError(f"{len(ids)} ids can't be restored of {kept}")
                ids = ids[:kept]
            if state is not None:
                self._put_back(state, len(ids))
            for _, layer in self._paged():
                layer.hold(len(ids))
        except BaseException:
            self.clear()
            raise
        self._ids = ids.tolist()
        self._reach = reach

    def _copy_piece(self, piece: Piece, kept: int) -> int:
        """Copy what a piece has of the positions from `kept` on; return how many are held then."""
        start = max(piece.start, kept)
        if not piece.start <= start <= piece.end:
            raise ValueError(f"positions from {kept} to {piece.start} are missing")
        parts = list(self._parts())
        if len(parts) != len(piece.tensors):
            raise ValueError(f"a page has {len(piece.tensors)} parts, and {len(parts)} have memory here")
        for name, buffer in parts:
            source = piece.tensors[name][:, start - piece.start : piece.end - piece.start]
            buffer[0, :, start : piece.end].copy_(source, non_blocking=True)
        return piece.end

    def _put_back(self, state: State, length: int) -> None:
        if not state.earliest <= length <= state.length:
            raise ValueError(f"a state of {state.length} ids can't be put back to {length}")
        fresh = self._new_layers()
        for index, kind, content in json.loads(state.parts):
            layer = self._layers[index]
            if kind == "window":
                start, keys, values = content
                layer.put_back(state.tensors[keys], state.tensors[values], start)
                layer.rewind(length)
            elif kind == "recurrent":
                fresh_part = fresh[index].recurrent_part()
                layer.put_recurrent_part_back(foreign_layers.put_together(fresh_part, content, state.tensors))
            else:
                self._layers[index] = foreign_layers.put_together(fresh[index], content, state.tensors)

    def _parts(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Yield what pages are cut from, (1, heads, capacity, width) each, with the name that it has in a page."""
        for index, layer in self._paged():
            yield from ((f"{name}.{index}", buffer) for name, buffer in layer.parts.items())

    def _paged(self) -> list[tuple[int, SlabLayer]]:
        """Return the layers that keep every position, with their places."""
        return [
            (index, layer)
            for index, layer in enumerate(self._layers)
            if isinstance(layer, SlabLayer) and layer.is_paged and layer.is_initialized
        ]

    def _stateful(self) -> list[tuple[int, Any]]:
        """Return the layers that keep what can't be cut in pages, with their places."""
        return [
            (index, layer)
            for index, layer in enumerate(self._layers)
            if (layer.has_state if isinstance(layer, SlabLayer) else not isinstance(layer, DummyLayer))
        ]

    def _rewind_layers(self, length: int) -> None:
        for layer in self._layers:
            if isinstance(layer, SlabLayer):
                layer.rewind(length)

    def _earliest_of_layers(self) -> int:
        return max((layer.earliest for layer in self._layers if isinstance(layer, SlabLayer)), default=0)

    def _new_layers(self) -> list[Any]:
        if not self._use_slab:
            return list(DynamicCache(config=self._config).layers)
        slack_tokens = self._slack_tokens if self._windowed else None
        return slab_layers_of(self._config, self.capacity, slack_tokens)


def _rewinds(layer: object) -> bool:
    if isinstance(layer, SlabLayer):
        return layer.is_paged != layer.has_state  # a hybrid keeps both: positions, and what was made of them
    return isinstance(layer, DummyLayer)


def common_prefix(left: Ids, right: Ids) -> int:
    """Return how many leading ids are equal."""
    length = min(len(left), len(right))
    differing = np.flatnonzero(left[:length] != right[:length])
    return int(differing[0]) if len(differing) else length
