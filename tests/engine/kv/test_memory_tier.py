"""The tier in memory alone: what goes first, and pinned slots that come back when nobody holds them."""

import threading

import numpy as np
import pytest
import torch

from engine.kv.layout import Layout
from engine.kv.memory_tier import MemoryTier, PinnedArena, on_device
from engine.kv.tree import Item, ItemKind, KvTree, key_of

SIZE = 64
_PATIENCE_SECONDS = 30.0  # of a busy machine; nothing waits that long when all is well


def chain(tree: KvTree, count: int, used_at: float, first_id: int) -> list[Item]:
    parent = tree.root("all")
    items = []
    for number in range(count):
        ids = np.full(256, first_id + number, dtype=np.int64)
        layout = Layout.of([("k.0", torch.uint8, (SIZE,))])
        item = Item(ItemKind.PAGE, parent, ids, layout, key_of(ItemKind.PAGE, parent.key, ids), last_used=used_at)
        items.append(tree.add(item))
        parent = item
    return items


def test_the_end_of_what_was_used_longest_ago_goes_first() -> None:
    tree = KvTree()
    old, new = chain(tree, 3, 1.0, 0), chain(tree, 2, 2.0, 100)
    tier = MemoryTier(3 * SIZE, on_device(torch.device("cpu")))
    for item in old:
        assert tier.hold(item, ())
    assert tier.hold(new[0], ())
    assert [item in tier for item in old] == [True, True, False]
    assert tier.hold(new[1], kept={old[0].key})
    assert [item in tier for item in old] == [True, False, False]
    assert tier.hold(old[1], kept={item.key for item in (old[0], *new)}) is None, "nothing may go for it"
    assert tier.used_bytes == 3 * SIZE
    assert tier.clear() == 3 * SIZE
    assert tier.used_bytes == 0


def test_pinned_slots_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = torch.empty

    def unpinned(size: int, *, dtype: torch.dtype, pin_memory: bool = False) -> torch.Tensor:
        return empty(size, dtype=dtype)

    monkeypatch.setattr(torch, "empty", unpinned)
    arena = PinnedArena(slot_bytes=SIZE, size_bytes=2 * SIZE)
    arena.wait(_PATIENCE_SECONDS)
    first, second = arena.allocate(SIZE), arena.allocate(SIZE - 8)
    inside = {first.data.data_ptr(), second.data.data_ptr()}
    assert len(inside) == 2
    beside = arena.allocate(SIZE)
    assert beside.data.data_ptr() not in inside, "no slot is left"
    assert arena.allocate(2 * SIZE).data.data_ptr() not in inside, "larger than a slot"
    address = first.data.data_ptr()
    del first
    assert arena.allocate(SIZE).data.data_ptr() == address


def test_memory_that_can_not_be_pinned_is_used_unpinned(caplog: pytest.LogCaptureFixture) -> None:
    if torch.cuda.is_available():
        pytest.skip("memory can be pinned here")
    arena = PinnedArena(slot_bytes=SIZE, size_bytes=2 * SIZE)
    arena.wait(_PATIENCE_SECONDS)
    assert "no pinned memory" in caplog.text
    assert arena.allocate(SIZE).data.nbytes == SIZE


def test_without_a_thread_to_pin_with_memory_is_used_unpinned(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    arena = PinnedArena(slot_bytes=SIZE, size_bytes=2 * SIZE)
    arena.wait(_PATIENCE_SECONDS)
    assert arena.allocate(SIZE).data.nbytes == SIZE
    assert "no thread" in caplog.text
