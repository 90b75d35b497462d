"""Conversations and messages for tests, with everything but the point of the test filled in."""

from pathlib import Path
from typing import Any

import apsw

from app.conversations.records import Conversation, Message
from engine.api.message import Role


def a_conversation(conversation_id: str = "c", **values: object) -> Conversation:
    defaults: dict[str, Any] = {"title": "Title", "created_at": 1.0, "updated_at": 1.0}
    return Conversation(id=conversation_id, **(defaults | values))


def a_message(message_id: str = "m", parent_id: str | None = None, sequence: int = 1, **values: object) -> Message:
    defaults: dict[str, Any] = {"conversation_id": "c", "role": Role.USER, "content": message_id, "created_at": 1.0}
    return Message(id=message_id, parent_id=parent_id, sequence=sequence, **(defaults | values))


def of_a_newer_hearth(database: Path) -> Path:
    """Make a database that this Hearth must not open, and return where it is."""
    connection = apsw.Connection(str(database))
    connection.execute("PRAGMA user_version = 99").fetchall()
    connection.close()
    return database
