"""One connection to an SQLite file: the only module that calls apsw. Errors of the disk come out as StoreError."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw

from app.conversations.attachment import names_in
from app.conversations.errors import (
    ConversationGone,
    DiskFull,
    StorageFailed,
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreReadOnly,
)
from app.conversations.unspaced import spaced
from app.language import mark, tr

Value = None | int | float | str | bytes | bytearray
Row = tuple[Value, ...]
BUSY_SECONDS = 5.0
IN_MEMORY = Path(":memory:")
_BACKUP_PAGES = 1000
_JOURNAL_INDEX_BYTES = 32_768

_TRANSLATIONS: tuple[tuple[type[apsw.Error], type[StoreError]], ...] = (
    (apsw.FullError, DiskFull),
    (apsw.ReadOnlyError, StoreReadOnly),
    (apsw.PermissionsError, StoreReadOnly),
    (apsw.CantOpenError, StoreReadOnly),
    (apsw.BusyError, StoreBusy),
    (apsw.LockedError, StoreBusy),
    (apsw.CorruptError, StoreDamaged),
    (apsw.NotADBError, StoreDamaged),
    # What a damaged length in the search index looks like; mending and checking are right for a real one, too.
    (apsw.NoMemError, StoreDamaged),
    (apsw.IOError, StorageFailed),
)
_SENTENCES: dict[type[StoreError], tuple[str, str]] = {
    DiskFull: (
        mark("The disk is full, so the conversation is not saved."),
        mark("Free some space; Hearth then tries again."),
    ),
    StoreReadOnly: (
        mark("The conversations can't be opened or written in {folder}."),
        mark("Make that folder writable, or set HEARTH_HOME to another one."),
    ),
    StoreBusy: (mark("Another program is using the conversations."), mark("Close it, or try again in a moment.")),
    StoreDamaged: (
        mark("The file with the conversations is damaged."),
        mark("Start Hearth again: it then opens the newest backup and keeps the damaged file."),
    ),
    StorageFailed: (
        mark("The disk reported an error, so the conversation is not saved."),
        mark("Copy what matters, and check the disk."),
    ),
    ConversationGone: (
        mark("This conversation was deleted for good in another window."),
        mark("Copy what matters into a new one."),
    ),
}


class Database:
    """A connection in WAL mode with full synchronisation; used by one thread at a time.

    It knows the functions spaced(text) and attached(blob), with which the search index is made.
    A database of the path IN_MEMORY leaves no trace on any disk and ends with the connection.
    """

    def __init__(self, path: Path, read_only: bool = False, is_still: bool = False) -> None:
        """is_still: it is only read, nobody writes it and its journal is empty, so no file has to be made beside it."""
        self.path = path
        flags = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        name = f"{path.absolute().as_uri()}?immutable=1" if is_still else str(path)
        with _translated(path):
            self._connection = apsw.Connection(name, flags=flags | (apsw.SQLITE_OPEN_URI if is_still else 0))
        try:
            self._connection.create_scalar_function("spaced", _spaced, 1, deterministic=True)
            self._connection.create_scalar_function("attached", _attached, 1, deterministic=True)
            self._connection.set_busy_timeout(int(BUSY_SECONDS * 1000))
            if not read_only:
                self._configure()
        except BaseException:
            self.close()
            raise

    def execute(self, statement: str, values: Sequence[Value] | Mapping[str, Value] = ()) -> list[Row]:
        """Run one statement (or a script without values) and return all its rows."""
        with _translated(self.path):
            return list(self._connection.execute(statement, values))

    def number(self, statement: str, values: Sequence[Value] = ()) -> int:
        """Return the single number a statement asks for; 0 if it is NULL or there is no row."""
        rows = self.execute(statement, values)
        value = rows[0][0] if rows else 0
        return value if isinstance(value, int) else 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside happens or nothing does; the write lock is taken at the start."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    @property
    def is_read_only(self) -> bool:
        """Whether nothing can be written, as when the file belongs to somebody else."""
        return self._connection.readonly("main") or bool(self.number("PRAGMA query_only"))

    def is_sound(self) -> bool:
        """Return whether SQLite's quick check finds nothing; reads the whole file."""
        try:
            return self.execute("PRAGMA quick_check(1)") == [("ok",)]
        except StoreDamaged:
            return False

    def copy_to(self, target: Path) -> None:
        """Write a consistent copy as a single file, while others may go on writing; raises StoreError."""
        with _translated(target):
            copy = apsw.Connection(str(target))
            try:
                with copy.backup("main", self._connection, "main") as backup:
                    while not backup.done:
                        backup.step(_BACKUP_PAGES)
                # The copied header says WAL: a backup is one file, and is opened read-only.
                copy.execute("PRAGMA journal_mode=DELETE").fetchall()
            finally:
                copy.close()

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        with _translated(self.path):
            self._connection.close()

    def _configure(self) -> None:
        self.execute("PRAGMA journal_mode=WAL")
        self.execute("PRAGMA synchronous=FULL")
        self.execute("PRAGMA foreign_keys=ON")
        self.execute("PRAGMA mmap_size=0")
        if self.path == IN_MEMORY:
            self.execute("PRAGMA temp_store=MEMORY")

    def _roll_back(self) -> None:
        # After a full disk or an I/O error SQLite may have rolled back already.
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK").fetchall()
            except apsw.Error:
                pass


def _spaced(*values: Value) -> Value:
    """Return spaced() of a text; in a damaged file there may be anything."""
    text = values[0]
    return spaced(text) if isinstance(text, str) else text


def _attached(*values: Value) -> Value:
    """Return names_in() a column of attachments."""
    return names_in(values[0])


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        ours = _translation(error)
        if ours in (StorageFailed, StoreReadOnly) and _is_full(path):
            ours = DiskFull  # no room for the journal's index is reported as an I/O error
        if ours is None:
            raise  # a statement that SQLite doesn't accept is our bug
        message, hint = _SENTENCES[ours]
        raise ours(tr(message).format(folder=path.parent), tr(hint), f"{type(error).__name__}: {error}") from error


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _JOURNAL_INDEX_BYTES
    except OSError:
        return False


def _translation(error: apsw.Error) -> type[StoreError] | None:
    if isinstance(error, apsw.ConstraintError):
        is_orphan = error.extendedresult == apsw.SQLITE_CONSTRAINT_FOREIGNKEY  # type: ignore[attr-defined]  # not in its stubs
        return ConversationGone if is_orphan else None
    return next((ours for theirs, ours in _TRANSLATIONS if isinstance(error, theirs)), None)
