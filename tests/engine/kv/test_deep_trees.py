"""Trees as deep and as wide as they get: a million ids of one conversation, thousands of conversations."""

import time

import numpy as np

from engine.kv.layout import Layout
from engine.kv.tree import PAGE_TOKENS, Item, ItemKind, KvTree, key_of

DEPTH = 4096


def a_long_conversation(tree: KvTree) -> Item:
    here = tree.root("all")
    for number in range(DEPTH):
        ids = np.full(PAGE_TOKENS, number, dtype=np.int64)
        here = tree.add(Item(ItemKind.PAGE, here, ids, Layout.of(()), key_of(ItemKind.PAGE, here.key, ids)))
        here.owners.add("c")
    return here


def test_a_conversation_of_a_million_ids_is_no_recursion() -> None:
    tree = KvTree()
    started = time.thread_time()
    last = a_long_conversation(tree)
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
    assert time.thread_time() - started < 2
