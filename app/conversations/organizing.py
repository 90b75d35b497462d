"""How conversations are kept in order: deleted ones, pins, folders and what was not read yet.

Where conversations are kept comes from ConversationStore.databases_of. Everything here may raise StoreError.
"""

from collections.abc import Sequence

import msgspec

from app.conversations.database import Database, Value
from app.conversations.records import Folder
from engine.api.codec import clean_text

Places = Sequence[tuple[Database, list[str]]]
_THESE = "id IN (SELECT value FROM json_each(?))"


def set_deleted(places: Places, deleted_at: float | None) -> None:
    """Hide conversations since a time (seconds since the epoch), or with None show them again."""
    is_due = "deleted_at IS NULL" if deleted_at is not None else "deleted_at IS NOT NULL"
    _update(places, f"deleted_at = ? WHERE {is_due} AND {_THESE}", deleted_at)


def set_pinned(places: Places, is_pinned: bool) -> None:
    """Keep conversations at the top of the list, or where they belong by date."""
    _update(places, f"is_pinned = ? WHERE {_THESE}", int(is_pinned))


def set_unread(places: Places, is_unread: bool) -> None:
    """Keep whether an answer has come that nobody has seen."""
    _update(places, f"is_unread = ? WHERE {_THESE}", int(is_unread))


def move(places: Places, folder_id: str | None) -> None:
    """Put conversations into a folder, or with None into none; they are no longer pinned."""
    _update(places, f"folder_id = ?, is_pinned = 0 WHERE {_THESE}", folder_id)


def folders(database: Database) -> list[Folder]:
    """Return all folders, the oldest first."""
    rows = database.execute("SELECT id, name, created_at, is_collapsed FROM folders ORDER BY created_at, id")
    return [
        Folder(id=str(row[0]), name=str(row[1]), created_at=float(row[2] or 0), is_collapsed=bool(row[3]))
        for row in rows
    ]


def save_folder(database: Database, folder: Folder) -> None:
    """Add a folder, or give it this name and state."""
    database.execute(
        "INSERT INTO folders (id, name, created_at, is_collapsed) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET name = excluded.name, is_collapsed = excluded.is_collapsed",
        (folder.id, clean_text(folder.name), folder.created_at, int(folder.is_collapsed)),
    )


def delete_folder(database: Database, folder_id: str) -> list[str]:
    """Remove a folder; its conversations stay, in none. Returns their ids, with those that are deleted for now."""
    with database.transaction():
        rows = database.execute("SELECT id FROM conversations WHERE folder_id = ?", (folder_id,))
        database.execute("DELETE FROM folders WHERE id = ?", (folder_id,))
    return [str(row[0]) for row in rows]


def restore_folder(database: Database, folder: Folder, conversation_ids: Sequence[str]) -> list[str]:
    """Undo delete_folder for the conversations that were in it and have not been put into another one since.

    Returns the ids of those that are in it again, with those that are deleted for now.
    """
    with database.transaction():
        save_folder(database, folder)
        rows = database.execute(
            f"UPDATE conversations SET folder_id = ? WHERE folder_id IS NULL AND {_THESE} RETURNING id",
            (folder.id, _listed(conversation_ids)),
        )
    return [str(row[0]) for row in rows]


def _update(places: Places, change: str, value: Value) -> None:
    for database, ids in places:
        database.execute(f"UPDATE conversations SET {change}", (value, _listed(ids)))


def _listed(ids: Sequence[str]) -> Value:
    return msgspec.json.encode(ids).decode()
