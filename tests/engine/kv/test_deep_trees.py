"""Trees as deep and as wide as they get: a million ids of one conversation, thousands of conversations."""

import numpy as np

from engine.kv.layout import Layout
from engine.kv.tree import PAGE_TOKENS, Item, ItemKind, KvTree, key_of
from tests.work import work_of

DEPTH = 4096


def a_long_conversation(tree: KvTree, depth: int) -> Item:
    here = tree.root("all")
    for number in range(depth):
        ids = np.full(PAGE_TOKENS, number, dtype=np.int64)
        here = tree.add(Item(ItemKind.PAGE, here, ids, Layout.of(()), key_of(ItemKind.PAGE, here.key, ids)))
        here.owners.add("c")
    return here


def test_a_conversation_of_a_million_ids_is_no_recursion() -> None:
    tree = KvTree()
    last = a_long_conversation(tree, DEPTH)
    assert last.end == DEPTH * PAGE_TOKENS
    ids = np.concatenate([item.ids for item in last.chain()])
    match = tree.match(tree.root("all"), ids)
    assert match.common == len(ids)
    first = match.pages[0]
    # What hangs beside the first page is looked through as a whole, for states.
    assert tree.match(tree.root("all"), ids[:10]).common == 10
    assert len(tree.remove(first)) == DEPTH
    assert not tree.items
    assert not tree.root("all").children


def test_what_a_conversation_costs_grows_as_its_length() -> None:
    def use(depth: int) -> None:
        tree = KvTree()
        last = a_long_conversation(tree, depth)
        ids = np.concatenate([item.ids for item in last.chain()])
        first = tree.match(tree.root("all"), ids).pages[0]
        tree.match(tree.root("all"), ids[:10])
        tree.remove(first)

    half, whole = (work_of(lambda depth=depth: use(depth)).total() for depth in (DEPTH // 2, DEPTH))
    assert whole < 2.01 * half
