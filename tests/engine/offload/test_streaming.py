"""Layers that are copied when their turn comes: in the right order, whenever a copy really happens."""

from collections.abc import Callable
from typing import cast

import pytest
import torch
from torch import nn

from engine.offload import lanes
from engine.offload.lanes import PlainLane, copy_pieces, kept
from engine.offload.streaming import StreamedLayers

_CPU = torch.device("cpu")


class _LateLane:
    """Copies only when somebody waits for it, as a card that is busy with other things."""

    def __init__(self) -> None:
        self.started: list[Callable[[], None]] = []
        self.done = 0
        self.watched = 0

    def start(self, copy: Callable[[], None]) -> object:
        self.started.append(copy)
        return len(self.started)

    def wait(self, ticket: object) -> None:
        while self.done < cast("int", ticket):
            self.started[self.done]()
            self.done += 1

    def watch(self, memory: torch.Tensor) -> None:
        self.watched += 1


def _model(count: int) -> nn.Sequential:
    torch.manual_seed(count)
    return nn.Sequential(*[nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8)) for _ in range(count)]).requires_grad_(False)


@pytest.mark.parametrize("lane", [PlainLane, _LateLane])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_any_number_of_layers_computes_the_same_pass_after_pass(count: int, lane: Callable[[], lanes.Lane]) -> None:
    model, states = _model(count), torch.randn(3, 8)
    expected = model(states)
    StreamedLayers(model, list(model), _CPU, lane())
    for _ in range(3):
        assert torch.equal(model(states), expected)


def test_layers_between_them_that_stay_and_layers_out_of_order_are_right() -> None:
    model, states = _model(6), torch.randn(3, 8)
    whole = [layer(states) for layer in model]
    StreamedLayers(model, [model[1], model[3], model[4], model[5]], _CPU, _LateLane())
    for index in (0, 1, 5, 3, 3, 4, 1, 2, 5):
        assert torch.equal(model[index](states), whole[index]), index


def test_the_next_layer_is_on_its_way_before_it_is_asked_for() -> None:
    model, states, lane = _model(4), torch.randn(3, 8), _LateLane()
    StreamedLayers(model, list(model), _CPU, lane)
    model[0](states)
    assert len(lane.started) == 2
    model[1](states)
    model[2](states)
    model[3](states)
    assert len(lane.started) == 6  # four, and the first two for the next pass
    model[0](states)
    assert len(lane.started) == 7
    assert lane.watched == 2


def test_two_layers_stay_once_they_are_there() -> None:
    model, states, lane = _model(2), torch.randn(3, 8), _LateLane()
    StreamedLayers(model, list(model), _CPU, lane)
    for _ in range(3):
        model(states)
    assert len(lane.started) == 2


def test_weights_that_several_modules_hold_are_held_once_and_stay() -> None:
    model = _model(5)
    model[3][0].weight = model[1][0].weight  # two layers that wait
    model[4][0].weight = model[2][0].weight  # one that waits and one that stays
    states = torch.randn(3, 8)
    expected = model(states)
    StreamedLayers(model, [model[0], model[1], model[2], model[3]], _CPU, PlainLane())
    assert model[3][0].weight is model[1][0].weight
    for _ in range(2):
        assert torch.equal(model(states), expected)


def test_a_copy_that_fails_half_way_is_made_again() -> None:
    model, states = _model(4), torch.randn(3, 8)
    expected = model(states)
    lane = _LateLane()
    start, failures = lane.start, [False, True]  # the second one goes where the first layer is

    def failing(copy: Callable[[], None]) -> object:
        if failures and failures.pop(0):
            copy()  # what was there before is gone
            raise RuntimeError("no copy")
        return start(copy)

    lane.start = failing  # type: ignore[method-assign]
    StreamedLayers(model, list(model), _CPU, lane)
    with pytest.raises(RuntimeError, match="no copy"):
        model(states)
    for _ in range(2):
        assert torch.equal(model(states), expected)


def test_other_types_lie_at_multiples_of_the_alignment() -> None:
    model = nn.Sequential(nn.Module())
    model[0].register_buffer("scale", torch.tensor(3.0))
    model[0].register_buffer("codes", torch.arange(7, dtype=torch.int8))
    model[0].register_buffer("wide", torch.arange(4, dtype=torch.float64).view(2, 2).t())
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    streamed = StreamedLayers(model, [model[0]], _CPU)
    streamed._fetch(0)
    found = dict(model.named_buffers())
    assert {buffer.untyped_storage().data_ptr() for buffer in found.values()} == {
        streamed._slots[0].memory.untyped_storage().data_ptr()
    }
    assert all(torch.equal(found[name], value) for name, value in before.items())
    assert all(buffer.storage_offset() * buffer.itemsize % 256 == 0 for buffer in found.values())


def test_main_memory_for_a_card_is_pinned_in_pieces_that_waste_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    content = torch.arange(5 * 2**20 + 300, dtype=torch.int32).to(torch.uint8)
    empty, sizes = torch.empty, list[int]()

    def pinned(size: int, *, dtype: torch.dtype, pin_memory: bool = False) -> torch.Tensor:
        if pin_memory:
            sizes.append(size)
        return empty(size, dtype=dtype)

    monkeypatch.setattr(lanes.torch, "empty", pinned)
    pieces = kept(content, torch.device("cuda"))
    assert sizes == [2**22, 2**20, 2**20]
    assert sum(len(piece) for piece in pieces) == len(content)
    target = torch.zeros(len(content) + 8, dtype=torch.uint8)
    copy_pieces(pieces, target)
    assert torch.equal(target[: len(content)], content)


def test_memory_that_can_not_be_pinned_does_as_well(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*_: object, **__: object) -> torch.Tensor:
        raise RuntimeError("CUDA error: out of memory")

    content = torch.arange(3000, dtype=torch.int32).to(torch.uint8)
    monkeypatch.setattr(lanes.torch, "empty", refused)
    pieces = kept(content, torch.device("cuda"))
    assert torch.equal(torch.cat(pieces), content)
    assert "could not be pinned" in caplog.text
