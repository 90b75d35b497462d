"""A tier in memory: items as flat buffers under a byte budget, least recently used out first.

Owns main memory (one pinned arena where there is a graphics card, which copies from nothing else at full speed) or
memory of the card itself.
"""

import logging
import threading
import weakref
from collections.abc import Callable, Collection

import torch

from engine.hardware.faults import Fault, fault_of
from engine.kv.tree import Item

_log = logging.getLogger(__name__)


class Buffer:
    """A flat tensor of bytes, whose memory is given back when nobody holds the buffer any more."""

    def __init__(self, data: torch.Tensor) -> None:
        self.data = data


Allocate = Callable[[int], Buffer]


def on_device(device: torch.device) -> Allocate:
    """Return what allocates on a device; in main memory each buffer goes back to the system at once."""
    return lambda size_bytes: Buffer(torch.empty(size_bytes, dtype=torch.uint8, device=device))


class PinnedArena:
    """One allocation of pinned main memory, cut in slots of one page each. Made on a thread, as pinning takes seconds.

    Until then, and for anything larger than a slot, memory is not pinned.
    """

    def __init__(self, slot_bytes: int, size_bytes: int) -> None:
        self._slot_bytes = slot_bytes
        self._lock = threading.Lock()
        self._memory: torch.Tensor | None = None
        self._free: list[int] = []
        self._is_settled = threading.Event()
        thread = threading.Thread(target=self._pin, args=(size_bytes // slot_bytes,), name="kv-pinning", daemon=True)
        try:
            thread.start()
        except (RuntimeError, MemoryError) as error:
            _log.warning("no thread to pin memory for conversations with: %s", error)
            self._is_settled.set()

    def wait(self, timeout_seconds: float) -> None:
        """Wait until memory is pinned, or it is known that it can't be."""
        self._is_settled.wait(timeout_seconds)

    def allocate(self, size_bytes: int) -> Buffer:
        """Return a slot if one is free and large enough, else other memory."""
        with self._lock:
            if self._memory is None or not self._free or not 0 < size_bytes <= self._slot_bytes:
                return Buffer(torch.empty(size_bytes, dtype=torch.uint8))
            slot = self._free.pop()
            begin = slot * self._slot_bytes
            buffer = Buffer(self._memory[begin : begin + size_bytes])
        weakref.finalize(buffer, self._free.append, slot).atexit = False
        return buffer

    def _pin(self, slots: int) -> None:
        try:
            memory = torch.empty(slots * self._slot_bytes, dtype=torch.uint8, pin_memory=True)
            with self._lock:
                self._memory = memory
                self._free = list(range(slots))
        except RuntimeError as error:
            _log.warning("no pinned memory for conversations: %s", error)
        finally:
            self._is_settled.set()


class MemoryTier:
    """Holds items up to budget_bytes. Used on the compute lane only."""

    def __init__(self, budget_bytes: int, allocate: Allocate) -> None:
        self.budget_bytes = budget_bytes
        self.used_bytes = 0
        self._allocate = allocate
        self._held: dict[str, tuple[Item, Buffer]] = {}

    def __contains__(self, item: Item) -> bool:
        return item.key in self._held

    def get(self, item: Item) -> Buffer | None:
        """Return an item's bytes."""
        held = self._held.get(item.key)
        return held[1] if held is not None else None

    def items(self) -> list[Item]:
        """Return all that is held."""
        return [item for item, _ in self._held.values()]

    def hold(self, item: Item, kept: Collection[str]) -> Buffer | None:
        """Return a buffer for the item, to be filled now; None where budget or memory have no room.

        kept: keys of items that must not be dropped for it.
        """
        if item.size_bytes > self.budget_bytes:
            return None
        if not self._make_room(item.size_bytes, kept):
            return None
        failure: BaseException | None = None
        try:
            buffer = self._allocate(item.size_bytes)
        except (RuntimeError, MemoryError) as error:
            if fault_of(error) is not Fault.OUT_OF_MEMORY:
                raise
            failure = error
        if failure is not None:
            _log.warning("no memory to keep %s bytes of a conversation", item.size_bytes)
            return None
        self._held[item.key] = (item, buffer)
        self.used_bytes += item.size_bytes
        return buffer

    def drop(self, item: Item) -> int:
        """Let an item go; return the bytes freed."""
        if self._held.pop(item.key, None) is None:
            return 0
        self.used_bytes -= item.size_bytes
        return item.size_bytes

    def clear(self) -> int:
        """Let everything go; return the bytes freed."""
        freed, self.used_bytes = self.used_bytes, 0
        self._held.clear()
        return freed

    def _make_room(self, size_bytes: int, kept: Collection[str]) -> bool:
        """Drop what was used longest ago, and of what was used together the end first, as it is of no use alone."""
        if self.used_bytes + size_bytes <= self.budget_bytes:
            return True
        droppable = [item for item in self.items() if item.key not in kept]
        if self.used_bytes - sum(item.size_bytes for item in droppable) + size_bytes > self.budget_bytes:
            return False
        droppable.sort(key=lambda item: (item.last_used, -item.end))
        for item in droppable:
            if self.used_bytes + size_bytes <= self.budget_bytes:
                break
            self.drop(item)
        return True
