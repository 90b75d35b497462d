"""Which conversation was used last stands whatever the system's clock does: in main memory, on disk, over a restart."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.kv.disk import folder as disk_folder
from engine.kv.disk.tier import DiskTier
from engine.kv.layout import Layout
from engine.kv.memory_tier import MemoryTier, on_device
from engine.kv.rates import Rates
from engine.kv.tiers import Tiers, Wanted
from engine.kv.tree import Item, ItemKind, KvTree, key_of
from engine.kv.use_clock import UseClock

HOUR = 3600.0
LAYOUT = Layout.of([("k.0", torch.uint8, (1000,))])
FILE_BYTES = 1500  # with the header
FINGERPRINT = "f" * 64


class SystemClock:
    """The system's clock, which somebody sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.off_by = 0.0
        really = time.time
        monkeypatch.setattr(time, "time", lambda: really() + self.off_by)


@pytest.fixture
def system_clock(monkeypatch: pytest.MonkeyPatch) -> SystemClock:
    return SystemClock(monkeypatch)


class World:
    """The tiers of a process, with room for two items in main memory and three on disk."""

    def __init__(self, root: Path) -> None:
        self.tree = KvTree()
        self.disk = DiskTier(root, "model", FINGERPRINT, 3 * FILE_BYTES)
        self.disk.read_catalogue(self.tree)
        self.ram = MemoryTier(2 * LAYOUT.size_bytes, on_device(torch.device("cpu")))
        self.tiers = Tiers(None, self.ram, self.disk, Rates(None, FINGERPRINT, "m", 1.0))

    def use(self, number: int) -> Item:
        """Have a conversation used that is one item."""
        root, ids = self.tree.root("all"), np.asarray([number])
        item = self.tree.add(Item(ItemKind.PAGE, root, ids, LAYOUT, key_of(ItemKind.PAGE, root.key, ids)))
        item.owners.add(f"c{number}")
        self.tiers.touch([item])
        self.tiers.store([Wanted(item, "all", lambda views: views["k.0"].zero_())], {item.key})
        assert self.disk.flush(30)
        return item

    def close(self) -> None:
        self.disk.close(30)


def on_disk(root: Path) -> set[str]:
    return {found.key for found in disk_folder.stored_files(root)}


@pytest.mark.parametrize("off_by", [-HOUR, HOUR, -1000 * HOUR])
def test_the_newest_stays_after_the_clock_was_set(tmp_path: Path, system_clock: SystemClock, off_by: float) -> None:
    world = World(tmp_path)
    old = [world.use(number) for number in range(2)]
    system_clock.off_by = off_by
    new = [world.use(number) for number in range(2, 4)]
    assert [item in world.ram for item in (*old, *new)] == [False, False, True, True]
    newest = world.use(4)
    assert on_disk(tmp_path) >= {newest.key, new[1].key}
    assert old[0].key not in on_disk(tmp_path)
    world.close()


def test_the_order_stands_over_a_restart_after_the_clock_was_set(tmp_path: Path, system_clock: SystemClock) -> None:
    system_clock.off_by = 9 * HOUR
    world = World(tmp_path)
    first, second = (world.use(number).key for number in range(2))
    world.close()
    system_clock.off_by = 0.0
    world = World(tmp_path)
    third = world.use(2).key
    world.close()
    world = World(tmp_path)
    assert sorted(world.tree.items, key=lambda key: world.tree.items[key].last_used) == [first, second, third]
    for number in range(3, 5):
        world.use(number)
        assert first not in on_disk(tmp_path)
    assert third in on_disk(tmp_path)
    world.close()


def test_what_another_process_used_is_not_older_because_its_clock_was(
    tmp_path: Path, system_clock: SystemClock
) -> None:
    here = World(tmp_path)
    system_clock.off_by = 9 * HOUR
    there = World(tmp_path)
    theirs = there.use(0)
    there.close()
    system_clock.off_by = 0.0
    here.disk.look(here.tree)
    ours = here.use(1)
    assert ours.last_used > here.tree.items[theirs.key].last_used
    here.close()


def test_a_time_that_no_clock_shows_is_taken_back(tmp_path: Path, system_clock: SystemClock) -> None:
    system_clock.off_by = 40 * 365 * 24 * HOUR
    world = World(tmp_path)
    key = world.use(0).key
    world.close()
    system_clock.off_by = 0.0
    world = World(tmp_path)
    assert world.tree.items[key].last_used < time.time() + HOUR
    world.close()


def test_a_night_that_the_machine_slept_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock that never goes back stands still meanwhile."""
    told = 5000.0
    monkeypatch.setattr(time, "perf_counter", lambda: 1000.0)
    monkeypatch.setattr(time, "time", lambda: told)
    clock = UseClock()
    told += 8 * HOUR
    assert clock.now() == told


def test_time_passes_at_the_same_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long conversation's last pages are set back by seconds, which must not make it the older one."""
    passed = 1000.0
    monkeypatch.setattr(time, "perf_counter", lambda: passed)
    monkeypatch.setattr(time, "time", lambda: 5000.0)
    clock = UseClock()
    clock.has_seen(90_000.0)
    before = clock.now()
    passed += 60
    assert clock.now() - before == pytest.approx(60)
    clock.has_seen(10.0)
    assert clock.now() >= before + 60


def test_what_is_used_in_one_moment_of_a_coarse_clock_has_an_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows these two go forward 64 times a second."""
    passed = 1000.0
    monkeypatch.setattr(time, "perf_counter", lambda: passed)
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    monkeypatch.setattr(time, "time", lambda: 5000.0)
    clock = UseClock()
    before = clock.now()
    passed += 0.001
    assert clock.now() > before
