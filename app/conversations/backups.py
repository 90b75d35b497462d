"""Copies of the database in a folder beside it: one a day, and one before each migration."""

import logging
import re
import time
from collections.abc import Callable
from pathlib import Path

from app.conversations.database import Database
from app.conversations.errors import StorageFailed, StoreDamaged
from app.dates import stamp
from app.language import tr
from engine.api.files import replace_file

KEPT_DAILY = 7
KEPT_BEFORE_MIGRATION = 5
_DAY_SECONDS = 24 * 3600.0
_NAME = re.compile(r"(\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d)_(daily|before-format-\d+)(?:_\d+)?\.db")

_log = logging.getLogger(__name__)


class Backups:
    """The folder of copies; each is checked before it gets its name, so that whatever is listed can be opened."""

    def __init__(self, database: Path, clock: Callable[[], float] = time.time) -> None:
        self.folder = database.with_name(f"{database.stem}-backups")
        self._clock = clock

    def newest_first(self) -> list[Path]:
        """Return all copies by the dates in their names; last those that a clock which was ahead has dated.

        They would be the newest for years otherwise. A day ahead is none: the names have local time.
        """
        if not self.folder.is_dir():
            return []
        latest = stamp(self._clock() + _DAY_SECONDS)
        found = (path for path in self.folder.iterdir() if _NAME.fullmatch(path.name))
        return sorted(found, key=lambda path: (path.name <= latest, path.name), reverse=True)

    def is_due(self) -> bool:
        """Return whether the last daily copy is older than a day, missing, or from the future (the clock jumped)."""
        newest = next((path for path in self.newest_first() if "_daily" in path.name), None)
        return newest is None or not 0 <= self._clock() - newest.stat().st_mtime < _DAY_SECONDS

    def make_daily(self, database: Database) -> None:
        """Copy the database and drop the oldest daily copies beyond KEPT_DAILY; raises StoreError."""
        self._make(database, "daily")
        self._drop("_daily", KEPT_DAILY)

    def make_before_migration(self, database: Database, version: int) -> None:
        """Copy the database as it is in this format; raises StoreError, and then nothing may be migrated."""
        self._make(database, f"before-format-{version + 1}")
        self._drop("_before-", KEPT_BEFORE_MIGRATION)

    def _make(self, database: Database, kind: str) -> None:
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            target = self._free_name(kind)
            part = target.with_suffix(".part")
            part.unlink(missing_ok=True)
            try:
                database.copy_to(part)
                _check(part)
                replace_file(part, target)
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            raise StorageFailed(
                tr("The conversations could not be copied to a backup."),
                tr("Check the folder {folder}.").format(folder=self.folder),
                str(error),
            ) from error
        _log.info("backup %s, %d bytes", target.name, target.stat().st_size)

    def _free_name(self, kind: str) -> Path:
        made_at = stamp(self._clock())
        target = self.folder / f"{made_at}_{kind}.db"
        number = 1
        while target.exists():
            number += 1
            target = self.folder / f"{made_at}_{kind}_{number}.db"
        return target

    def _drop(self, kind: str, kept: int) -> None:
        for path in [path for path in self.newest_first() if kind in path.name][kept:]:
            path.unlink(missing_ok=True)


def _check(copy: Path) -> None:
    database = Database(copy, read_only=True)
    try:
        if not database.is_sound():
            raise StoreDamaged(tr("The backup of the conversations is not sound, so it was not kept."))
    finally:
        database.close()
