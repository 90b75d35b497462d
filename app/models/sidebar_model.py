"""The sidebar's rows as a Qt model over the list of all conversations, changed row by row."""

import time
from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec
from PySide6.QtCore import (
    QAbstractListModel,
    QMimeData,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Slot,
)

from app.conversations.records import Conversation
from app.language import tr
from app.models.conversation_list_model import ConversationListModel
from app.models.row_changes import Insertion, Move, Removal, Step, steps_between
from app.models.sidebar_rows import Group, Row, sidebar_rows

SIDEBAR_ROW_ROLE = Qt.ItemDataRole.UserRole + 20
CONVERSATIONS_MIME = "application/x-hearth-conversations"
_NO_PARENT = QModelIndex()
_Index = QModelIndex | QPersistentModelIndex


class SidebarModel(QAbstractListModel):
    """Rows of Group and Conversation under SIDEBAR_ROW_ROLE; a conversation has all roles of ConversationListModel."""

    def __init__(
        self,
        conversations: ConversationListModel,
        parent: QObject | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(parent)
        self.conversations = conversations
        self._clock = clock
        self._rows: list[Row] = []
        self._keys: list[str] = []
        self._places: dict[str, int] = {}
        for changed in (
            conversations.modelReset,
            conversations.rowsInserted,
            conversations.rowsRemoved,
            conversations.rowsMoved,
            conversations.folders_changed,
        ):
            changed.connect(self.refresh)
        conversations.dataChanged.connect(self._on_data_changed)
        self.refresh()

    def rowCount(self, parent: _Index = _NO_PARENT) -> int:  # noqa: N802  Qt's name
        """Return the number of rows, names of groups included."""
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return the row, its words, or what the list of conversations says about it."""
        if not index.isValid() or not 0 <= index.row() < len(self._rows):
            return None
        row = self._rows[index.row()]
        if role == SIDEBAR_ROW_ROLE:
            return row
        if isinstance(row, Conversation):
            return self.conversations.data_of(row, role)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return row.title
        return _description(row) if role == Qt.ItemDataRole.AccessibleDescriptionRole else None

    def flags(self, index: _Index) -> Qt.ItemFlag:
        """Conversations can be chosen, edited and dragged; folders edited; other names of groups are only read."""
        row = self.row(index.row()) if index.isValid() else None
        if isinstance(row, Conversation):
            return super().flags(index) | Qt.ItemFlag.ItemIsEditable | Qt.ItemFlag.ItemIsDragEnabled
        if row is not None and row.folder is not None:
            return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsEditable
        return Qt.ItemFlag.NoItemFlags

    def mimeTypes(self) -> list[str]:  # noqa: N802  Qt's name
        """Return the one kind of thing that is dragged."""
        return [CONVERSATIONS_MIME]

    def mimeData(self, indexes: Iterable[QModelIndex]) -> QMimeData:  # noqa: N802  Qt's name
        """Return the ids of the conversations that are dragged."""
        data = QMimeData()
        data.setData(CONVERSATIONS_MIME, msgspec.json.encode(self.ids_of(indexes)))
        return data

    def supportedDropActions(self) -> Qt.DropAction:  # noqa: N802  Qt's name
        """Conversations are moved, never copied."""
        return Qt.DropAction.MoveAction

    def row(self, place: int) -> Row | None:
        """Return what stands in a row, None if there is no such row."""
        return self._rows[place] if 0 <= place < len(self._rows) else None

    def place_of(self, key: str) -> int | None:
        """Return the row of a conversation's id or a group's key; None if it isn't shown."""
        return self._places.get(key)

    def ids_of(self, indexes: Iterable[QModelIndex]) -> tuple[str, ...]:
        """Return the conversations among these rows, from top to bottom."""
        rows = [self.row(place) for place in sorted(index.row() for index in indexes)]
        return tuple(row.id for row in rows if isinstance(row, Conversation))

    def group_at(self, place: int) -> Group | None:
        """Return the group to which a row belongs."""
        for row in reversed(self._rows[: place + 1]):
            if isinstance(row, Group):
                return row
        return None

    @Slot()
    def refresh(self) -> None:
        """Look again at conversations, folders and the calendar."""
        today = datetime.fromtimestamp(self._clock()).date()
        rows = sidebar_rows(self.conversations.all, self.conversations.folders, today)
        keys = [row.id for row in rows]
        steps = steps_between(self._keys, keys) if keys != self._keys else []
        if steps is None:
            self.beginResetModel()
            self._set_rows(rows, keys)
            self.endResetModel()
            return
        for step in steps:
            self._take(step, rows)
        before = self._rows
        self._set_rows(rows, keys)
        for place, (old, new) in enumerate(zip(before, rows, strict=True)):
            if old is not new and old != new:
                self.dataChanged.emit(self.index(place), self.index(place), [Qt.ItemDataRole.DisplayRole])

    def _take(self, step: Step, rows: list[Row]) -> None:
        if isinstance(step, Removal):
            self.beginRemoveRows(_NO_PARENT, step.first, step.last)
            del self._rows[step.first : step.last + 1]
            self.endRemoveRows()
        elif isinstance(step, Move):
            below = step.target if step.target < step.source else step.target + 1
            self.beginMoveRows(_NO_PARENT, step.source, step.source, _NO_PARENT, below)
            self._rows.insert(step.target, self._rows.pop(step.source))
            self.endMoveRows()
        elif isinstance(step, Insertion):
            self.beginInsertRows(_NO_PARENT, step.first, step.last)
            self._rows[step.first : step.first] = rows[step.first : step.last + 1]
            self.endInsertRows()

    def _set_rows(self, rows: list[Row], keys: list[str]) -> None:
        self._rows = rows
        if keys != self._keys:
            self._keys = keys
            self._places = {key: place for place, key in enumerate(keys)}

    @Slot(QModelIndex, QModelIndex, list)
    def _on_data_changed(self, first: QModelIndex, last: QModelIndex, roles: list[int]) -> None:
        """Pass marks on; another title, pin or folder may also mean another place."""
        if not roles:
            self.refresh()
        shown = [
            self._places.get(self.conversations.conversation(row).id) for row in range(first.row(), last.row() + 1)
        ]
        places = [place for place in shown if place is not None]
        if places:
            self.dataChanged.emit(self.index(min(places)), self.index(max(places)), roles)


def _description(group: Group) -> str:
    if group.folder is None:
        return ""
    state = tr("Folder, closed") if group.is_collapsed else tr("Folder, open")
    count = tr("1 conversation") if group.count == 1 else tr("{count} conversations").format(count=group.count)
    return f"{state}, {count}"
