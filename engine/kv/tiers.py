"""The tiers together: what is new is put in each of them, what is wanted comes from the fastest that has it."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

import torch

from engine.api.warmth import Tier
from engine.kv.disk.file_reader import Patience
from engine.kv.disk.tier import DiskTier
from engine.kv.memory_tier import Buffer, MemoryTier, PinnedArena
from engine.kv.rates import Rates
from engine.kv.tree import Item, ItemKind
from engine.kv.use_clock import UseClock

# What may wait in memory to be written beside what main memory holds, where its budget is too small for an item.
_STAGED_BYTES = 128 * 2**20

Fill = Callable[[Mapping[str, torch.Tensor]], None]


@dataclass(frozen=True)
class Wanted:
    """An item to be stored, how to fill its tensors, and the root it hangs under."""

    item: Item
    root_name: str
    fill: Fill


class Tiers:
    """device is None without a graphics card. Used on the compute lane; disk writes behind on a thread of its own."""

    def __init__(
        self,
        device: MemoryTier | None,
        ram: MemoryTier,
        disk: DiskTier | None,
        rates: Rates,
        *,
        arena: PinnedArena | None = None,
        on_cuda: bool = False,
    ) -> None:
        self._arena = arena
        self._on_cuda = on_cuda
        self.device = device
        self.ram = ram
        self.disk = disk
        self.rates = rates
        self._clock = disk.clock if disk is not None else UseClock()
        self._staging = torch.empty(0, dtype=torch.uint8)

    @property
    def uses_disk(self) -> bool:
        """Whether anything is written to disk, or read from it."""
        disk = self.disk
        return disk is not None and disk.budget_bytes > 0 and not disk.problem and self.rates.pays(Tier.DISK)

    def where(self, item: Item) -> Tier | None:
        """Return the fastest tier that an item can be restored from."""
        if self.device is not None and item in self.device:
            return Tier.DEVICE
        if item in self.ram or (self.disk is not None and self.disk.waiting(item) is not None):
            return Tier.RAM
        if self.disk is not None and item in self.disk and not self.disk.hangs and self.rates.pays(Tier.DISK):
            return Tier.DISK
        return None

    def slowest_of(self, items: Iterable[Item]) -> Tier:
        """Return the slowest tier that these come from; what the disk has dropped since a moment ago was on disk."""
        return max((self.where(item) or Tier.DISK for item in items), key=list(Tier).index, default=Tier.DEVICE)

    def holds(self, item: Item) -> bool:
        """Return whether an item is anywhere, worth restoring or not."""
        if item in self.ram or (self.device is not None and item in self.device):
            return True
        # What waits is asked first: what was written meanwhile is on disk then, and never seems to be in neither.
        return self.disk is not None and (self.disk.waiting(item) is not None or item in self.disk)

    def fetch(self, item: Item, patience: Patience) -> torch.Tensor | None:
        """Return an item's bytes; None if they can't be had, or not in time: then holds() says that they are there.
        A page's that come from disk are good until the next page.

        They aren't put into the tier in main memory: that is done while nobody waits, see store(). Raises RuntimeError
        or MemoryError where there is no memory to read into.
        """
        for tier in (self.device, self.ram):
            buffer = tier.get(item) if tier is not None else None
            if buffer is not None:
                return buffer.data
        if self.disk is not None and (buffer := self.disk.waiting(item)) is not None:
            return buffer.data
        if self.disk is None or item not in self.disk:
            return None
        data = self._staging_for(item)
        if self.disk.read(item, data, patience):
            return data
        self._staging = torch.empty(0, dtype=torch.uint8)  # what was given up may still be written to
        return None

    def _staging_for(self, item: Item) -> torch.Tensor:
        """Return memory to read an item into; pages share theirs, as they are used one after the other."""
        if item.kind is not ItemKind.PAGE:
            return torch.empty(item.size_bytes, dtype=torch.uint8)
        # A copy to the card may still be reading the page before: since CUDA 12.4 NVIDIA no longer promises that memory
        # which isn't pinned has been read when the call returns (API synchronization behavior).
        if self._staging.nbytes:
            self.synchronize()
        if self._staging.nbytes < item.size_bytes:
            self._staging = torch.empty(item.size_bytes, dtype=torch.uint8)
        return self._staging[: item.size_bytes]

    def store(
        self, wanted: Iterable[Wanted], kept: Collection[str], should_stop: Callable[[], bool] | None = None
    ) -> bool:
        """Put items in every tier that lacks them and has room; return False if some can be written a little later.

        Those found room neither in main memory nor in what may wait to be written. Without should_stop somebody waits:
        what is safe on disk is left there. Raises RuntimeError where memory runs out.
        """
        kept = set(kept) | (self.disk.pending_keys() if self.disk is not None else set())
        to_write: list[tuple[Wanted, Buffer]] = []
        staged = self.disk.pending_bytes if self.disk is not None else 0
        is_complete = True
        for each in wanted:
            item = each.item
            if self._can_wait(item) if should_stop is None else should_stop():
                continue
            source = self._on_device(each, kept)
            buffer = self.ram.get(item)
            is_new = buffer is None
            lacks_file = self._lacks_file(item)
            if buffer is None:
                buffer = self.ram.hold(item, kept)
            if buffer is None and lacks_file and staged + item.size_bytes <= _STAGED_BYTES:
                buffer = Buffer(torch.empty(item.size_bytes, dtype=torch.uint8))
                staged += item.size_bytes
            if buffer is None:
                is_complete &= not (lacks_file and staged)
                continue
            if is_new and source is not None:
                buffer.data.copy_(source.data, non_blocking=True)
            elif is_new:
                self._fill(each, buffer)
            if lacks_file:
                to_write.append((each, buffer))
                kept.add(item.key)
        self.synchronize()
        for each, buffer in to_write:
            assert self.disk is not None
            self.disk.write_later(each.item, each.root_name, buffer)
        return is_complete

    def synchronize(self) -> None:
        """Wait for copies from and to pinned memory."""
        if self._on_cuda:
            torch.cuda.synchronize()

    def wait_for_pinned_memory(self, timeout_seconds: float) -> None:
        """Wait until what is stored from now on lies in pinned memory, where there is to be any."""
        if self._arena is not None:
            self._arena.wait(timeout_seconds)

    def touch(self, items: Iterable[Item]) -> None:
        """Note that these were used now."""
        now = self._clock.now()
        for item in items:
            item.last_used = now
        if self.disk is not None:
            self.disk.use(items)

    def drop(self, items: Iterable[Item]) -> int:
        """Let items go from every tier; return the bytes freed."""
        freed = 0
        for item in items:
            freed += self.ram.drop(item)
            freed += self.device.drop(item) if self.device is not None else 0
            freed += self.disk.drop(item) if self.disk is not None else 0
        return freed

    def clear(self) -> int:
        """Let everything go; return the bytes freed."""
        freed = self.ram.clear() + (self.device.clear() if self.device is not None else 0)
        return freed + (self.disk.clear() if self.disk is not None else 0)

    def _can_wait(self, item: Item) -> bool:
        """Whether an item is safe where it can be restored from, though not everywhere."""
        return self.where(item) is Tier.DISK

    def _lacks_file(self, item: Item) -> bool:
        if self.disk is None or not self.uses_disk or not item.may_be_written:
            return False
        return self.disk.waiting(item) is None and item not in self.disk

    def _on_device(self, each: Wanted, kept: Collection[str]) -> Buffer | None:
        """Return the item's bytes on the device, if there is a tier with room for them."""
        if self.device is None:
            return None
        buffer = self.device.get(each.item)
        if buffer is None and (buffer := self.device.hold(each.item, kept)) is not None:
            self._fill(each, buffer)
        return buffer

    def _fill(self, each: Wanted, buffer: Buffer) -> None:
        try:
            each.fill(each.item.layout.views(buffer.data))
        except BaseException:
            self.ram.drop(each.item)
            if self.device is not None:
                self.device.drop(each.item)
            raise
