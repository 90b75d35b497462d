"""Gives each generation the longest KV that was computed from its own ids: from the slab, or from the tiers.

After every answer what is new is stored in all tiers, so that nothing has to be saved when another conversation takes
the slab. What can't be stored or put back for want of memory, or was damaged, is a miss: the ids are read again.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import numpy as np
import torch

from engine.api.prompt import ReusedPart
from engine.hardware.faults import Fault, fault_of, release
from engine.kv.disk.folder import owner_name
from engine.kv.foreign_layers import UnstorableError
from engine.kv.layout import Layout
from engine.kv.restoring import Restorer, Reuse, root_name
from engine.kv.slab import Ids, KvSlab, State, common_prefix
from engine.kv.tiers import Tiers, Wanted
from engine.kv.tree import PAGE_TOKENS, Item, ItemKind, KvTree, key_of

# States that a conversation keeps at least: one before and one behind each of its last answers.
_STATES_KEPT = 8
# Those that grow with the conversation are as large as its whole KV.
_GROWN_STATES_KEPT = 2
# Older ones stay while all of a conversation's take no more than this part of main memory's tier.
_STATES_SHARE = 16
_log = logging.getLogger(__name__)


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
        self._hidden: set[str] = set()
        self._restorer = Restorer(kv, self.tree, tiers)
        if tiers.disk is not None:
            tiers.disk.read_catalogue(self.tree)

    @property
    def needs_turn_states(self) -> bool:
        """Whether another version of an answer needs what the model held before it; not where that is too much."""
        kv = self._kv
        if not self._is_kept or not kv.can_be_put_back or not kv.has_states:
            return False
        return not kv.grows_states or kv.state_bytes <= self._room_for_states

    @property
    def _room_for_states(self) -> int:
        return self.tiers.ram.budget_bytes // _STATES_SHARE

    def common_length(self, ids: list[int]) -> int:
        """Return how many of the ids the slab holds, and could be rewound to."""
        kv = self._kv
        if not self._is_kept or not kv.fits(len(ids)):
            return 0
        return kv.usable(common_prefix(kv.ids, np.asarray(ids, dtype=np.int64)), kv.length)

    def can_return(self, ids: list[int], more: int, should_stop: Callable[[], bool]) -> bool:
        """Whether what the slab holds now can be had again after these ids were read, and so many more behind them."""
        kv = self._kv
        if not self._is_kept:
            return False
        goes_on = common_prefix(kv.ids, np.asarray(ids, dtype=np.int64)) == kv.length
        if kv.can_rewind and goes_on and kv.fits(len(ids) + more):
            return True
        if self.tiers.disk is not None:
            self.tiers.disk.look(self.tree, should_stop)  # another process may have deleted it
        source = self._restorer.best(self.tree.root(root_name(kv, kv.reach)), kv.ids, uses_slab=False)
        return source.length == kv.length

    def prepare(
        self,
        conversation_id: str,
        ids: list[int],
        most: int | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Reuse:
        """Make the KV hold as much of the ids as is known, `most` at most (default: all but the last).

        What a disk doesn't give back in time, or before a Stop, isn't known.
        """
        kv = self._kv
        wanted = np.asarray(ids, dtype=np.int64)
        root = self.tree.root(root_name(kv, len(ids)))
        if not self._is_kept or not kv.fits(len(ids)):
            kv.clear()
        self.owner = owner_name(conversation_id)
        if not self._is_kept:
            return Reuse(0)
        if self.tiers.disk is not None:
            self.tiers.disk.look(self.tree, should_stop)
        while True:
            source = self._restorer.best(root, wanted[: len(ids) - 1 if most is None else most])
            reuse = self._restorer.restore(source, wanted, should_stop)
            if reuse is not None:
                return reuse

    @property
    def unwritten_tokens(self) -> int:
        """How many ids of the running conversation would have to be read again after a restart."""
        disk = self.tiers.disk
        running = [self.tree.items[key] for key in self._running if key in self.tree.items]
        missing = [item for item in running if disk is None or item not in disk]
        if any(item.kind is ItemKind.STATE for item in missing):
            return self._kv.length  # pages are of no use without it
        return sum(len(item.ids) for item in missing)

    def known_parts(self, ids: list[int]) -> list[ReusedPart]:
        """Return how much of the ids prepare() would find known, and where each part of that lies; changes nothing."""
        kv = self._kv
        if not self._is_kept:
            return []
        root = self.tree.root(root_name(kv, len(ids)))
        wanted = np.asarray(ids[:-1], dtype=np.int64)
        return self._restorer.parts(root, wanted, uses_slab=kv.fits(len(ids)))

    def keep(
        self, conversation_id: str, *, is_private: bool = False, should_stop: Callable[[], bool] | None = None
    ) -> bool:
        """Store what the slab holds, as this conversation's: what no tier has, and while nobody waits in every tier.

        should_stop says when somebody waits again. Returns False if more of it can be stored once what waits has been
        written to disk.
        """
        kv = self._kv
        owner = owner_name(conversation_id)
        if not kv.length or not self._is_kept or not kv.can_be_put_back:
            return True
        return self._guarded(lambda: self._keep(kv, owner, is_private, should_stop))

    def claim(self, conversation_id: str, ids: list[int], *, is_private: bool = False) -> None:
        """Let a conversation own what is known of its ids and of nothing behind them; the slab stays as it is."""
        kv = self._kv
        if self._is_kept and kv.fits(len(ids)):
            owner, wanted = owner_name(conversation_id), np.asarray(ids, dtype=np.int64)
            self._guarded(lambda: self._claim_known(kv, owner, wanted, is_private))

    def _guarded(self, work: Callable[[], bool]) -> bool:
        """Keep something; True where it can't be kept."""
        failure: BaseException | None = None
        try:
            return work()
        except (RuntimeError, MemoryError) as error:
            if fault_of(error) is not Fault.OUT_OF_MEMORY:
                raise
            failure = error
        except UnstorableError as error:
            _log.warning("this model's state can't be stored: %s", error)
        if failure is not None:
            failure = None
            _log.warning("no memory to keep %s ids", self._kv.length)
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
        self.tree.clear()
        return self.tiers.clear()

    def close(self, timeout_seconds: float) -> None:
        """Write what waits and what was measured."""
        if self.tiers.disk is not None:
            self.tiers.disk.close(timeout_seconds, self.tiers.rates.save)
        else:
            self.tiers.rates.save()

    def _keep(self, kv: KvSlab, owner: str, is_private: bool, should_stop: Callable[[], bool] | None) -> bool:
        name = root_name(kv, kv.reach)
        ids = kv.ids
        state = kv.state()  # before anything is put into the tree: it may be what can't be stored
        here = self.tree.root(name)
        wanted: list[Wanted] = []
        for start in range(0, len(ids), PAGE_TOKENS):
            here = self._page(kv, here, ids[start : start + PAGE_TOKENS], owner)
            end = min(here.end, len(ids))
            wanted.append(Wanted(here, name, partial(kv.copy_page, here.start, end)))
        chain = [each.item for each in wanted]
        if state is not None:
            item = self._state(state, chain[-1], ids)
            chain.append(item)
            if not self.tiers.holds(item):
                wanted.append(Wanted(item, name, partial(_copy_all, state.tensors)))
        if is_private:
            self._hide(owner)
        for item in chain:
            self._claim(item, owner, is_private=is_private)
        self._running = {item.key for item in chain}
        if self.tiers.disk is not None:
            self.tiers.disk.keep(self._running)
        self.tiers.touch(chain)
        is_complete = self.tiers.store(
            [each for each in wanted if each.item.end <= len(ids)], self._running, should_stop
        )
        self._drop_old_states(owner)
        self._prune()
        return is_complete

    def _claim_known(self, kv: KvSlab, owner: str, ids: Ids, is_private: bool) -> bool:
        name = root_name(kv, kv.reach)
        match = self.tree.match(self.tree.root(name), ids)
        chain = [page for page in match.pages if page.end <= match.common]
        chain += [state for _, state in match.states if state.end <= match.common]
        wanted: list[Wanted] = []
        if match.pages and match.pages[-1].end > match.common:
            # The rest of that page is the other conversation's alone, and has to be gone when that one is deleted.
            parent = match.pages[-1].parent
            assert parent is not None
            if common_prefix(kv.ids, ids) >= match.common:
                page = self._page(kv, parent, ids[parent.end : match.common], owner)
                if page.end == match.common:  # else it has owned the longer one before
                    wanted.append(Wanted(page, name, partial(kv.copy_page, page.start, page.end)))
                    chain.append(page)
        for item in chain:
            self._claim(item, owner, is_private=is_private)
        self.tiers.touch(chain)
        stored = self.tiers.store(wanted, self._running)
        self._drop_old_states(owner)
        self._prune()
        return stored

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
        if disk is not None and owner not in self._hidden:
            self._hidden.add(owner)
            disk.forget(owner)  # what other models have read of it

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

    def _drop_old_states(self, owner: str) -> None:
        states = [item for item in self.tree.of(owner) if item.kind is ItemKind.STATE]
        states.sort(key=lambda item: item.last_used, reverse=True)
        least = _GROWN_STATES_KEPT if self._kv.grows_states else _STATES_KEPT
        room = self._room_for_states - sum(item.size_bytes for item in states[:least])
        for item in states[least:]:
            room -= item.size_bytes
            if room < 0:
                self._disown(item, owner)

    def _prune(self) -> None:
        """Take what no tier holds any more out of the tree, unless something stands behind it."""
        for item in sorted(self.tree.items.values(), key=lambda item: -item.end):
            if not item.children and item.key not in self._running and not self.tiers.holds(item):
                self.tree.remove(item)


def _copy_all(tensors: Sequence[torch.Tensor], views: Mapping[str, torch.Tensor]) -> None:
    for number, tensor in enumerate(tensors):
        views[str(number)].copy_(tensor, non_blocking=True)
