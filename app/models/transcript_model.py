"""The messages of the branch that is shown, one row each, as a Qt list model."""

from collections.abc import Sequence

import msgspec
from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from app.conversations.records import Message
from app.models.message_edit import MessageEdits

ENTRY_ROLE = Qt.ItemDataRole.UserRole + 1
_NO_PARENT = QModelIndex()


class TranscriptEntry(msgspec.Struct, frozen=True, gc=False):  # ten thousand are made as a conversation opens
    """A message with its place among its siblings (version of versions, counted from 1).

    phase holds the words for what the engine is doing for this message right now ("Reading 320 of 640 tokens"),
    "" when it does nothing for it. is_context_start: the model no longer reads what stands above.
    """

    message: Message
    version: int = 1
    versions: int = 1
    phase: str = ""
    is_context_start: bool = False


class TranscriptModel(QAbstractListModel):
    """Rows of TranscriptEntry under ENTRY_ROLE; DisplayRole is the plain text, for accessibility.

    edits: what is being written in messages, of this page and of others.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.edits = MessageEdits(self)
        self._entries: list[TranscriptEntry] = []
        self._rows: dict[str, int] = {}

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = _NO_PARENT) -> int:  # noqa: N802  Qt's name
        """Return the number of messages shown."""
        return 0 if parent.isValid() else len(self._entries)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return the entry or its plain text."""
        if not index.isValid() or not 0 <= index.row() < len(self._entries):
            return None
        entry = self._entries[index.row()]
        if role == ENTRY_ROLE:
            return entry
        return entry.message.content if role == Qt.ItemDataRole.DisplayRole else None

    def entry(self, row: int) -> TranscriptEntry:
        """Return the entry of a row; raises IndexError."""
        if row < 0:
            raise IndexError(row)
        return self._entries[row]

    def entries(self, first: int = 0, end: int | None = None) -> list[TranscriptEntry]:
        """Return the entries of the rows from first to before end, or to the last one."""
        return self._entries[first:end]

    def row_of(self, message_id: str) -> int | None:
        """Return the row that shows a message, None if it is not on the shown branch."""
        return self._rows.get(message_id)

    def set_entries(self, entries: Sequence[TranscriptEntry]) -> None:
        """Show these messages, keeping the rows that both lists begin with (a sibling changes only what follows)."""
        kept = self._common_beginning(entries)
        if kept == 0:
            self.beginResetModel()
            self._entries = list(entries)
            self._index_rows(0)
            self.endResetModel()
            return
        self._remove_from(kept)
        for row in range(kept):
            self._replace(row, entries[row])
        self._append(entries[kept:])

    def append(self, entry: TranscriptEntry) -> None:
        """Add one message at the end."""
        self._append([entry])

    def update_message(self, message: Message) -> None:
        """Show a message's newer state; nothing happens if the message is not shown."""
        row = self._rows.get(message.id)
        if row is not None:
            self._replace(row, msgspec.structs.replace(self._entries[row], message=message))

    def set_phase(self, message_id: str, phase: str) -> None:
        """Say in words what the engine does for a message; nothing happens if the message is not shown."""
        row = self._rows.get(message_id)
        if row is not None:
            self._replace(row, msgspec.structs.replace(self._entries[row], phase=phase))

    def phase(self, message_id: str) -> str:
        """Return the words of set_phase; "" if the message is not shown."""
        row = self._rows.get(message_id)
        return self._entries[row].phase if row is not None else ""

    def clear(self) -> None:
        """Show nothing."""
        self.set_entries([])

    def _common_beginning(self, entries: Sequence[TranscriptEntry]) -> int:
        kept = 0
        for old, new in zip(self._entries, entries, strict=False):
            if old.message.id != new.message.id:
                break
            kept += 1
        return kept

    def _remove_from(self, row: int) -> None:
        if row >= len(self._entries):
            return
        self.beginRemoveRows(QModelIndex(), row, len(self._entries) - 1)
        for entry in self._entries[row:]:
            del self._rows[entry.message.id]
        del self._entries[row:]
        self.endRemoveRows()

    def _append(self, entries: Sequence[TranscriptEntry]) -> None:
        if not entries:
            return
        first = len(self._entries)
        self.beginInsertRows(QModelIndex(), first, first + len(entries) - 1)
        self._entries.extend(entries)
        self._index_rows(first)
        self.endInsertRows()

    def _replace(self, row: int, entry: TranscriptEntry) -> None:
        if self._entries[row] == entry:
            return
        self._entries[row] = entry
        index = self.index(row)
        self.dataChanged.emit(index, index)

    def _index_rows(self, first: int) -> None:
        if first == 0:
            self._rows.clear()
        for row in range(first, len(self._entries)):
            self._rows[self._entries[row].message.id] = row
