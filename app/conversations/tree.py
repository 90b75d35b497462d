"""A conversation's messages as a tree: pure, never changed in place, ordered by sequence and never by time.

Damaged data is shown rather than refused: a message whose parent is missing is a root, and a ring of parents is
opened at its oldest message.
"""

from collections.abc import Iterable, Mapping

from app.conversations.records import Message


class ConversationTree:
    """Every message exactly once; all methods answer for any id, known or not, without an error."""

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        self._messages: Mapping[str, Message] = {message.id: message for message in messages}
        self._parents: Mapping[str, str | None] = _effective_parents(self._messages)
        self._children: Mapping[str | None, tuple[str, ...]] = _children_by_parent(self._messages, self._parents)
        self._walked: tuple[str | None, list[Message]] = (None, [])

    def __len__(self) -> int:
        return len(self._messages)

    def __contains__(self, message_id: str) -> bool:
        return message_id in self._messages

    def get(self, message_id: str | None) -> Message | None:
        """Return the message, or None if it is not in the tree."""
        return self._messages.get(message_id) if message_id is not None else None

    def messages(self) -> list[Message]:
        """Return all messages, oldest first."""
        return sorted(self._messages.values(), key=_order)

    def branch(self, leaf_id: str | None) -> list[Message]:
        """Return the messages from the root to the given one; empty for None or an unknown id."""
        if self._walked[0] == leaf_id:  # a page that opens asks many times, and may be ten thousand messages long
            return list(self._walked[1])
        path: list[Message] = []
        current = leaf_id
        while current is not None and current in self._messages:
            path.append(self._messages[current])
            current = self._parents[current]
        path.reverse()
        self._walked = (leaf_id, path)
        return list(path)

    def children(self, message_id: str | None) -> list[Message]:
        """Return what follows the message directly, oldest first; None gives the roots."""
        return [self._messages[child] for child in self._children.get(message_id, ())]

    def siblings(self, message_id: str) -> list[Message]:
        """Return all versions of the message, itself included, oldest first."""
        if message_id not in self._messages:
            return []
        return self.children(self._parents[message_id])

    def version(self, message_id: str) -> tuple[int, int]:
        """Return which version this is and how many there are, counted from 1; (0, 0) if unknown."""
        if message_id not in self._messages:
            return (0, 0)
        versions = self._children[self._parents[message_id]]
        return (versions.index(message_id) + 1, len(versions))

    def newest_leaf(self, message_id: str | None = None) -> str | None:
        """Return the leaf that was made last below the message (or in the whole tree for None); None if unknown."""
        if message_id is not None and message_id not in self._messages:
            return None
        leaves = [each for each in self._subtree(message_id) if each not in self._children]
        return max(leaves, key=lambda leaf: _order(self._messages[leaf]), default=None)

    def with_message(self, message: Message) -> "ConversationTree":
        """Return a tree that holds this message in place of any with the same id."""
        known = self._messages.get(message.id)
        messages = {**self._messages, message.id: message}
        if known is None or (known.parent_id, known.sequence) != (message.parent_id, message.sequence):
            return ConversationTree(messages.values())
        # A growing answer changes neither place nor order, and arrives many times a second.
        tree = ConversationTree.__new__(ConversationTree)
        tree._messages, tree._parents, tree._children = messages, self._parents, self._children
        tree._walked = (None, [])
        return tree

    def without(self, message_id: str) -> "ConversationTree":
        """Return a tree that lacks the message and everything below it."""
        if message_id not in self._messages:
            return self
        gone = set(self._subtree(message_id))
        return ConversationTree(message for message in self._messages.values() if message.id not in gone)

    def below(self, message_id: str) -> list[Message]:
        """Return the message and everything below it, parents before their children; none for an unknown id."""
        return [self._messages[each] for each in self._subtree(message_id)] if message_id in self._messages else []

    def leaf_without(self, message_id: str) -> str | None:
        """Return the leaf to show once a message and all below it are gone.

        The newest one of the version beside it (the one before, else the one after), else what it stood behind.
        """
        siblings = [message.id for message in self.siblings(message_id)]
        if not siblings:
            return None
        place = siblings.index(message_id)
        beside = siblings[place - 1] if place else next(iter(siblings[1:]), None)
        return self.newest_leaf(beside) if beside is not None else self._parents[message_id]

    def _subtree(self, message_id: str | None) -> list[str]:
        found = [message_id] if message_id is not None else list(self._children.get(None, ()))
        for each in found:  # grows while it is walked: no recursion, as a chat is one long thin tree
            found.extend(self._children.get(each, ()))
        return found


def _order(message: Message) -> tuple[int, str]:
    return (message.sequence, message.id)


def _effective_parents(messages: Mapping[str, Message]) -> dict[str, str | None]:
    parents = {
        message.id: message.parent_id if message.parent_id in messages else None for message in messages.values()
    }
    suspects = [
        child for child, parent in parents.items() if parent and _order(messages[parent]) >= _order(messages[child])
    ]
    for suspect in suspects:  # every ring has at least one parent that is not older than its child
        ring = _ring_through(suspect, parents)
        if ring:
            parents[min(ring, key=lambda each: _order(messages[each]))] = None
    return parents


def _ring_through(start: str, parents: Mapping[str, str | None]) -> list[str]:
    ring = [start]
    seen = {start}
    current = parents[start]
    while current is not None and current not in seen:
        ring.append(current)
        seen.add(current)
        current = parents[current]
    return ring if current == start else []


def _children_by_parent(
    messages: Mapping[str, Message], parents: Mapping[str, str | None]
) -> dict[str | None, tuple[str, ...]]:
    children: dict[str | None, list[str]] = {}
    for message in sorted(messages.values(), key=_order):
        children.setdefault(parents[message.id], []).append(message.id)
    return {parent: tuple(below) for parent, below in children.items()}
