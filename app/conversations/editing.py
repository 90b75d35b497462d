"""What is being written in messages that are edited, kept until it is sent or given up: a restart brings it back."""

from dataclasses import dataclass

from app.conversations.attachment import Attachment
from app.conversations.organizing import Places
from app.conversations.rows import attachments_blob, attachments_from
from engine.api.codec import clean_text


@dataclass(frozen=True)
class KeptEdit:
    """What was written in one message so far; attachments None: those that are kept already."""

    message_id: str
    text: str
    attachments: tuple[Attachment, ...] | None = ()


def keep_edit(places: Places, edit: KeptEdit) -> None:
    """Keep an edit in the place of the earlier one; nothing happens if its message is no longer there."""
    blob = attachments_blob(edit.attachments or ())
    attachments = "attachments" if edit.attachments is None else "excluded.attachments"
    for database, conversation_ids in places:
        for conversation_id in conversation_ids:
            database.execute(
                "INSERT INTO message_edits (message_id, conversation_id, text, attachments) "
                "SELECT id, conversation_id, ?, ? FROM messages WHERE id = ? AND conversation_id = ? "
                f"ON CONFLICT (message_id) DO UPDATE SET text = excluded.text, attachments = {attachments}",
                (clean_text(edit.text), blob, edit.message_id, conversation_id),
            )


def drop_edit(places: Places, message_id: str) -> None:
    """Keep nothing of it any more."""
    for database, _ in places:
        database.execute("DELETE FROM message_edits WHERE message_id = ?", (message_id,))


def list_edits(places: Places) -> list[KeptEdit]:
    """Return what is being written in the messages of conversations."""
    return [
        KeptEdit(str(row[0]), str(row[1]), attachments_from(row[2]))
        for database, conversation_ids in places
        for conversation_id in conversation_ids
        for row in database.execute(
            "SELECT message_id, text, attachments FROM message_edits WHERE conversation_id = ?", (conversation_id,)
        )
    ]
