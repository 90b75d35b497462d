"""A column of rows that are widgets, kept in step with a Qt list: for lists of few rows with buttons in each."""

from collections.abc import Callable
from typing import Generic, TypeVar

from PySide6.QtCore import QAbstractItemModel, QModelIndex, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAccessible, QKeyEvent
from PySide6.QtWidgets import QApplication, QFrame, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app.language import joined
from app.widgets.access.accessible_roles import read_as
from app.widgets.access.tab_order import put_in_order, stops_in
from app.widgets.basics.theme import Theme

Value = TypeVar("Value")
_MADE_IN_A_TURN = 16


@read_as(QAccessible.Role.ListItem)
class ModelRow(QFrame):
    """One row; the arrow keys go to the next one, Enter and Delete do what the row is for."""

    step_requested = Signal(int)  # -1 up, 1 down

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.setProperty("surface", "row")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def show_value(self, value: object) -> None:
        """Show what the list says now."""
        raise TypeError(f"{type(self).__name__} shows nothing")

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self.theme = theme

    def name_buttons(self, name: str) -> None:
        """Let each button say what it is for, and for which row: heard alone, "Pause" says too little."""
        for button in self.findChildren(QPushButton):
            words = joined((button.text().rstrip("…"), name), " ")
            if words != button.accessibleName():
                button.setAccessibleName(words)

    def activate(self) -> None:
        """Do what Enter is for."""

    def remove(self) -> None:
        """Do what Delete is for."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Walk, act, delete."""
        key = event.key()
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.step_requested.emit(-1 if key == Qt.Key.Key_Up else 1)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.hasFocus():
            self.activate()
        elif key == Qt.Key.Key_Delete:
            self.remove()
        else:
            super().keyPressEvent(event)


@read_as(QAccessible.Role.List)
class RowColumn(QWidget, Generic[Value]):
    """Shows the values of one role that are of one type and wanted; a row stays the same widget for the same key.

    Of very many the first rows are made at once, the others in turns of the event loop: signal more_made().
    """

    more_made = Signal()

    def __init__(
        self,
        model: QAbstractItemModel,
        role: int,
        key: Callable[[object], str | None],
        make_row: Callable[[], ModelRow],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._model = model
        self._role = role
        self._key = key
        self._make_row = make_row
        self._wanted: dict[str, object] = {}
        self._rows: dict[str, ModelRow] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        for changed in (model.modelReset, model.rowsInserted, model.rowsRemoved, model.rowsMoved):
            changed.connect(self._on_rows_changed)
        model.dataChanged.connect(self._on_data_changed)
        self._turns = QTimer(self, singleShot=True, interval=0)
        self._turns.timeout.connect(self._on_turn)
        self._on_rows_changed()

    @property
    def rows(self) -> list[ModelRow]:
        """The rows from top to bottom."""
        return list(self._rows.values())

    def row(self, key: str) -> ModelRow | None:
        """Return the row with this key, None if there is none."""
        return self._rows.get(key)

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        for row in self._rows.values():
            row.set_theme(theme)

    def _make(self) -> ModelRow:
        row = self._make_row()
        row.step_requested.connect(self._on_step)
        return row

    @Slot()
    def _on_rows_changed(self) -> None:
        values = [self._model.index(place, 0).data(self._role) for place in range(self._model.rowCount())]
        self._wanted = {key: value for value in values if (key := self._key(value)) is not None}
        self._drop([key for key in self._rows if key not in self._wanted])
        for key, row in self._rows.items():
            row.show_value(self._wanted[key])
        self._make_some()

    @Slot()
    def _on_turn(self) -> None:
        self._make_some()
        self.more_made.emit()

    def _make_some(self) -> None:
        """Put the rows that there are in order, and make some of those that are not."""
        rows: dict[str, ModelRow] = {}
        made = 0
        above: QWidget = self  # which is no stop, but has its place among those of the window
        for key, value in self._wanted.items():
            row = self._rows.get(key)
            if row is None and made < _MADE_IN_A_TURN:
                row, made = self._make(), made + 1
                self._place(row, len(rows), above)
                row.show_value(value)
            if row is not None:
                if self._column.indexOf(row) != len(rows):
                    self._place(row, len(rows), above)
                rows[key] = above = row
        self._rows = rows
        if len(rows) < len(self._wanted):
            self._turns.start()

    def _place(self, row: ModelRow, place: int, above: QWidget) -> None:
        """Let the row stand there, and Tab visit it after what stands above it: it would come last in the window."""
        self._column.insertWidget(place, row)
        last = above if above is self else next(reversed(stops_in(above)), above)
        put_in_order((last, row, *stops_in(row)))

    def _drop(self, keys: list[str]) -> None:
        focused = QApplication.focusWidget()
        for key in keys:
            place, row = self.rows.index(self._rows[key]), self._rows.pop(key)
            if focused is not None and (row is focused or row.isAncestorOf(focused)) and self._rows:
                self.rows[min(place, len(self._rows) - 1)].setFocus(Qt.FocusReason.OtherFocusReason)
            row.hide()
            self._column.removeWidget(row)
            row.deleteLater()

    @Slot(QModelIndex, QModelIndex)
    def _on_data_changed(self, first: QModelIndex, last: QModelIndex) -> None:
        for place in range(first.row(), last.row() + 1):
            value = self._model.index(place, 0).data(self._role)
            key = self._key(value)
            if (key in self._wanted) != (key is not None):
                self._on_rows_changed()
                return
            if key is not None:
                self._wanted[key] = value
                if key in self._rows:
                    self._rows[key].show_value(value)

    @Slot(int)
    def _on_step(self, step: int) -> None:
        rows = self.rows
        row = self.sender()
        if isinstance(row, ModelRow) and row in rows:
            place = min(max(0, rows.index(row) + step), len(rows) - 1)
            rows[place].setFocus(Qt.FocusReason.TabFocusReason)
            self._scroll_to(rows[place])

    def _scroll_to(self, row: ModelRow) -> None:
        parent = self.parentWidget()
        while parent is not None and not isinstance(parent, QScrollArea):
            parent = parent.parentWidget()
        if parent is not None:
            parent.ensureWidgetVisible(row)
