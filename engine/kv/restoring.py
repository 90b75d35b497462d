"""Puts what is known of some ids into the slab: the longest beginning that pages and states of the tiers hold."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

import torch

from engine.api.prompt import ReusedPart
from engine.api.warmth import Tier
from engine.hardware.faults import Fault, fault_of, release
from engine.kv.disk.file_reader import Patience
from engine.kv.slab import Ids, KvSlab, Piece, PiecesMissingError, State, common_prefix
from engine.kv.tiers import Tiers
from engine.kv.tree import Item, KvTree

# A disk may take this long for what is read again sooner, and so long while it isn't known how soon that is (an engine
# that was killed has saved no rate). One that hangs at a single step is given up before.
_LEAST_SECONDS = 2.0
_UNKNOWN_SECONDS = 30.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reuse:
    """How many ids the KV holds of those asked for; how many of them were copied there, from where, in what time."""

    tokens: int
    restored_tokens: int = 0
    restored_from: Tier | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Source:
    """What `length` ids can be had from: the slab up to `live`, pages behind it, a state if the model needs one."""

    length: int
    live: int
    pages: tuple[Item, ...] = ()
    state: Item | None = None

    @property
    def items(self) -> tuple[Item, ...]:
        """All that has to be fetched."""
        return (*self.pages, *([self.state] if self.state is not None else []))


class Restorer:
    """Chooses and copies, for one slab. Used on the compute lane."""

    def __init__(self, kv: KvSlab, tree: KvTree, tiers: Tiers) -> None:
        self._kv = kv
        self._tree = tree
        self._tiers = tiers

    def parts(self, root: Item, ids: Ids, *, uses_slab: bool) -> list[ReusedPart]:
        """Return what best() would give, as numbers of tokens one after the other by where they lie."""
        source = self.best(root, ids, uses_slab=uses_slab)
        position = min(source.live, source.length)
        places: list[tuple[Tier, int]] = [(Tier.DEVICE, position)]
        for page in source.pages:
            if page.start > position:
                places.append((Tier.DEVICE, page.start - position))
                position = page.start
            end = min(page.end, source.length)
            if source.length > source.live and end > position:
                places.append((self._tiers.where(page) or Tier.DISK, end - position))
                position = end
        places.append((Tier.DEVICE, source.length - position))
        grouped = groupby((place for place in places if place[1]), key=lambda place: place[0])
        return [ReusedPart(tier=tier, tokens=sum(tokens for _, tokens in group)) for tier, group in grouped]

    def best(self, root: Item, ids: Ids, *, uses_slab: bool = True) -> Source:
        """Return the longest beginning of the ids that can be had, and what of."""
        kv = self._kv
        common = common_prefix(kv.ids, ids) if uses_slab else 0
        live = kv.usable(common, kv.length)
        match = self._tree.match(root, ids)
        reached, pages = common, []
        for page in match.pages:
            if page.end <= common:
                continue
            if page.start > reached or self._tiers.where(page) is None:
                break
            pages.append(page)
            reached = min(page.end, match.common)
        if not kv.has_states:
            return self._worth(Source(reached, live, tuple(pages)))
        for length, state in match.states:
            length = min(length, reached)
            if length >= state.earliest and length > live and self._tiers.where(state) is not None:
                used = tuple(page for page in pages if page.start < length)
                return self._worth(Source(length, live, used, state))
        return Source(live, live)

    def _worth(self, source: Source) -> Source:
        """Return the source, or the slab alone where reading is faster than restoring."""
        tokens = source.length - source.live
        if tokens <= 0:
            return source
        slowest = self._tiers.slowest_of(source.items)
        size = sum(item.size_bytes for item in source.items)
        return source if self._tiers.rates.pays(slowest, size, tokens) else Source(source.live, source.live)

    def restore(self, source: Source, ids: Ids, should_stop: Callable[[], bool]) -> Reuse | None:
        """Put the source into the slab, as far as it comes in time or until a Stop; None if that has to be tried anew.

        Something of it was gone or damaged then, and is no longer known, or on a disk that is now left alone.
        """
        kv = self._kv
        if source.length <= source.live:
            kv.rewind(source.live)
            return Reuse(kv.length)
        started = time.perf_counter()
        slowest = self._tiers.slowest_of(source.items)
        known = len(self._tree.items)
        patience = Patience(self._worth_seconds(source.length - source.live), should_stop)
        if not self._put_back(ids, source, patience):
            if patience.was_lost:
                return Reuse(kv.length) if should_stop() else None
            if len(self._tree.items) == known:  # nothing of it was damaged, it is of no use as a whole
                for item in source.items:
                    self._tiers.drop(self._tree.remove(item))
            return None
        seconds = time.perf_counter() - started
        is_whole = kv.length == source.length
        if is_whole or patience.was_lost:
            copied = (item for item in source.items if is_whole or item.end <= kv.length)
            self._tiers.rates.learn_restore(slowest, sum(item.size_bytes for item in copied), seconds)
        restored = max(kv.length - source.live, 0)
        return Reuse(kv.length, restored, slowest if restored else None, seconds)

    def _worth_seconds(self, tokens: int) -> float:
        """Return how long so many may take: to read them again takes as long, and a busy machine a moment more."""
        return max(self._tiers.rates.reading_seconds(tokens) or _UNKNOWN_SECONDS, _LEAST_SECONDS)

    def _put_back(self, ids: Ids, source: Source, patience: Patience) -> bool:
        """Fill the slab; return False if what was stored is gone or doesn't fit. Without memory the slab is empty."""
        kv, length = self._kv, source.length
        reach = length if kv.turn is None or len(ids) <= kv.turn else max(length, kv.turn + 1)
        try:
            state = None
            if source.state is not None:
                views = self._views(source.state, patience)
                if views is None:
                    return False
                state = _state_of(source.state, views)
            kv.restore(ids[:length], reach, self._pieces(source, patience), state)
            self._tiers.synchronize()
            return True
        except PiecesMissingError:  # said where they were found to be
            return False
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

    def _pieces(self, source: Source, patience: Patience) -> Iterator[Piece]:
        """Return the source's pages one after the other, not all in memory at once; up to one that can't be had."""
        for page in source.pages:
            views = self._views(page, patience)
            if views is None:
                return
            yield Piece(page.start, min(page.end, source.length), views)

    def _views(self, item: Item, patience: Patience) -> Mapping[str, torch.Tensor] | None:
        """Return an item's tensors; None if it can't be had. What is gone or damaged is then no longer known."""
        data = self._tiers.fetch(item, patience)
        if data is None:
            if not patience.was_lost:
                self._tiers.drop(self._tree.remove(item))
            return None
        return item.layout.views(data)


def root_name(kv: KvSlab, length: int) -> str:
    """Return where conversations of that length hang: LongRoPE turns all positions of those that are longer."""
    if kv.turn is None:
        return "all"
    return "long" if length > kv.turn else "short"


def _state_of(item: Item, views: Mapping[str, torch.Tensor]) -> State:
    return State(item.end, item.earliest, item.parts, [views[str(number)] for number in range(len(views))])
