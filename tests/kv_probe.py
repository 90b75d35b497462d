"""Copies of a slab for tests: everything it holds as one page and one state, as the tiers would keep it."""

from dataclasses import dataclass, replace

import torch

from engine.kv.slab import Ids, KvSlab, Piece, State


@dataclass(frozen=True)
class Saved:
    """What a slab held, and how far back it can be put."""

    ids: Ids
    reach: int
    piece: Piece
    state: State | None

    @property
    def size_bytes(self) -> int:
        states = self.state.tensors if self.state is not None else ()
        return sum(tensor.nbytes for tensor in (*self.piece.tensors.values(), *states))

    def usable(self, length: int) -> int:
        """Return the length if it can be put back to that, else 0."""
        return length if self.state is None or self.state.earliest <= length else 0

    def put_back(self, kv: KvSlab, length: int) -> None:
        piece = replace(self.piece, end=length, tensors={k: v[:, :length] for k, v in self.piece.tensors.items()})
        kv.restore(self.ids[:length], self.reach, [piece], self.state)


def save(kv: KvSlab) -> Saved:
    """Copy a slab."""
    layout = kv.page_layout(kv.length)
    tensors = layout.views(torch.zeros(layout.size_bytes, dtype=torch.uint8))
    kv.copy_page(0, kv.length, tensors)
    state = kv.state()
    if state is not None:
        state = replace(state, tensors=[tensor.to("cpu", copy=True) for tensor in state.tensors])
    return Saved(kv.ids, kv.reach, Piece(0, kv.length, tensors), state)
