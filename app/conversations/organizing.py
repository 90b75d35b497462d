"""How conversations are kept in order: deleted ones, pins, folders and what was not read yet."""

from collections.abc import Sequence

import msgspec

from app.conversations.database import Database, Value

Places = Sequence[tuple[Database, list[str]]]


def set_deleted(places: Places, deleted_at: float | None) -> None:
    """Hide conversations since a time (seconds since the epoch), or with None show them again."""
    condition = "deleted_at IS NULL" if deleted_at is not None else "deleted_at IS NOT NULL"
    for database, ids in places:
        database.execute(
            f"UPDATE conversations SET deleted_at = ? WHERE {condition} AND id IN (SELECT value FROM json_each(?))",
            (deleted_at, _listed(ids)),
        )


def _listed(ids: Sequence[str]) -> Value:
    return msgspec.json.encode(ids).decode()
