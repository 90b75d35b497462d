"""The conversations of which something is kept, with what each takes where: the rows of the memory view."""

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from app.language import grouped, mark, tr
from app.models.amounts import memory
from app.models.warmth_words import STATE_NAMES, TIER_NAMES, place_name, tier_bytes, warmth_sentence
from engine.api.warmth import ConversationWarmth, Tier

SORT_ROLE = Qt.ItemDataRole.UserRole + 1
ID_ROLE = Qt.ItemDataRole.UserRole + 2
TIER_ROLE = Qt.ItemDataRole.UserRole + 3
UNLISTED = mark("A conversation that is not in the list")
_UNLISTED_HELP = mark("It was deleted, or begun in a terminal after this window opened.")
_NOTHING = "–"
_TIERS = tuple(Tier)
# Among conversations of the same state the longest comes first; no context window is longer.
_MOST_TOKENS = 2**40
_NO_PARENT = QModelIndex()
_Index = QModelIndex | QPersistentModelIndex
Titles = Callable[[], Mapping[str, str]]


class Column(IntEnum):
    """What stands in which column."""

    TITLE = 0
    STATE = 1
    TOKENS = 2
    GPU = 3
    RAM = 4
    DISK = 5


_HEADERS = {
    Column.TITLE: mark("Conversation"),
    Column.STATE: mark("State"),
    Column.TOKENS: mark("Tokens"),
    Column.GPU: place_name(Tier.DEVICE),
    Column.RAM: TIER_NAMES[Tier.RAM],
    Column.DISK: TIER_NAMES[Tier.DISK],
}
_TIER_COLUMNS = {Column.GPU: Tier.DEVICE, Column.RAM: Tier.RAM, Column.DISK: Tier.DISK}


class MemoryTableModel(QAbstractTableModel):
    """Rows in no order of their own.

    SORT_ROLE sorts each column, ID_ROLE is the conversation's id, TIER_ROLE the value of its Tier.
    """

    def __init__(self, titles: Titles, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._all_titles = titles
        self._titles: Mapping[str, str] = {}
        self._rows: list[ConversationWarmth] = []

    def rowCount(self, parent: _Index = _NO_PARENT) -> int:  # noqa: N802  Qt's name
        """Return the number of conversations."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = _NO_PARENT) -> int:  # noqa: N802
        """Return the number of columns."""
        return 0 if parent.isValid() else len(Column)

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        """Return the columns' names."""
        if orientation is not Qt.Orientation.Horizontal or section not in _HEADERS:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(Column(section))
        return tr(_HEADERS[Column(section)]) if role == Qt.ItemDataRole.DisplayRole else None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return what a cell shows, says or is sorted by."""
        if not index.isValid() or not 0 <= index.row() < len(self._rows):
            return None
        warmth, column = self._rows[index.row()], Column(index.column())
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._text(warmth, column)
            case Qt.ItemDataRole.TextAlignmentRole:
                return _alignment(column)
            case Qt.ItemDataRole.AccessibleDescriptionRole:
                return self._description(warmth)
        return {
            SORT_ROLE: self._sort_key(warmth, column),
            ID_ROLE: warmth.conversation_id,
            TIER_ROLE: warmth.tier.value,
        }.get(role)

    def set_rows(self, rows: Sequence[ConversationWarmth]) -> None:
        """Show these; a row that stays keeps its selection."""
        wanted = {warmth.conversation_id: warmth for warmth in rows}
        for row in reversed(range(len(self._rows))):
            if self._rows[row].conversation_id not in wanted:
                self.beginRemoveRows(QModelIndex(), row, row)
                del self._rows[row]
                self.endRemoveRows()
        self._titles = self._all_titles()
        self._rows = [wanted.pop(warmth.conversation_id) for warmth in self._rows]
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, len(Column) - 1))
        if wanted:
            first = len(self._rows)
            self.beginInsertRows(QModelIndex(), first, first + len(wanted) - 1)
            self._rows += wanted.values()
            self.endInsertRows()

    def refresh_titles(self) -> None:
        """Take the titles of now."""
        self.set_rows(self._rows)

    def _text(self, warmth: ConversationWarmth, column: Column) -> str:
        if column is Column.TITLE:
            return self._titles.get(warmth.conversation_id, tr(UNLISTED))
        if column is Column.STATE:
            return tr(STATE_NAMES[warmth.tier])
        if column is Column.TOKENS:
            return grouped(warmth.tokens)
        size = tier_bytes(warmth, _TIER_COLUMNS[column])
        return memory(size) if size else _NOTHING

    def _description(self, warmth: ConversationWarmth) -> str:
        is_listed = warmth.conversation_id in self._titles
        return warmth_sentence(warmth) if is_listed else f"{warmth_sentence(warmth)} {tr(_UNLISTED_HELP)}"

    def _sort_key(self, warmth: ConversationWarmth, column: Column) -> object:
        if column is Column.TITLE:
            return self._text(warmth, column)
        if column is Column.STATE:
            return (_TIERS.index(warmth.tier) + 1) * _MOST_TOKENS - warmth.tokens
        return warmth.tokens if column is Column.TOKENS else tier_bytes(warmth, _TIER_COLUMNS[column])


def _alignment(column: Column) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignLeft if column in (Column.TITLE, Column.STATE) else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter
