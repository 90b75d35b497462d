"""Full-text search over finished messages, on the index that the database keeps by itself."""

import re
from dataclasses import dataclass

from app.conversations.database import Database
from engine.api.codec import clean_text

HIT_START = "\ue000"
HIT_END = "\ue001"
_WORDS = re.compile(r"\w+")
_MAXIMUM_WORDS = 32
_SNIPPET_WORDS = 16


@dataclass(frozen=True)
class SearchHit:
    """One message that was found; in snippet the words lie between HIT_START and HIT_END."""

    message_id: str
    conversation_id: str
    title: str
    snippet: str
    created_at: float


def find_messages(database: Database, text: str, limit: int) -> list[SearchHit]:
    """Return up to limit hits, best first; none for a text without words. Nothing in the text is query syntax."""
    query = _query(text)
    if not query:
        return []
    rows = database.execute(
        "SELECT messages.id, conversations.id, conversations.title, "
        f"snippet(message_search, 0, ?, ?, '…', {_SNIPPET_WORDS}), messages.created_at "
        "FROM message_search JOIN messages ON messages.number = message_search.rowid "
        "JOIN conversations ON conversations.id = messages.conversation_id "
        "WHERE message_search MATCH ? AND conversations.deleted_at IS NULL "
        "ORDER BY message_search.rank LIMIT ?",
        (HIT_START, HIT_END, query, limit),
    )
    return [SearchHit(str(row[0]), str(row[1]), str(row[2]), str(row[3]), float(row[4] or 0)) for row in rows]


def rebuild_index(database: Database) -> None:
    """Make the index anew from the messages; it is the one part of the file that can be. Raises StoreError."""
    if database.number("SELECT count(*) FROM sqlite_schema WHERE name = 'message_search'"):
        database.execute("INSERT INTO message_search (message_search) VALUES ('rebuild')")


def _query(text: str) -> str:
    words = _WORDS.findall(clean_text(text))[:_MAXIMUM_WORDS]
    if not words:
        return ""
    return " ".join(f'"{word}"' for word in words) + "*"
