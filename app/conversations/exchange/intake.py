"""Taking a document into the database: as it is, as a copy, or not at all as it is there already.

Nothing that is there is ever changed: rows are only added, all of a document's or none.
"""

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from app.conversations.database import Database, Value
from app.conversations.exchange.document import ConversationDocument, with_new_ids
from app.conversations.records import Conversation, Folder, Message
from app.conversations.rows import (
    CONVERSATION_COLUMNS,
    MESSAGE_COLUMNS,
    conversation_row,
    message_from,
    message_row,
)
from engine.api.codec import clean_text


class Outcome(StrEnum):
    """What became of a document."""

    ADDED = "added"
    COPIED = "copied"
    KNOWN = "known"


@dataclass(frozen=True)
class TakenIn:
    """The conversation as it is in the database now, and whether its folder had to be made."""

    outcome: Outcome
    conversation: Conversation
    made_folder: bool = False


def take_in(database: Database, document: ConversationDocument, folder: Folder | None) -> TakenIn:
    """Add the conversation and its messages, in the folder if there is one; raises StoreError."""
    with database.transaction():
        return _take_in(database, document, folder)


def add_folder(database: Database, folder: Folder) -> bool:
    """Have a folder of that id; returns whether it had to be made."""
    added = database.execute(
        "INSERT INTO folders (id, name, created_at, is_collapsed) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (id) DO NOTHING RETURNING id",
        (folder.id, clean_text(folder.name), folder.created_at, int(folder.is_collapsed)),
    )
    return bool(added)


def remove_folder_if_empty(database: Database, folder_id: str) -> None:
    """Take away a folder in which is no conversation that isn't deleted."""
    database.execute(
        "DELETE FROM folders WHERE id = ? AND NOT EXISTS "
        "(SELECT 1 FROM conversations WHERE folder_id = folders.id AND deleted_at IS NULL)",
        (folder_id,),
    )


def _take_in(database: Database, document: ConversationDocument, folder: Folder | None) -> TakenIn:
    if _is_known(database, document):
        return TakenIn(Outcome.KNOWN, document.conversation)
    outcome = Outcome.ADDED
    if _meets_others(database, document):
        outcome, document = Outcome.COPIED, with_new_ids(document)
    made = folder is not None and add_folder(database, folder)
    folder_id = folder.id if folder is not None else None
    conversation = msgspec.structs.replace(document.conversation, folder_id=folder_id)
    if conversation.name is not None and _is_name_taken(database, conversation.name):
        conversation = msgspec.structs.replace(conversation, name=None)
    _insert(database, "conversations", CONVERSATION_COLUMNS, conversation_row(conversation))
    for message in document.messages:
        _insert(database, "messages", MESSAGE_COLUMNS, message_row(message))
    return TakenIn(outcome, conversation, made)


def _insert(database: Database, table: str, columns: str, values: tuple[Value, ...]) -> None:
    database.execute(f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' for _ in values)})", values)


def _is_known(database: Database, document: ConversationDocument) -> bool:
    """Return whether the conversation is there, not deleted, with every message that the document holds."""
    conversation_id = document.conversation.id
    if not database.number(
        "SELECT EXISTS (SELECT 1 FROM conversations WHERE id = ? AND deleted_at IS NULL)", (conversation_id,)
    ):
        return False
    rows = database.execute(f"SELECT {MESSAGE_COLUMNS} FROM messages WHERE conversation_id = ?", (conversation_id,))
    stored = {message.id: _unordered(message) for message in map(message_from, rows)}
    return all(stored.get(message.id) == _unordered(message) for message in document.messages)


def _unordered(message: Message) -> Message:
    return msgspec.structs.replace(message, sequence=0)


def _meets_others(database: Database, document: ConversationDocument) -> bool:
    """Return whether an id of the document is another's already."""
    ids = msgspec.json.encode([message.id for message in document.messages]).decode()
    return bool(
        database.number("SELECT EXISTS (SELECT 1 FROM conversations WHERE id = ?)", (document.conversation.id,))
        or database.number(
            "SELECT EXISTS (SELECT 1 FROM messages WHERE id IN (SELECT value FROM json_each(?)))", (ids,)
        )
    )


def _is_name_taken(database: Database, name: str) -> bool:
    return bool(database.number("SELECT EXISTS (SELECT 1 FROM conversations WHERE name = ?)", (clean_text(name),)))
