"""Modules whose weights wait in main memory and are copied to the card when their turn comes, two of them ahead.

They are whole layers, or of each layer the experts alone. Each one's weights lie in one run of bytes in main memory. On
the card there are two slots; a module's tensors are views of its slot for as long as the model lives, so nothing is
allocated or moved while it computes. As soon as a module is through, the next one for its slot is on its way, beside
what is computed meanwhile, over the end of a pass into the beginning of the next. Where few ids are fed, only those
experts are copied that they go to, once the router has said which, each to its place among all others; nothing looks at
what lies in the others' places. Owns the slots and the main memory.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import nn

from engine.offload.choosing import ExpertBytes, chosen_by, expert_bytes_of
from engine.offload.held import Held, held_by
from engine.offload.lanes import Lane, copy_pieces, copy_spans, kept, lane_for
from engine.planning.placement import STREAMING_SLOTS

_ALIGNMENT = 256  # of each tensor, as CUDA's allocator has it


@dataclass
class _Slot:
    """Memory on the card: which module's weights are in it or on their way, and the ticket of the last copy.

    experts: those of them that are there, None for all.
    """

    memory: torch.Tensor
    layer: int | None = None
    experts: frozenset[int] | None = None
    ticket: object = None


@dataclass(frozen=True)
class _Waiting:
    """A module's bytes in main memory, and where its experts lie among them, if that is what it has."""

    pieces: list[torch.Tensor]
    experts: ExpertBytes | None


class StreamedLayers:
    """Makes layers, or their experts, compute on a device that holds only some of them at a time."""

    _runs_ahead = True

    def __init__(
        self, model: nn.Module, layers: Sequence[nn.Module], device: torch.device, lane: Lane | None = None
    ) -> None:
        """Take the layers' tensors over; what they share with others or each other moves to the device for good.

        layers: of the model, or modules of theirs, in the order in which they are called, in main memory. Raises what
        allocating raises; the model can't be used then.
        """
        self._lane = lane or lane_for(device)
        held = _own(model, layers, device)
        sizes = [sum(_room(each.tensor) for each in tensors) for tensors in held]
        self._waiting: list[_Waiting] = []
        self._slots: list[_Slot] = []
        for index in range(min(STREAMING_SLOTS, len(layers))):
            memory = torch.empty(max(sizes[index::STREAMING_SLOTS]), dtype=torch.uint8, device=device)
            self._lane.watch(memory)
            self._slots.append(_Slot(memory))
        for index, (layer, tensors, size) in enumerate(zip(layers, held, sizes, strict=True)):
            experts = expert_bytes_of(layer, [each.tensor for each in tensors], _begins(tensors))
            self._waiting.append(_Waiting(kept(_packed(tensors, size), device), experts))
            _point_into(tensors, self._slots[index % len(self._slots)].memory)
            layer.register_forward_pre_hook(self._before(index), with_kwargs=True)
            layer.register_forward_hook(self._behind(index))

    def _before(self, index: int) -> Any:  # noqa: ANN401 - PyTorch's type of hooks
        def hook(layer: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
            slot, experts = self._slots[index % len(self._slots)], self._waiting[index].experts
            chosen = chosen_by((*arguments, *named.values()), experts.experts) if experts else None
            self._runs_ahead = chosen is None
            if experts is None or chosen is None:
                self._fetch(index)
            else:
                self._fetch_chosen(index, experts, chosen)
            self._lane.wait(slot.ticket)

        return hook

    def _behind(self, index: int) -> Any:  # noqa: ANN401 - PyTorch's type of hooks
        def hook(layer: nn.Module, arguments: object, result: object) -> None:
            if not self._runs_ahead:
                return  # the router of the next one decides what to copy
            following = index + len(self._slots)
            self._fetch(following if following < len(self._waiting) else index % len(self._slots))

        return hook

    def _fetch(self, index: int) -> None:
        slot = self._slots[index % len(self._slots)]
        if slot.layer == index and slot.experts is None:
            return
        slot.layer = None  # should the copy fail, nothing may be taken for being there
        slot.ticket = self._lane.start(lambda: copy_pieces(self._waiting[index].pieces, slot.memory))
        slot.layer, slot.experts = index, None

    def _fetch_chosen(self, index: int, experts: ExpertBytes, chosen: frozenset[int]) -> None:
        slot = self._slots[index % len(self._slots)]
        if slot.layer == index and (slot.experts is None or chosen <= slot.experts):
            return
        slot.layer = None
        spans = list(experts.spans(chosen))
        slot.ticket = self._lane.start(lambda: copy_spans(self._waiting[index].pieces, slot.memory, spans))
        slot.layer, slot.experts = index, chosen


def _own(model: nn.Module, layers: Sequence[nn.Module], device: torch.device) -> list[list[Held]]:
    """Return the tensors in main memory that each layer alone holds; those of several holders go to the device."""
    inside = {part for layer in layers for part in layer.modules()}
    others = held_by(part for part in model.modules() if part not in inside)
    waiting = [_in_main_memory(held_by(layer.modules())) for layer in layers]
    holders = Counter(key for held in (*waiting, others) for key in held)
    moved: dict[int, torch.Tensor] = {}
    for held in (*waiting, {key: each for key, each in others.items() if holders[key] > 1}):
        for key, each in held.items():
            if holders[key] > 1:
                each.put(moved.setdefault(key, each.tensor.data.to(device)))
    return [[each for key, each in held.items() if holders[key] == 1] for held in waiting]


def _in_main_memory(held: dict[int, Held]) -> dict[int, Held]:
    return {key: each for key, each in held.items() if each.tensor.device.type == "cpu"}


def _room(tensor: torch.Tensor) -> int:
    return -(-tensor.nbytes // _ALIGNMENT) * _ALIGNMENT


def _packed(tensors: Sequence[Held], size: int) -> torch.Tensor:
    """Return the tensors' bytes one behind the other, each at a multiple of the alignment."""
    content = torch.zeros(size, dtype=torch.uint8)
    for target, each in zip(_views(tensors, content), tensors, strict=True):
        target.copy_(each.tensor.data)
    return content


def _point_into(tensors: Sequence[Held], memory: torch.Tensor) -> None:
    for view, each in zip(_views(tensors, memory), tensors, strict=True):
        each.put(view)


def _begins(tensors: Sequence[Held]) -> list[int]:
    """Return where each tensor begins in the run of bytes."""
    return [0, *accumulate(_room(each.tensor) for each in tensors)][:-1]


def _views(tensors: Sequence[Held], memory: torch.Tensor) -> list[torch.Tensor]:
    views = []
    for each, begin in zip(tensors, _begins(tensors), strict=True):
        wanted = each.tensor
        flat = memory[begin : begin + wanted.nbytes].view(wanted.dtype)
        views.append(flat.view(wanted.shape))
    return views
