"""The search index over what is in attached files: made while nobody waits, as a file may be a whole book.

Triggers note which messages are to be read and take deleted ones out; a message without attachments costs nothing.
The index keeps no copy of the text.
"""

import time

from app.conversations.database import Database
from app.conversations.rows import attachments_from
from app.conversations.unspaced import spaced

# Whoever paints waits for Python's lock as long as one piece takes.
_PIECE_CHARACTERS = 10_000
_READ_AT_ONCE = 50


def is_behind(database: Database) -> bool:
    """Return whether files wait to be read."""
    return bool(database.number("SELECT EXISTS (SELECT 1 FROM unread_attachments)"))


def read_attachments(database: Database, seconds: float) -> None:
    """Index files that wait, the newest first, for about some seconds but at least one message's; raises StoreError."""
    end = time.monotonic() + seconds
    with database.transaction():
        for (number,) in database.execute(
            "SELECT number FROM unread_attachments ORDER BY number DESC LIMIT ?", (_READ_AT_ONCE,)
        ):
            _read(database, number)
            if time.monotonic() >= end:
                return


def begin_anew(database: Database) -> None:
    """Empty the index and have all files read again; part of the caller's transaction if there is one."""
    if database.number("SELECT count(*) FROM sqlite_schema WHERE name = 'attachment_search'"):
        database.execute("INSERT INTO attachment_search (attachment_search) VALUES ('delete-all')")
        database.execute(
            "INSERT OR IGNORE INTO unread_attachments SELECT number FROM messages WHERE attachments IS NOT NULL"
        )


def _read(database: Database, number: object) -> None:
    assert isinstance(number, int)
    for (blob,) in database.execute("SELECT attachments FROM messages WHERE number = ?", (number,)):
        files = (f"{each.name}\n{each.text}" for each in attachments_from(blob))
        database.execute(
            "INSERT OR REPLACE INTO attachment_search (rowid, body) VALUES (?, ?)",
            (number, "\n".join(map(_spaced_in_pieces, files))),
        )
    database.execute("DELETE FROM unread_attachments WHERE number = ?", (number,))


def _spaced_in_pieces(text: str) -> str:
    if text.isascii():
        return text
    places = range(0, len(text), _PIECE_CHARACTERS)
    return "".join(spaced(text[place : place + _PIECE_CHARACTERS]) for place in places)
