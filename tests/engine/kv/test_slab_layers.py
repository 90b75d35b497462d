"""The windowed layer alone: what it returns for a feed, and how far back it goes, for any sizes and order."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.kv.slab_layers import SlabLayer, WindowedSlabLayer


def states(positions: range, branch: int) -> torch.Tensor:
    """Return states (1, 2, positions, 3) that name their position and the branch they were computed on."""
    names = torch.tensor([position * 100.0 + branch for position in positions])
    return names[None, None, :, None].expand(1, 2, -1, 3)


class Reference:
    """Every state there should be, and a layer that is to agree."""

    def __init__(self, window: int, slack: int) -> None:
        self.window = window
        self.layer = WindowedSlabLayer(window, slack)
        self.all = states(range(0), 0)
        self.branch = 0
        self.longest = 0

    @property
    def length(self) -> int:
        return self.all.shape[-2]

    def feed(self, count: int) -> None:
        new = states(range(self.length, self.length + count), self.branch)
        kv_length, offset = self.layer.get_mask_sizes(count)
        assert offset == max(self.length - self.window + 1, 0)
        self.all = torch.cat((self.all, new), dim=-2)
        keys, values = self.layer.update(new, -new)
        assert torch.equal(keys, self.all[:, :, offset:])
        assert torch.equal(values, -self.all[:, :, offset:])
        assert keys.shape[-2] == kv_length
        assert self.layer.get_seq_length() == self.length
        self.longest = max(self.longest, self.length)

    def rewind(self, back: int) -> None:
        length = max(self.length - back, 0)
        reachable = self.layer.earliest
        if length >= self.longest - self.layer.slack // 2 or self.longest <= self.layer.capacity:
            assert reachable <= length
        if length >= reachable:
            self.layer.rewind(length)
            self.all = self.all[:, :, :length]
            self.branch += 1


@given(
    window=st.integers(1, 9),
    slack=st.integers(1, 9),
    steps=st.lists(st.tuples(st.sampled_from(["feed", "feed", "rewind"]), st.integers(1, 30)), max_size=30),
)
def test_a_feed_gets_what_its_queries_see(window: int, slack: int, steps: list[tuple[str, int]]) -> None:
    reference = Reference(window, slack)
    for name, count in steps:
        getattr(reference, name)(count)


@given(window=st.integers(1, 9), slack=st.integers(1, 9), count=st.integers(1, 40), more=st.integers(1, 10))
def test_a_feed_no_larger_than_the_slack_can_be_undone(window: int, slack: int, count: int, more: int) -> None:
    reference = Reference(window, slack)
    reference.feed(count)
    reference.feed(min(more, slack))
    assert reference.layer.earliest <= count


@pytest.mark.parametrize(("window", "slack"), [(1, 1), (1, 6), (5, 1), (5, 8), (8, 5)])
def test_half_of_the_slack_can_be_gone_back_over_at_any_time(window: int, slack: int) -> None:
    reference = Reference(window, slack)
    for length in range(1, 6 * (window + slack)):
        reference.feed(1)
        assert reference.layer.earliest <= max(length - slack // 2, 0)
        assert reference.layer.length - reference.layer.start <= window + slack


@given(window=st.integers(1, 9), slack=st.integers(1, 9), count=st.integers(1, 40), back=st.integers(0, 12))
def test_a_saved_layer_comes_back(window: int, slack: int, count: int, back: int) -> None:
    reference = Reference(window, slack)
    reference.feed(count)
    layer, earliest = reference.layer, reference.layer.earliest
    start, held = layer.start, layer.length - layer.start
    keys, values = layer.keys[:, :, :held].clone(), layer.values[:, :, :held].clone()
    reference.feed(7)
    length = max(count - back, earliest)
    layer.put_back(keys, values, start)
    layer.rewind(length)
    reference.all = reference.all[:, :, :length]
    reference.feed(1)
    reference.feed(window + slack)


def test_a_layer_that_fails_to_find_memory_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = WindowedSlabLayer(4, 4)
    first = states(range(8), 0)
    layer.update(first, -first)
    clone, copies = torch.Tensor.clone, []

    def clone_once(tensor: torch.Tensor) -> torch.Tensor:
        if copies:
            raise torch.OutOfMemoryError
        copies.append(clone(tensor))
        return copies[0]

    monkeypatch.setattr(torch.Tensor, "clone", clone_once)
    with pytest.raises(torch.OutOfMemoryError):
        layer.update(states(range(8, 9), 0), -states(range(8, 9), 0))
    monkeypatch.undo()
    assert (layer.length, layer.start) == (8, 0)
    assert torch.equal(layer.keys, first)
    assert torch.equal(layer.values, -first)


def test_buffers_are_allocated_once() -> None:
    layer = SlabLayer(16)
    assert layer.allocated_bytes == 0
    new = states(range(3), 0)
    layer.update(new, new)
    address = layer.keys.data_ptr()
    layer.update(new, new)
    layer.reset()
    layer.update(new, new)
    assert layer.keys.data_ptr() == address
    assert layer.allocated_bytes == 2 * 2 * 16 * 3 * 4
