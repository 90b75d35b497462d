"""What the user has written before: in one conversation, then in the others, the newest first."""

from app.conversations.database import Database

_HERE, _ELSEWHERE = 100, 200
_LONGEST_CHARACTERS = 20_000  # what is longer is no line to be sent once more


def sent_before(database: Database, conversation_id: str) -> list[str]:
    """Return texts of messages, each once; none of deleted conversations."""
    kind = "role = 'user' AND content <> '' AND length(content) <= ?"
    here = database.execute(
        f"SELECT content FROM messages WHERE conversation_id = ? AND {kind} ORDER BY sequence DESC LIMIT ?",
        (conversation_id, _LONGEST_CHARACTERS, _HERE),
    )
    elsewhere = database.execute(
        f"SELECT content FROM messages WHERE {kind} AND conversation_id <> ? AND conversation_id IN "
        "(SELECT id FROM conversations WHERE deleted_at IS NULL) ORDER BY sequence DESC LIMIT ?",
        (_LONGEST_CHARACTERS, conversation_id, _ELSEWHERE),
    )
    return list(dict.fromkeys(str(row[0]) for row in (*here, *elsewhere)))
