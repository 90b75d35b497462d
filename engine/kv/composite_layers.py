"""Slab layers that keep more than keys and values, and which slab layers stand for which of transformers'.

Sparse attention picks its positions by keys of their own (DeepSeek 3.2, GLM 5, MiniMax M3); hybrid layers have a
recurrent state beside their attention (Falcon H1, Zamba 2). What grows with the conversation lies at fixed addresses
like K and V.
"""

from typing import Any

import torch
from transformers import DynamicCache, PreTrainedConfig
from transformers.cache_utils import (
    DynamicLayer,
    DynamicSlidingWindowLayer,
    LinearAttentionAndFullAttentionLayer,
    LinearAttentionAndSlidingWindowAttentionLayer,
    LinearAttentionLayer,
)

from engine.kv import foreign_layers
from engine.kv.slab_layers import SlabLayer, WindowedSlabLayer, new_buffer

_SLIDING = (DynamicSlidingWindowLayer, LinearAttentionAndSlidingWindowAttentionLayer)
_HYBRID = (LinearAttentionAndFullAttentionLayer, LinearAttentionAndSlidingWindowAttentionLayer)


class IndexedSlabLayer(SlabLayer):  # type: ignore[no-untyped-call] # transformers leaves its hook untyped
    """The same with a key for each position by which positions are picked, and with places, where a model keeps them.

    indexed: positions that have such a key. It runs behind or ahead of `length` within a forward.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self.indexed = 0
        self._picking: torch.Tensor | None = None
        self._places: torch.Tensor | None = None

    @property
    def parts(self) -> dict[str, torch.Tensor]:
        """The buffers by name, (1, heads, capacity, width) each; none before the first update."""
        own = {"picking": self._picking, "places": self._places}
        return super().parts | {name: part for name, part in own.items() if part is not None}

    def update_indexer(self, indexer_key_states: torch.Tensor) -> torch.Tensor:
        """Append keys (1, length, width) and return a view of all of them."""
        return self.update_index(indexer_key_states.unsqueeze(1))[:, 0]

    def update_index(self, idx_k: torch.Tensor) -> torch.Tensor:
        """Append keys (1, heads, length, width) and return a view of all of them (MiniMax M3)."""
        if self._picking is None:
            self._picking = new_buffer(idx_k, self.capacity)
        begin, self.indexed = self.indexed, self.indexed + idx_k.shape[2]
        self._picking[:, :, begin : self.indexed].copy_(idx_k)
        return self._picking[:, :, : self.indexed]

    @property
    def indexer_position_ids(self) -> torch.Tensor | None:
        """Places of the positions held, (kinds of place, 1, length), which Qwen 4 adds to and gives back."""
        if self._places is None or not self.length:
            return None
        return self._places[0, :, None, : self.length, 0]

    @indexer_position_ids.setter
    def indexer_position_ids(self, places: torch.Tensor) -> None:
        states = places.permute(1, 0, 2).unsqueeze(-1)
        if self._places is None:
            self._places = new_buffer(states, self.capacity)
        self._places[:, :, : states.shape[2]].copy_(states)

    def hold(self, length: int) -> None:
        """Count the first `length` positions of the buffers as computed."""
        super().hold(length)
        self.indexed = length


# Both sides have a word for the same in other types, as transformers' own hybrid layers do.
class HybridSlabLayer(SlabLayer, LinearAttentionAndFullAttentionLayer):  # type: ignore[misc, no-untyped-call, override]
    """Attention for all positions beside a recurrent state, which can't be gone back with."""

    is_croppable = False
    has_state = True

    def __init__(self, capacity: int, number_of_states: int = 1) -> None:
        super().__init__(capacity)
        self.number_of_states = number_of_states
        self._forget_state()

    @property
    def allocated_bytes(self) -> int:
        """Bytes of all that is held on the device."""
        return super().allocated_bytes + self.state_bytes

    @property
    def state_bytes(self) -> int:
        """Bytes of what can't be cut in pages."""
        return foreign_layers.state_bytes(self.recurrent_part())

    def lazy_initialization(self, *args: torch.Tensor, **kwargs: Any) -> None:  # type: ignore[override] # noqa: ANN401
        """Allocate: for keys and values without names, for the recurrent state with its names."""
        if kwargs:
            LinearAttentionLayer.lazy_initialization(self, **kwargs)
        else:
            SlabLayer.lazy_initialization(self, *args)

    def reset(self) -> None:
        """Forget all positions and the state; the buffers keep their addresses."""
        super().reset()
        self._forget_state()

    def recurrent_part(self) -> LinearAttentionLayer:
        """Return a layer of the recurrent state alone, with the same tensors."""
        part = _new_recurrent(self.number_of_states)
        vars(part).update({name: vars(self)[name] for name in vars(part)})
        return part

    def put_recurrent_part_back(self, part: LinearAttentionLayer) -> None:
        """Take the state of such a layer."""
        vars(self).update(vars(part))

    def _forget_state(self) -> None:
        vars(self).update(vars(_new_recurrent(self.number_of_states)))


def slab_layers_of(config: PreTrainedConfig, capacity: int, slack_tokens: int | None) -> list[Any]:
    """Return transformers' layers for an architecture, those with attention replaced by empty slab layers.

    slack_tokens: with a number, sliding layers keep their window and so many positions more (None: everything).
    """
    layers: list[Any] = list(DynamicCache(config=config).layers)
    # A hybrid layer of the window's size alone stays transformers' own.
    replaced = (DynamicSlidingWindowLayer,) if slack_tokens is not None else _SLIDING
    windows = [layer.sliding_window for layer in layers if type(layer) in replaced]
    # The masks of all sliding layers are made for the first one's sizes: a foreign one must not meet slab layers.
    replaces_sliding = len(windows) == sum(bool(getattr(layer, "is_sliding", False)) for layer in layers)
    for index, layer in enumerate(layers):
        if type(layer) in _SLIDING and not (replaces_sliding and type(layer) in replaced):
            continue
        if type(layer) is DynamicLayer:
            layers[index] = SlabLayer(capacity)
        elif _picks(layer):
            layers[index] = IndexedSlabLayer(capacity)
        elif type(layer) is DynamicSlidingWindowLayer:
            layers[index] = _sliding_layer(max(windows), capacity, slack_tokens)
        elif type(layer) in _HYBRID:
            layers[index] = HybridSlabLayer(capacity, layer.number_of_states)
    return layers


def _picks(layer: object) -> bool:
    """Whether it is attention to all positions with keys of its own by which some are picked."""
    finds = any(hasattr(layer, name) for name in ("update_indexer", "update_index"))
    return finds and isinstance(layer, DynamicLayer) and not layer.is_sliding


def _sliding_layer(window: int, capacity: int, slack_tokens: int | None) -> SlabLayer:
    """Return a layer for the widest window of the architecture, as one mask size serves them all."""
    if slack_tokens is not None and window + slack_tokens < capacity:
        return WindowedSlabLayer(window, slack_tokens)
    return SlabLayer(capacity)


def _new_recurrent(number_of_states: int) -> LinearAttentionLayer:
    return LinearAttentionLayer(number_of_states=number_of_states)
