"""The palette's lines as a Qt model: names of sections, which can't be chosen, and entries."""

from collections.abc import Iterable

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from app import language
from app.conversations.excerpt import HIT_END, HIT_START
from app.models.palette_entries import Entry, sectioned

ENTRY_ROLE = Qt.ItemDataRole.UserRole + 1
_NO_PARENT = QModelIndex()
_Index = QModelIndex | QPersistentModelIndex


class PaletteModel(QAbstractListModel):
    """ENTRY_ROLE is an Entry, or None for the name of a section; DisplayRole is what a screen reader says."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[str | Entry] = []

    def rowCount(self, parent: _Index = _NO_PARENT) -> int:  # noqa: N802  Qt's name
        """Return the number of lines."""
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return the entry, or the words of a line."""
        if not index.isValid() or not 0 <= index.row() < len(self._rows):
            return None
        row = self._rows[index.row()]
        if role == ENTRY_ROLE:
            return row if isinstance(row, Entry) else None
        if role == Qt.ItemDataRole.DisplayRole:
            return row if isinstance(row, str) else spoken(row)
        return None

    def flags(self, index: _Index) -> Qt.ItemFlag:
        """Only entries can be chosen."""
        is_entry = index.isValid() and isinstance(self._rows[index.row()], Entry)
        return super().flags(index) if is_entry else Qt.ItemFlag.NoItemFlags

    def entry(self, row: int) -> Entry | None:
        """Return the entry of a line."""
        found = self._rows[row] if 0 <= row < len(self._rows) else None
        return found if isinstance(found, Entry) else None

    def set_entries(self, entries: Iterable[Entry]) -> None:
        """List exactly these."""
        rows = sectioned(entries)
        if rows != self._rows:
            self.beginResetModel()
            self._rows = rows
            self.endResetModel()

    def place_of(self, kind_and_key: tuple[str, str]) -> int | None:
        """Return the line of an entry, None if it isn't listed."""
        for place, row in enumerate(self._rows):
            if isinstance(row, Entry) and (row.kind, row.key) == kind_and_key:
                return place
        return None


def spoken(entry: Entry) -> str:
    """Return an entry in words."""
    detail = entry.detail.replace(HIT_START, "").replace(HIT_END, "")
    return language.spoken((entry.title, detail, entry.end))
