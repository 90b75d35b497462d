"""A Qt list of frozen rows that changes only where a row differs, so that selection and scrolling stay."""

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

Row = TypeVar("Row")
ROW_ROLE = Qt.ItemDataRole.UserRole + 1
_NO_PARENT = QModelIndex()


class RowListModel(QAbstractListModel, Generic[Row]):
    """Rows in the order given. key tells which rows are the same one, words is DisplayRole."""

    def __init__(self, key: Callable[[Row], str], words: Callable[[Row], str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._key = key
        self._words = words
        self._rows: list[Row] = []

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows."""
        return tuple(self._rows)

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = _NO_PARENT) -> int:  # noqa: N802  Qt's name
        """Return the number of rows."""
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return the row, or its words."""
        if not index.isValid() or not 0 <= index.row() < len(self._rows):
            return None
        row = self._rows[index.row()]
        if role == ROW_ROLE:
            return row
        return self._words(row) if role == Qt.ItemDataRole.DisplayRole else None

    def row(self, place: int) -> Row:
        """Return the row at a place; raises IndexError."""
        if place < 0:
            raise IndexError(place)
        return self._rows[place]

    def found(self, key: str) -> Row | None:
        """Return the row with this key, None if there is none."""
        return next((row for row in self._rows if self._key(row) == key), None)

    def put(self, row: Row) -> None:
        """Replace the row with the same key, or put a new one at the end."""
        for place, other in enumerate(self._rows):
            if self._key(other) == self._key(row):
                if other != row:
                    self._rows[place] = row
                    self.dataChanged.emit(self.index(place), self.index(place))
                return
        self.beginInsertRows(_NO_PARENT, len(self._rows), len(self._rows))
        self._rows.append(row)
        self.endInsertRows()

    def remove(self, key: str) -> None:
        """Take the row with this key away, if it is there."""
        for place, row in enumerate(self._rows):
            if self._key(row) == key:
                self.beginRemoveRows(_NO_PARENT, place, place)
                del self._rows[place]
                self.endRemoveRows()
                return

    def set_rows(self, rows: Iterable[Row]) -> None:
        """List exactly these."""
        wanted = list(rows)
        if [self._key(row) for row in wanted] == [self._key(row) for row in self._rows]:
            self._replace_all(wanted)
            return
        self.beginResetModel()
        self._rows = wanted
        self.endResetModel()

    def _replace_all(self, rows: list[Row]) -> None:
        """Take rows with the same keys; told at once, as views may look through all rows each time."""
        changed = [place for place, (old, new) in enumerate(zip(self._rows, rows, strict=True)) if old != new]
        self._rows = rows
        if changed:
            self.dataChanged.emit(self.index(changed[0]), self.index(changed[-1]))
