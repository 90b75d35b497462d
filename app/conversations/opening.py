"""Opening the database whatever state it is in: never writes a newer one, never deletes a damaged one."""

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from app.conversations.backups import Backups
from app.conversations.database import IN_MEMORY, Database
from app.conversations.errors import NewerDatabase, StorageFailed, StoreDamaged, StoreError, StoreReadOnly
from app.conversations.migrations import MIGRATIONS, is_foreign, migrate, refuse_newer, version_of
from app.conversations.search import rebuild_index
from app.conversations.writers import Writers
from app.dates import moment, stamp
from app.language import tr
from engine.api.files import replace_file

_log = logging.getLogger(__name__)
_SIDE_FILES = ("-wal", "-shm", "-journal")


class Opening:
    """One attempt to open; notices are the sentences a person should read afterwards.

    unopened: why nothing of the file could be had, and an empty database is there in its place.
    """

    def __init__(
        self,
        path: Path,
        writers: Writers,
        backups: Backups,
        migrations: Sequence[str] = MIGRATIONS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._writers = writers
        self._backups = backups
        self._migrations = migrations
        self._clock = clock
        self.notices: list[str] = []
        self.unopened: StoreReadOnly | None = None

    def open(self) -> Database:
        """Return the sound, migrated database, with this process entered among the writers; raises StoreError.

        One that can't be written is opened for reading only; where none can be made it is an empty one. notices say so.
        """
        hint = tr("Make it writable, or set HEARTH_HOME to another one.")
        private = tr("Private conversations can be had without it.")
        try:
            database = self._open_to_write()
        except StoreReadOnly as error:
            found = self._open_to_read()
            if found is None:
                self.unopened = error
                self.notices.append(f"{error.message} {hint} {private}")
                return self._nothing()
            database = found
        if database.is_read_only:
            can_read = tr("The conversations in {folder} can be read, but nothing new can be saved there.")
            self.notices.append(f"{can_read.format(folder=self._path.parent)} {hint} {private}")
        return database

    def _nothing(self) -> Database:
        """Return an empty database into which nothing can be written, as nothing of it would be kept."""
        database = Database(IN_MEMORY)
        migrate(database, lambda _version: None, self._migrations)
        database.execute("PRAGMA query_only=ON")
        database.path = self._path  # of which its errors are to speak
        return database

    def _open_to_read(self) -> Database | None:
        journal = self._path.with_name(f"{self._path.name}-wal")
        for is_still in (False, True):
            try:
                if is_still and journal.exists() and journal.stat().st_size:
                    return None  # what was said last is in there
                database = Database(self._path, read_only=True, is_still=is_still)
            except (StoreError, OSError):
                continue
            try:
                if version_of(database) == len(self._migrations):
                    return database
            except StoreError as error:
                _log.info("not to be read: %s", error.details)
            database.close()
        return None

    def _open_to_write(self) -> Database:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._refuse_newer()
            self._writers.enter()
        except OSError as error:
            raise StoreReadOnly(
                tr("The folder {folder} can't be used ({reason}).").format(
                    folder=self._path.parent, reason=error.strerror or error
                ),
                tr("Make it writable, or set HEARTH_HOME to another one."),
                str(error),
            ) from error
        try:
            with self._writers.guarded():
                return self._open_or_repair()
        except BaseException:
            self._writers.leave(cleanly=not self._writers.left_behind)
            raise

    def _refuse_newer(self) -> None:
        """Look through a read-only connection first: opening for writing may already change the file."""
        if not self._path.is_file() or not self._path.stat().st_size:
            return
        try:
            database = Database(self._path, read_only=True)
            try:
                if not is_foreign(database):
                    refuse_newer(database, self._migrations)
            finally:
                database.close()
        except (StoreDamaged, StoreReadOnly):
            return  # dealt with, and told, when it is opened for writing

    def _open_or_repair(self) -> Database:
        if self._is_emptied() or (self._path.exists() and not self._path.is_file()):
            return self._open_backup()
        try:
            return self._open_checked()
        except StoreDamaged as error:
            _log.warning("the database is damaged: %s", error.details)
            if self._writers.others_alive():
                raise  # the file can't be taken from under a program that goes on writing into it
            return self._open_backup()

    def _is_emptied(self) -> bool:
        """Return whether the file is there without content, though there was some; SQLite would take it as new."""
        if not self._path.is_file() or self._path.stat().st_size:
            return False
        journal = self._path.with_name(f"{self._path.name}-wal")
        return bool(self._backups.newest_first()) or (journal.is_file() and journal.stat().st_size > 0)

    def _open_checked(self) -> Database:
        database = Database(self._path)
        try:
            if is_foreign(database):
                raise StoreDamaged(tr("The file with the conversations was written by another program."))
            refuse_newer(database, self._migrations)
            if self._writers.left_behind:
                _check_or_mend(database)
            migrate(database, lambda version: self._back_up(database, version), self._migrations)
        except BaseException:
            database.close()
            raise
        return database

    def _back_up(self, database: Database, version: int) -> None:
        self._backups.make_before_migration(database, version)

    def _open_backup(self) -> Database:
        kept = self._move_aside()
        for backup in self._backups.newest_first():
            try:
                database = self._open_copy_of(backup)
            except (StoreDamaged, NewerDatabase):
                _log.warning("backup %s can't be used", backup.name)
                continue
            when = moment(backup.stat().st_mtime)
            self.notices.append(
                tr(
                    "The file with your conversations was damaged, so the newest backup was opened. What was "
                    "written after {when} is missing; the damaged file was kept as {kept}."
                ).format(when=when, kept=kept)
            )
            return database
        self.notices.append(
            tr(
                "The file with your conversations was damaged and there is no backup yet, so Hearth "
                "starts with an empty one. The damaged file was kept as {kept}."
            ).format(kept=kept)
        )
        return self._open_checked()

    def _open_copy_of(self, backup: Path) -> Database:
        part = self._path.with_suffix(".part")
        try:
            shutil.copyfile(backup, part)
            database = Database(part, read_only=True)
            try:
                refuse_newer(database, self._migrations)
                # An empty file is a sound database, too, but nobody's conversations.
                if not version_of(database) or not database.is_sound():
                    raise StoreDamaged(tr("This backup is damaged."))
            finally:
                database.close()
            replace_file(part, self._path)
        except OSError as error:
            raise StorageFailed(tr("The backup could not be copied."), tr("Free some space."), str(error)) from error
        finally:
            part.unlink(missing_ok=True)
        return self._open_checked()

    def _move_aside(self) -> Path:
        """Move the file and what belongs to it; the copy that is opened instead must not meet an old journal."""
        moved_at = stamp(self._clock())
        target = self._path.with_name(f"corrupt-{moved_at}.db")
        number = 1
        while target.exists():
            number += 1
            target = self._path.with_name(f"corrupt-{moved_at}_{number}.db")
        try:
            self._path.rename(target)
            for suffix in _SIDE_FILES:
                side = self._path.with_name(self._path.name + suffix)
                if side.exists():
                    side.rename(target.with_name(target.name + suffix))
        except OSError as error:
            raise StoreError(
                tr("The file with the conversations is damaged and can't be moved aside."),
                tr("Close other programs that use {path}, and start Hearth again.").format(path=self._path),
                str(error),
            ) from error
        return target


def _check_or_mend(database: Database) -> None:
    if database.is_sound():
        return
    rebuild_index(database)
    if not database.is_sound():
        raise StoreDamaged(tr("The file with the conversations is damaged."), details="quick_check")
    _log.warning("the search index was damaged and has been made anew")
