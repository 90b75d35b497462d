"""What is known of all conversations, by their ids: a tree of pages, and states hung beside them.

A page is the KV of up to PAGE_TOKENS ids behind a full page (or at the beginning); its key is a hash of all ids up to
its end. So branches, and conversations with the same system prompt, share every page up to where they part. A state
is what recurrent and windowed layers held at one length. Where the bytes lie is the tiers' business.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from engine.kv.layout import Layout
from engine.kv.slab import Ids, common_prefix

PAGE_TOKENS = 256
_KEY_BYTES = 16


class ItemKind(StrEnum):
    """What an item holds."""

    PAGE = "page"
    STATE = "state"


@dataclass(eq=False)
class Item:
    """ids from position `start` to `end`, behind `parent`; which conversations it belongs to; how its tensors lie.

    private_owners are those of owners of whom nothing may be written to disk. last_used: as UseClock tells it.
    earliest and parts belong to states, see slab.State.
    """

    kind: ItemKind
    parent: "Item | None"
    ids: Ids
    layout: Layout
    key: str
    earliest: int = 0
    parts: str = ""
    owners: set[str] = field(default_factory=set)
    private_owners: set[str] = field(default_factory=set)
    last_used: float = 0.0
    children: dict[str, "Item"] = field(default_factory=dict)
    start: int = field(init=False)
    end: int = field(init=False)

    def __post_init__(self) -> None:
        # Kept, not asked of the parents: a long conversation is thousands of pages deep.
        self.start = self.parent.end if self.parent is not None else 0
        self.end = self.start + len(self.ids)

    @property
    def size_bytes(self) -> int:
        """Bytes in any tier."""
        return self.layout.size_bytes

    @property
    def is_full(self) -> bool:
        """Whether pages can follow."""
        return self.kind is ItemKind.PAGE and len(self.ids) == PAGE_TOKENS

    @property
    def may_be_written(self) -> bool:
        """Whether it belongs to anybody who may be remembered on disk."""
        return bool(self.owners - self.private_owners)

    def chain(self) -> list["Item"]:
        """Return all that has to be there to use it: the pages from the beginning, itself last."""
        items: list[Item] = []
        item: Item | None = self
        while item is not None and item.parent is not None:
            items.append(item)
            item = item.parent
        return items[::-1]


@dataclass(frozen=True)
class Match:
    """What the tree knows of some ids.

    pages: the ones that hold them in order, the last maybe only in its beginning; common: how many ids they hold.
    states: with the length each could be put back to, longest first.
    """

    pages: tuple[Item, ...]
    common: int
    states: tuple[tuple[int, Item], ...]


def key_of(kind: ItemKind, parent_key: str, ids: Ids) -> str:
    """Return the name of an item."""
    digest = hashlib.blake2b(f"{kind}\0{parent_key}\0".encode(), digest_size=_KEY_BYTES)
    digest.update(ids.astype("<i8").tobytes())
    return digest.hexdigest()


class KvTree:
    """The items of one loaded model. roots are kept apart by a name, as equal ids may have different KV (LongRoPE)."""

    def __init__(self) -> None:
        self._roots: dict[str, Item] = {}
        self.items: dict[str, Item] = {}

    def root(self, name: str) -> Item:
        """Return the beginning of all conversations under that name."""
        if name not in self._roots:
            no_ids = np.empty(0, dtype=np.int64)
            self._roots[name] = Item(ItemKind.PAGE, None, no_ids, Layout.of(()), key=f"root {name}")
        return self._roots[name]

    def add(self, item: Item) -> Item:
        """Put an item into the tree, behind its parent; return the one that is there already, if any."""
        known = self.items.get(item.key)
        if known is not None:
            return known
        assert item.parent is not None
        item.parent.children[item.key] = item
        self.items[item.key] = item
        return item

    def remove(self, item: Item) -> list[Item]:
        """Take an item out, with all that can't be used without it; return them."""
        removed = list(_with_all_below(item))
        for each in removed:
            self.items.pop(each.key, None)
            each.children.clear()
        if item.parent is not None:
            item.parent.children.pop(item.key, None)
        return removed

    def clear(self) -> None:
        """Forget everything."""
        self._roots.clear()
        self.items.clear()

    def match(self, root: Item, ids: Ids) -> Match:
        """Return the longest beginning of ids that pages hold, and the states that can be put back within it."""
        pages: list[Item] = []
        states: list[tuple[int, Item]] = []
        here, position = root, 0
        while True:
            rest = ids[position:]
            commons = {child.key: common_prefix(child.ids, rest) for child in here.children.values()}
            found = [child for child in here.children.values() if child.kind is ItemKind.PAGE and commons[child.key]]
            best = max(found, key=lambda child: commons[child.key], default=None)
            descends = best is not None and best.is_full and commons[best.key] == PAGE_TOKENS
            for child in here.children.values():
                held = position + commons[child.key]
                if held and not (descends and child is best):
                    states += [(min(state.end, held), state) for state in _states(child) if state.earliest <= held]
            if best is None:
                break
            pages.append(best)
            position += commons[best.key]
            if not descends:
                break
            here = best
        order = sorted(states, key=lambda found: (-found[0], found[1].end))
        return Match(tuple(pages), position, tuple(order))

    def of(self, conversation_id: str) -> list[Item]:
        """Return everything that belongs to a conversation."""
        return [item for item in self.items.values() if conversation_id in item.owners]


def _states(item: Item) -> Iterator[Item]:
    """Return the states at or below an item."""
    return (each for each in _with_all_below(item) if each.kind is ItemKind.STATE)


def _with_all_below(item: Item) -> Iterator[Item]:
    waiting = [item]
    while waiting:
        each = waiting.pop()
        waiting.extend(each.children.values())
        yield each
