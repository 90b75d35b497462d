"""The ways in which the KV of a model can be kept."""

from dataclasses import dataclass
from enum import StrEnum


class KvMode(StrEnum):
    """How KV is kept, best first: in a slab that can be rewound, in a cache that only grows, in one that is filled at
    once and then grows by single ids, not at all."""

    SLAB = "slab"
    GROWING = "growing"
    WHOLE = "whole"
    NONE = "none"


@dataclass(frozen=True)
class KvWay:
    """How KV is kept, and what the model is told of it.

    in_slab: attention lies in buffers of ours, else in transformers' own. tells_positions: each pass is told where its
    ids stand. is_windowed: layers with a sliding window forget what has left it.
    """

    mode: KvMode
    in_slab: bool
    tells_positions: bool
    is_windowed: bool
