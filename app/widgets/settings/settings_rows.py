"""The rows of the settings in one column: those that are wanted are made at once, the others one by one after that."""

from itertools import pairwise

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QAbstractSpinBox, QVBoxLayout, QWidget

from app.language import tr
from app.models.checkpoint_list_model import CheckpointListModel
from app.settings.schema import DOWNLOADS, FIELDS, MEMORY, PAGES, Field, Settings
from app.widgets.basics.theme import Theme
from app.widgets.models.connection_row import ConnectionRow
from app.widgets.settings.memory_row import MemoryRow
from app.widgets.settings.setting_row import SettingRow, has_words

_GAP_PX = 24
_DEFAULTS = Settings()


class SettingsRows(QWidget):
    """All rows at once would keep the window for a tenth of a second: the first page is made, then a row a turn."""

    row_made = Signal(object)  # SettingRow, to be connected

    def __init__(
        self, settings: Settings, theme: Theme, checkpoints: CheckpointListModel, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._checkpoints = checkpoints
        self.memory = MemoryRow()
        self.connection = ConnectionRow(theme)
        self._settings = settings
        self._words, self._page = "", PAGES[0]
        self._made: dict[str, SettingRow] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(_GAP_PX)
        self._column.addWidget(self.connection)
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._make_next)

    @property
    def all(self) -> list[SettingRow]:
        """The rows of all settings in their order; those that are lacking are made."""
        return [self._row_of(field) for field in FIELDS]

    def row(self, key: str) -> SettingRow:
        """Return the row of a setting; raises KeyError."""
        fields = {field.key: field for field in FIELDS}
        return self._row_of(fields[key])

    def show_settings(self, settings: Settings) -> None:
        """Show the values that count now."""
        self._settings = settings
        for row in self._made.values():
            self._show_value(row)

    def filter(self, words: str, page: str) -> bool:
        """Show what has all these words, or without words one page; return whether that is anything."""
        self._words, self._page = words, page
        wanted = [field for field in FIELDS if self._is_wanted(field)]
        for field in wanted:
            self._row_of(field)
        self.hide()  # each row that comes while this is seen would have all the others laid out
        for row in self._made.values():
            row.setVisible(row.field in wanted)
        shows_memory = self.memory.matches(words) if words else page == MEMORY
        if shows_memory:
            self._hold_memory()
        if self.memory.parent() is not None:
            self.memory.setVisible(shows_memory)
        shows_connection = self.connection.matches(words) if words else page == DOWNLOADS
        self.connection.setVisible(shows_connection)
        self.show()
        return bool(wanted) or shows_memory or shows_connection

    def showEvent(self, event: QShowEvent) -> None:
        """Make what is lacking while nobody waits for it."""
        super().showEvent(event)
        self._timer.start()

    def _is_wanted(self, field: Field) -> bool:
        return has_words(field, self._words) if self._words else field.page == self._page

    def _make_next(self) -> None:
        lacking = next((field for field in FIELDS if field.key not in self._made), None)
        if lacking is None:
            self._timer.stop()
            self._hold_memory()
            self._order_keyboard()
        else:
            self._row_of(lacking)

    def _hold_memory(self) -> None:
        """Put what is said of the memory below its page's rows, also in the order that screen readers go."""
        if self.memory.parent() is None:
            for field in FIELDS:
                if field.page == MEMORY:
                    self._row_of(field)
            self.memory.setVisible(False)
            self._column.addWidget(self.memory)

    def _order_keyboard(self) -> None:
        """Let Tab go from top to bottom, whichever row was made first."""
        parts = sorted((self.connection, self.memory, *self._made.values()), key=self._column.indexOf)
        inside = [each for part in parts for each in part.findChildren(QWidget) if each.window() is self.window()]
        stops = [each for each in inside if _takes_tab(each)]
        for stop, following in pairwise(stops):
            QWidget.setTabOrder(stop, following)

    def _row_of(self, field: Field) -> SettingRow:
        row = self._made.get(field.key)
        if row is None:
            row = SettingRow(field, getattr(_DEFAULTS, field.key))
            row.setVisible(False)
            self._column.insertWidget(self._place_of(field), row)
            self._made[field.key] = row
            self._show_value(row)
            self.row_made.emit(row)
        return row

    def _place_of(self, field: Field) -> int:
        """Return where a row belongs among those that are made: the connection stands before its page's first one."""
        place, is_past_connection = 0, False
        for each in FIELDS:
            if each.page == DOWNLOADS and not is_past_connection:
                place, is_past_connection = place + 1, True
            if each is field:
                break
            place += each.key in self._made
        return place

    def _show_value(self, row: SettingRow) -> None:
        key = row.field.key
        row.show_value(getattr(self._settings, key))
        row.show_origin(self._elsewhere(key))

    def _elsewhere(self, key: str) -> str:
        """Return which models have another value, as theirs counts while they are used."""
        models = [model for model, own in self._settings.models.items() if key in own.own]
        if len(models) == 1:
            return tr("Set otherwise for {model}.").format(model=self._checkpoints.name_of(models[0]))
        return tr("Set otherwise for {count} models.").format(count=len(models)) if models else ""


def _takes_tab(widget: QWidget) -> bool:
    is_tab_stop = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
    return is_tab_stop and widget.focusProxy() is None and not isinstance(widget.parent(), QAbstractSpinBox)
