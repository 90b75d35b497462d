"""Messages that were deleted, kept apart for Undo: whole parts of a tree, out of sight of everything else.

A deletion takes a message with all that follows it. It is kept as one record in a table of its own, so that neither
search nor any other part has to know of deleted messages.
"""

from dataclasses import dataclass

import msgspec

from app.conversations.database import Database
from app.conversations.records import Message, MessageState
from app.conversations.tree import ConversationTree


@dataclass(frozen=True)
class Deletion:
    """What was taken away under an id, and which leaf of the conversation was shown before and is shown now."""

    id: str
    conversation_id: str
    messages: tuple[Message, ...]
    leaf_before: str | None
    leaf_after: str | None


def deletion_of(
    deletion_id: str, conversation_id: str, tree: ConversationTree, leaf_id: str | None, message_id: str
) -> Deletion | None:
    """Return what deleting a message comes to; None if it is not there, or something of it is being written."""
    gone = tree.below(message_id)
    if not gone or any(message.state is MessageState.STREAMING for message in gone):
        return None
    is_shown = message_id in {message.id for message in tree.branch(leaf_id)}
    leaf_after = tree.leaf_without(message_id) if is_shown else leaf_id
    return Deletion(deletion_id, conversation_id, tuple(gone), leaf_id, leaf_after)


def keep_deletion(database: Database, deletion: Deletion, now: float) -> None:
    """Move the messages out of the conversation; now: seconds since the epoch. Part of the caller's transaction."""
    database.execute(
        "INSERT INTO deleted_messages (id, conversation_id, deleted_at, messages) VALUES (?, ?, ?, ?)",
        (deletion.id, deletion.conversation_id, now, _packed(deletion.messages)),
    )
    ids = msgspec.json.encode([message.id for message in deletion.messages]).decode()
    database.execute("DELETE FROM messages WHERE id IN (SELECT value FROM json_each(?))", (ids,))


def take_deletion(database: Database, deletion_id: str) -> list[Message]:
    """Return the messages of a deletion, which is over then; none if what they stand behind is deleted as well.

    They come back with that, or not at all. Part of the caller's transaction.
    """
    rows = database.execute(
        "DELETE FROM deleted_messages WHERE id = ? RETURNING conversation_id, messages", (deletion_id,)
    )
    if not rows:
        return []
    messages = _unpacked(rows[0][1])
    parent_id = messages[0].parent_id if messages else None
    for other_id, blob in database.execute(
        "SELECT id, messages FROM deleted_messages WHERE conversation_id = ?", (rows[0][0],)
    ):
        others = _unpacked(blob)
        if parent_id is not None and any(message.id == parent_id for message in others):
            database.execute(
                "UPDATE deleted_messages SET messages = ? WHERE id = ?", (_packed((*others, *messages)), other_id)
            )
            return []
    return messages


def list_deletions(database: Database, older_than: float) -> list[str]:
    """Return the conversations from which messages were deleted before this time."""
    rows = database.execute("SELECT DISTINCT conversation_id FROM deleted_messages WHERE deleted_at < ?", (older_than,))
    return [str(row[0]) for row in rows]


def purge_deletions(database: Database, conversation_id: str, older_than: float) -> None:
    """Remove for good what was deleted in a conversation before this time."""
    database.execute(
        "DELETE FROM deleted_messages WHERE conversation_id = ? AND deleted_at < ?", (conversation_id, older_than)
    )


def _packed(messages: tuple[Message, ...]) -> bytes:
    return msgspec.json.encode(messages)


def _unpacked(blob: object) -> list[Message]:
    return msgspec.json.decode(blob, type=list[Message]) if isinstance(blob, bytes) else []
