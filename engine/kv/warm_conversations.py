"""Gives each generation the longest KV that was computed from its own ids: from the slab, or from the tiers.

After every answer what is new is stored in all tiers, so that nothing has to be saved when another conversation takes
the slab. What can't be stored or put back for want of memory, or was damaged, is a miss: the ids are read again.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from engine.api.warmth import Tier
from engine.hardware.faults import Fault, fault_of, release
from engine.kv.disk_folder import owner_name
from engine.kv.foreign_layers import UnstorableError
from engine.kv.layout import Layout
from engine.kv.slab import Ids, KvSlab, Piece, State, common_prefix
from engine.kv.tiers import Tiers, Wanted
from engine.kv.tree import PAGE_TOKENS, Item, ItemKind, KvTree, key_of

# States that a conversation keeps: one before and one behind each of its last answers.
_STATES_KEPT = 8
# Those that grow with the conversation are as large as its whole KV.
_GROWN_STATES_KEPT = 2
_SLOWEST_FIRST = (Tier.DISK, Tier.RAM, Tier.DEVICE)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reuse:
    """How many ids the KV holds of those asked for; how many of them were copied there, from where, in what time."""

    tokens: int
    restored_tokens: int = 0
    restored_from: Tier | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class _Source:
    """What `length` ids can be had from: the slab up to `live`, pages behind it, a state if the model needs one."""

    length: int
    live: int
    pages: tuple[Item, ...] = ()
    state: Item | None = None

    @property
    def items(self) -> tuple[Item, ...]:
        return (*self.pages, *([self.state] if self.state is not None else []))


class WarmConversations:
    """The slab's owner on the device, and everybody in the tiers. Without is_kept the model's way of keeping KV is of
    no use after an answer: nothing is stored, and nothing found."""

    def __init__(self, kv: KvSlab, tiers: Tiers, *, is_kept: bool = True) -> None:
        self._kv = kv
        self._is_kept = is_kept
        self.tiers = tiers
        self.tree = KvTree()
        self.owner = ""
        self._running: set[str] = set()
        if tiers.disk is not None:
            tiers.disk.read_catalogue(self.tree)

    @property
    def needs_turn_states(self) -> bool:
        """Whether another version of an answer needs what the model held before it; not where that is everything."""
        return self._is_kept and self._kv.has_states and not self._kv.grows_states

    def common_length(self, ids: list[int]) -> int:
        """Return how many of the ids the slab holds, and could be rewound to."""
        kv = self._kv
        if not self._is_kept or not kv.fits(len(ids)):
            return 0
        return kv.usable(common_prefix(kv.ids, np.asarray(ids, dtype=np.int64)), kv.length)

    def can_return(self) -> bool:
        """Whether what the slab holds now can be had again after something else was read behind it."""
        kv = self._kv
        if not self._is_kept or kv.can_rewind:
            return self._is_kept
        match = self.tree.match(self.tree.root(_root_name(kv, kv.reach)), kv.ids)
        return any(length == kv.length and self.tiers.where(state) is not None for length, state in match.states)

    def prepare(self, conversation_id: str, ids: list[int], most: int | None = None) -> Reuse:
        """Make the KV hold as much of the ids as is known, `most` at most (default: all but the last)."""
        kv = self._kv
        wanted = np.asarray(ids, dtype=np.int64)
        root = self.tree.root(_root_name(kv, len(ids)))
        if not self._is_kept or not kv.fits(len(ids)):
            kv.clear()
        self.owner = owner_name(conversation_id)
        if not self._is_kept:
            return Reuse(0)
        while True:
            source = self._best(kv, root, wanted[: len(ids) - 1 if most is None else most])
            if source.length <= source.live:
                kv.rewind(source.live)
                return Reuse(kv.length)
            reuse = self._restore(kv, source, wanted)
            if reuse is not None:
                return reuse

    def keep(self, conversation_id: str, *, is_private: bool = False) -> bool:
        """Store what the slab holds and no tier does, as this conversation's.

        Returns False if more of it can be stored once what waits has been written to disk.
        """
        kv = self._kv
        owner = owner_name(conversation_id)
        if not kv.length or not self._is_kept:
            return True
        failure: BaseException | None = None
        try:
            return self._keep(kv, owner, is_private=is_private)
        except (RuntimeError, MemoryError) as error:
            if fault_of(error) is not Fault.OUT_OF_MEMORY:
                raise
            failure = error
        except UnstorableError as error:
            _log.warning("this model's state can't be stored: %s", error)
        if failure is not None:
            failure = None
            _log.warning("no memory to keep %s ids", kv.length)
            release()
        return True

    def spare(self, *, main_memory: bool) -> None:
        """Give back what other conversations hold in the memory that ran out."""
        if main_memory:
            self.tiers.ram.clear()
        elif self.tiers.device is not None:
            self.tiers.device.clear()

    def forget(self, conversation_id: str) -> int:
        """Drop what belongs to this conversation alone, from the slab and from every tier; return the bytes freed."""
        owner = owner_name(conversation_id)
        if self.owner == owner:
            self._kv.clear()
            self.owner = ""
        return self._disowned((owner,))

    def forget_others(self, conversation_ids: tuple[str, ...]) -> int:
        """Drop what belongs to none of these, as far as it was read from disk; return the bytes freed."""
        kept = {owner_name(conversation_id) for conversation_id in conversation_ids} | {self.owner}
        gone = {owner for item in self.tree.items.values() for owner in item.owners - item.private_owners} - kept
        return self._disowned(gone)

    def clear(self) -> int:
        """Drop everything, from the slab as well; return the bytes freed."""
        self._kv.clear()
        self.owner = ""
        self._running = set()
        self.tree = KvTree()
        return self.tiers.clear()

    def close(self, timeout_seconds: float) -> None:
        """Write what waits and what was measured."""
        self.tiers.rates.save()
        if self.tiers.disk is not None:
            self.tiers.disk.close(timeout_seconds)

    def _best(self, kv: KvSlab, root: Item, ids: Ids) -> _Source:
        """Return the longest beginning of the ids that can be had, and what of."""
        common = common_prefix(kv.ids, ids)
        live = kv.usable(common, kv.length)
        match = self.tree.match(root, ids)
        reached, pages = common, []
        for page in match.pages:
            if page.end <= common:
                continue
            if page.start > reached or self.tiers.where(page) is None:
                break
            pages.append(page)
            reached = min(page.end, match.common)
        if not kv.has_states:
            return self._worth(_Source(reached, live, tuple(pages)))
        for length, state in match.states:
            length = min(length, reached)
            if length >= state.earliest and length > live and self.tiers.where(state) is not None:
                used = tuple(page for page in pages if page.start < length)
                return self._worth(_Source(length, live, used, state))
        return _Source(live, live)

    def _worth(self, source: _Source) -> _Source:
        """Return the source, or the slab alone where reading is faster than restoring."""
        tokens = source.length - source.live
        if tokens <= 0:
            return source
        tiers = [tier for item in source.items if (tier := self.tiers.where(item)) is not None]
        slowest = min(tiers, key=_SLOWEST_FIRST.index, default=Tier.DEVICE)
        size = sum(item.size_bytes for item in source.items)
        return source if self.tiers.rates.pays(slowest, size, tokens) else _Source(source.live, source.live)

    def _restore(self, kv: KvSlab, source: _Source, ids: Ids) -> Reuse | None:
        """Put the source into the slab; None if something of it was gone or damaged, which is then no longer known."""
        started = time.perf_counter()
        tiers = [tier for item in source.items if (tier := self.tiers.where(item)) is not None]
        slowest = min(tiers, key=_SLOWEST_FIRST.index, default=Tier.DEVICE)  # the disk may have dropped it just now
        known = len(self.tree.items)
        if not self._put_back(kv, ids, source):
            if len(self.tree.items) == known:  # nothing of it was damaged, it is of no use as a whole
                for item in source.items:
                    self._remove(item)
            return None
        seconds = time.perf_counter() - started
        if kv.length == source.length:
            self.tiers.rates.learn_restore(slowest, sum(item.size_bytes for item in source.items), seconds)
        restored = max(kv.length - source.live, 0)
        return Reuse(kv.length, restored, slowest if restored else None, seconds)

    def _put_back(self, kv: KvSlab, ids: Ids, source: _Source) -> bool:
        """Fill the slab; return False if what was stored is gone or doesn't fit. Without memory the slab is empty."""
        length = source.length
        reach = length if kv.turn is None or len(ids) <= kv.turn else max(length, kv.turn + 1)
        try:
            state = None
            if source.state is not None:
                views = self._views(source.state, source)
                if views is None:
                    return False
                state = _state_of(source.state, views)
            kv.restore(ids[:length], reach, self._pieces(source), state)
            self.tiers.synchronize()
            return True
        except (RuntimeError, MemoryError) as error:
            fault = fault_of(error)
            if fault is None:  # how torch says that shapes differ
                _log.warning("stored KV doesn't fit this model: %s", type(error).__name__)
                return False
            if fault is not Fault.OUT_OF_MEMORY:
                raise
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, AssertionError) as error:
            _log.warning("stored KV doesn't fit this model: %r", error)
            return False
        _log.warning("no memory to put %s ids back", length)
        kv.clear()
        release()
        return True

    def _pieces(self, source: _Source) -> Iterator[Piece]:
        """Return the source's pages one after the other, not all in memory at once; up to a damaged one."""
        for page in source.pages:
            views = self._views(page, source)
            if views is None:
                return
            yield Piece(page.start, min(page.end, source.length), views)

    def _views(self, item: Item, source: _Source) -> Mapping[str, torch.Tensor] | None:
        """Return an item's tensors; None if it can't be had, and is then no longer known."""
        data = self.tiers.fetch(item, {each.key for each in source.items})
        if data is None:
            self._remove(item)
            return None
        return item.layout.views(data)

    def _keep(self, kv: KvSlab, owner: str, *, is_private: bool) -> bool:
        root_name = _root_name(kv, kv.reach)
        ids = kv.ids
        state = kv.state()  # before anything is put into the tree: it may be what can't be stored
        here = self.tree.root(root_name)
        wanted: list[Wanted] = []
        for start in range(0, len(ids), PAGE_TOKENS):
            here = self._page(kv, here, ids[start : start + PAGE_TOKENS], owner)
            end = min(here.end, len(ids))
            wanted.append(Wanted(here, root_name, partial(kv.copy_page, here.start, end)))
        chain = [each.item for each in wanted]
        if state is not None:
            item = self._state(state, chain[-1], ids)
            chain.append(item)
            if not self.tiers.holds(item):
                wanted.append(Wanted(item, root_name, partial(_copy_all, state.tensors)))
        if is_private:
            self._hide(owner)
        for item in chain:
            self._claim(item, owner, is_private=is_private)
        self._running = {item.key for item in chain}
        if self.tiers.disk is not None:
            self.tiers.disk.keep(self._running)
        self.tiers.touch(chain, time.time())
        is_complete = self.tiers.store([each for each in wanted if each.item.end <= len(ids)], self._running)
        self._drop_old_states(owner, _GROWN_STATES_KEPT if kv.grows_states else _STATES_KEPT)
        self._prune()
        return is_complete

    def _page(self, kv: KvSlab, parent: Item, ids: Ids, owner: str) -> Item:
        """Return the page behind the parent that holds these ids, a new one if there is none."""
        siblings = [child for child in parent.children.values() if child.kind is ItemKind.PAGE]
        for other in siblings:
            if len(other.ids) > len(ids) and owner in other.owners and common_prefix(other.ids, ids) == len(ids):
                return other
        key = key_of(ItemKind.PAGE, parent.key, ids)
        page = self.tree.add(Item(ItemKind.PAGE, parent, ids, kv.page_layout(len(ids)), key))
        for other in siblings:
            if len(other.ids) < len(ids) and common_prefix(other.ids, ids) == len(other.ids):
                self._disown(other, owner)
        return page

    def _state(self, state: State, last: Item, ids: Ids) -> Item:
        """Return the item of a state, whose last ids stand behind the same page as the last page's.

        Windows may reach back differently for the same ids: the item is about what a tier holds, else about this state.
        """
        assert last.parent is not None
        tail = ids[last.start :]
        key = key_of(ItemKind.STATE, last.parent.key, tail)
        layout = Layout.of((str(number), each.dtype, tuple(each.shape)) for number, each in enumerate(state.tensors))
        item = self.tree.add(Item(ItemKind.STATE, last.parent, tail, layout, key))
        if not self.tiers.holds(item):
            item.layout, item.earliest, item.parts = layout, state.earliest, state.parts
        return item

    def _claim(self, item: Item, owner: str, *, is_private: bool) -> None:
        if is_private:
            item.private_owners.add(owner)
        if owner not in item.owners:
            item.owners.add(owner)
            if self.tiers.disk is not None and not is_private:
                self.tiers.disk.own(item, owner)

    def _hide(self, owner: str) -> None:
        """Take from disk what a conversation left there before it became private."""
        disk = self.tiers.disk
        for item in self.tree.of(owner):
            if owner not in item.private_owners:
                item.private_owners.add(owner)
                if disk is not None:
                    disk.disown(item, owner)
                if disk is not None and not item.may_be_written:
                    disk.drop(item)

    def _disown(self, item: Item, owner: str) -> int:
        """Take an item from a conversation; return the bytes freed if it was the only one."""
        if owner not in item.owners:
            return 0
        item.owners.discard(owner)
        item.private_owners.discard(owner)
        if not item.owners:
            return self._remove(item)
        if self.tiers.disk is not None:
            self.tiers.disk.disown(item, owner)
            if not item.may_be_written:
                return self.tiers.disk.drop(item)
        return 0

    def _disowned(self, owners: Iterable[str]) -> int:
        """Take everything from conversations; when it returns nothing is on disk that was theirs alone."""
        freed = sum(self._disown(item, owner) for owner in owners for item in self.tree.of(owner))
        if self.tiers.disk is not None:
            self.tiers.disk.settle()
        return freed

    def _remove(self, item: Item) -> int:
        return self.tiers.drop(self.tree.remove(item))

    def _drop_old_states(self, owner: str, kept: int) -> None:
        states = [item for item in self.tree.of(owner) if item.kind is ItemKind.STATE]
        states.sort(key=lambda item: item.last_used)
        for item in states[:-kept]:
            self._disown(item, owner)

    def _prune(self) -> None:
        """Take what no tier holds any more out of the tree, unless something stands behind it."""
        for item in sorted(self.tree.items.values(), key=lambda item: -item.end):
            if not item.children and item.key not in self._running and not self.tiers.holds(item):
                self.tree.remove(item)


def _root_name(kv: KvSlab, length: int) -> str:
    """Return where conversations of that length hang: LongRoPE turns all positions of those that are longer."""
    if kv.turn is None:
        return "all"
    return "long" if length > kv.turn else "short"


def _state_of(item: Item, views: Mapping[str, torch.Tensor]) -> State:
    return State(item.end, item.earliest, item.parts, [views[str(number)] for number in range(len(views))])


def _copy_all(tensors: Sequence[torch.Tensor], views: Mapping[str, torch.Tensor]) -> None:
    for number, tensor in enumerate(tensors):
        views[str(number)].copy_(tensor, non_blocking=True)
