"""One conversation as it stands in a file: the records themselves, in a form that doesn't depend on where they were.

SCHEMA.md beside this module describes the file.
"""

import math
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from app.conversations.records import Conversation, Folder, Message, MessageState, new_id

FORMAT = "hearth-conversations"
VERSION = 1
LATEST_TIME = 253_370_764_800.0  # the year 9999: the last that dates can be made of everywhere


class ConversationDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation with all its messages, oldest first."""

    conversation: Conversation
    messages: tuple[Message, ...] = ()


class ExportDocument(msgspec.Struct, frozen=True, kw_only=True, rename={"file_format": "format"}):
    """A whole file; it is written and read piece by piece, so this only says what it holds."""

    file_format: Literal["hearth-conversations"]
    version: Literal[1]
    folders: tuple[Folder, ...] = ()
    conversations: tuple[ConversationDocument, ...] = ()


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the file."""
    return msgspec.json.schema(ExportDocument)


def document_of(conversation: Conversation, messages: Iterable[Message]) -> ConversationDocument:
    """Return the document of a conversation; two of the same content are equal wherever they were kept.

    What only means something in one place is levelled: sequence numbers count from 1, nothing is unread, deleted or
    private (what is in a file isn't), and an answer that is still being written counts as interrupted.
    """
    ordered = sorted(messages, key=lambda message: (message.sequence, message.id))
    levelled = tuple(_levelled(message, conversation.id, place) for place, message in enumerate(ordered, start=1))
    leaf = conversation.active_leaf_id
    return ConversationDocument(
        conversation=msgspec.structs.replace(
            conversation,
            created_at=valid_time(conversation.created_at),
            updated_at=valid_time(conversation.updated_at),
            active_leaf_id=leaf if any(message.id == leaf for message in levelled) else None,
            deleted_at=None,
            is_private=False,
            is_unread=False,
        ),
        messages=levelled,
    )


def with_new_ids(document: ConversationDocument) -> ConversationDocument:
    """Return a copy that shares no id with the document; its name, which finds the other one, is left to that."""
    ids = {message.id: new_id() for message in document.messages}
    copied_id = new_id()
    messages = tuple(
        msgspec.structs.replace(
            message,
            id=ids[message.id],
            conversation_id=copied_id,
            parent_id=ids.get(message.parent_id or ""),
            context_start_id=ids.get(message.context_start_id or ""),
        )
        for message in document.messages
    )
    leaf = ids.get(document.conversation.active_leaf_id or "")
    conversation = msgspec.structs.replace(document.conversation, id=copied_id, active_leaf_id=leaf, name=None)
    return ConversationDocument(conversation=conversation, messages=messages)


def valid_time(seconds: float) -> float:
    """Return a time that a date can be made of."""
    return min(max(seconds, 0.0), LATEST_TIME) if math.isfinite(seconds) else 0.0


def _levelled(message: Message, conversation_id: str, place: int) -> Message:
    is_growing = message.state is MessageState.STREAMING
    return msgspec.structs.replace(
        message,
        conversation_id=conversation_id,
        sequence=place,
        created_at=valid_time(message.created_at),
        state=MessageState.INTERRUPTED if is_growing else message.state,
    )
