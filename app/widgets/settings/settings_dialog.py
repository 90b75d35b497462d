"""The settings, made from their schema: pages, a search over all of them, Reset beside each field."""

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.language import tr
from app.settings.schema import DOWNLOADS, FIELDS, MEMORY, PAGES, Settings, TakesEffect
from app.widgets.basics.dialog_size import size_on_screen
from app.widgets.basics.field_buttons import show_clear_button
from app.widgets.basics.reload_note import ReloadNote
from app.widgets.basics.theme import LIGHT, Theme
from app.widgets.models.connection_row import ConnectionRow
from app.widgets.settings.memory_row import MemoryRow
from app.widgets.settings.setting_controls import KeysControl
from app.widgets.settings.setting_row import SettingRow

_PAGES_PX = 212
_PAGE_ROW_PX = 32
_DEFAULTS = Settings()


class SettingsDialog(QDialog):
    """Stays open beside the window; every change is emitted at once."""

    changed = Signal(object)  # (key, value)
    reset_requested = Signal(object)  # key
    reload_requested = Signal()
    keys_requested = Signal()  # the list of keys is wanted

    def __init__(self, settings: Settings, parent: QWidget | None = None, theme: Theme = LIGHT) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Settings"))
        size_on_screen(self, 720, 560)
        self.memory = MemoryRow()
        self.connection = ConnectionRow(theme)
        self.rows = [SettingRow(field, getattr(_DEFAULTS, field.key)) for field in FIELDS]
        self.search = QLineEdit()
        self.search.setPlaceholderText(tr("Search settings"))
        self.search.setAccessibleName(tr("Search settings"))
        show_clear_button(self.search)
        self.search.textChanged.connect(self._on_filter_changed)
        self.pages = QListWidget()
        self.pages.setAccessibleName(tr("Pages"))
        for page in PAGES:
            item = QListWidgetItem(tr(page))
            item.setSizeHint(QSize(0, _PAGE_ROW_PX))  # asked for before the style sheet counts
            self.pages.addItem(item)
        self.pages.currentRowChanged.connect(self._on_filter_changed)
        self.heading = QLabel()
        self.heading.setProperty("role", "title")
        self.nothing = QLabel(tr("No setting has these words."))
        self.nothing.setProperty("role", "muted")
        self.reload_note = ReloadNote()
        self.reload_note.reload_requested.connect(self.reload_requested)
        self._build_layout()
        for row in self.rows:
            row.changed.connect(self._on_row_changed)
            row.reset_requested.connect(self._on_row_reset)
        keys = self.row("keys").control
        assert isinstance(keys, KeysControl)
        keys.requested.connect(self.keys_requested)
        self.show_settings(settings)
        self.pages.setCurrentRow(0)

    def row(self, key: str) -> SettingRow:
        """Return the row of a setting; raises KeyError."""
        for row in self.rows:
            if row.field.key == key:
                return row
        raise KeyError(key)

    def _first_of(self, page: str) -> SettingRow:
        return next(row for row in self.rows if row.field.page == page)

    def show_settings(self, settings: Settings) -> None:
        """Show the values that count now."""
        for row in self.rows:
            row.show_value(getattr(settings, row.field.key))
            row.show_origin(_elsewhere(settings, row.field.key))

    def showEvent(self, event: QShowEvent) -> None:
        """Begin with the search, also when it is opened once more."""
        super().showEvent(event)
        if not event.spontaneous():
            self.search.selectAll()
            self.search.setFocus(Qt.FocusReason.ActiveWindowFocusReason)

    def show_field(self, key: str) -> None:
        """Go to one setting."""
        row = self.row(key)
        self.search.clear()
        self.pages.setCurrentRow(PAGES.index(row.field.page))
        self._on_filter_changed()
        row.control.widget.setFocus(Qt.FocusReason.ShortcutFocusReason)
        QTimer.singleShot(0, row, lambda: self._scroll.ensureWidgetVisible(row))  # once the page is laid out

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self.connection.set_theme(theme)

    def _build_layout(self) -> None:
        content = QWidget()
        rows = QVBoxLayout(content)
        rows.setContentsMargins(24, 20, 24, 24)
        rows.setSpacing(24)
        rows.addWidget(self.heading)
        rows.addWidget(self.nothing)
        for row in self.rows:
            rows.addWidget(row)
        rows.addWidget(self.memory)
        rows.insertWidget(rows.indexOf(self._first_of(DOWNLOADS)), self.connection)
        rows.addStretch(1)
        scroll = self._scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(content)
        left = QFrame()
        left.setProperty("surface", "sidebar")
        left.setFixedWidth(_PAGES_PX + 32)
        left_column = QVBoxLayout(left)
        left_column.setContentsMargins(12, 16, 12, 12)
        left_column.setSpacing(12)
        left_column.addWidget(self.search)
        left_column.addWidget(self.pages, 1)
        right_column = QVBoxLayout()
        right_column.setSpacing(0)
        right_column.addWidget(scroll, 1)
        right_column.addWidget(self.reload_note)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(left)
        layout.addLayout(right_column, 1)

    @Slot()
    def _on_filter_changed(self) -> None:
        """With words in the search field all pages are searched; without, one page is shown."""
        words = self.search.text().strip()
        page = PAGES[max(0, self.pages.currentRow())]
        shown = [row for row in self.rows if (row.matches(words) if words else row.field.page == page)]
        for row in self.rows:
            row.setVisible(row in shown)
        shows_memory = self.memory.matches(words) if words else page == MEMORY
        self.memory.setVisible(shows_memory)
        shows_connection = self.connection.matches(words) if words else page == DOWNLOADS
        self.connection.setVisible(shows_connection)
        self.nothing.setVisible(not (shown or shows_memory or shows_connection))
        self.heading.setText(tr("Found") if words else tr(page))
        self._scroll.verticalScrollBar().setValue(0)

    @Slot(object)
    def _on_row_changed(self, change: object) -> None:
        assert isinstance(change, tuple)
        self._note_reload(str(change[0]))
        self.changed.emit(change)

    @Slot(object)
    def _on_row_reset(self, key: object) -> None:
        self._note_reload(str(key))
        self.reset_requested.emit(key)

    def _note_reload(self, key: str) -> None:
        if self.row(key).field.takes_effect is TakesEffect.AFTER_RELOAD:
            self.reload_note.show()


def _elsewhere(settings: Settings, key: str) -> str:
    """Return which models have another value, as theirs counts while they are used."""
    models = [model for model, own in settings.models.items() if key in own.own]
    if len(models) == 1:
        return tr("Set otherwise for {model}.").format(model=models[0])
    return tr("Set otherwise for {count} models.").format(count=len(models)) if models else ""
