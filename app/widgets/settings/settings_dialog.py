"""The settings, made from their schema: pages, a search over all of them, Reset beside each field."""

from PySide6.QtCore import QSignalBlocker, QSize, Qt, QTimer, Signal, Slot
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
from app.models.checkpoint_list_model import CheckpointListModel
from app.settings.schema import PAGES, Settings, TakesEffect
from app.widgets.basics.dialog_size import size_on_screen
from app.widgets.basics.faded_edges import fade_edges
from app.widgets.basics.field_buttons import show_clear_button
from app.widgets.basics.reload_note import ReloadNote, RestartNote
from app.widgets.basics.theme import LIGHT, Theme
from app.widgets.settings.setting_controls import KeysControl
from app.widgets.settings.setting_row import SettingRow
from app.widgets.settings.settings_rows import SettingsRows

_PAGES_PX = 212
_PAGE_ROW_PX = 32


class SettingsDialog(QDialog):
    """Stays open beside the window; every change is emitted at once."""

    changed = Signal(object)  # (key, value)
    reset_requested = Signal(object)  # key
    reload_requested = Signal()
    restart_requested = Signal()  # of Hearth itself
    keys_requested = Signal()  # the list of keys is wanted

    def __init__(
        self,
        settings: Settings,
        parent: QWidget | None = None,
        theme: Theme = LIGHT,
        checkpoints: CheckpointListModel | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Settings"))
        size_on_screen(self, 720, 560)
        self._rows = SettingsRows(settings, theme, checkpoints or CheckpointListModel(self))
        self._rows.row_made.connect(self._on_row_made)
        self.memory = self._rows.memory
        self.connection = self._rows.connection
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
        self.pages.itemSelectionChanged.connect(self._on_page_chosen)
        self.heading = QLabel()
        self.heading.setProperty("role", "title")
        self.nothing = QLabel(tr("No setting has these words."))
        self.nothing.setProperty("role", "muted")
        self.reload_note = ReloadNote()
        self.reload_note.wanted.connect(self.reload_requested)
        self.restart_note = RestartNote()
        self.restart_note.wanted.connect(self.restart_requested)
        self._build_layout()
        self.pages.setCurrentRow(0)

    @property
    def rows(self) -> list[SettingRow]:
        """The rows of all settings in their order."""
        return self._rows.all

    def row(self, key: str) -> SettingRow:
        """Return the row of a setting; raises KeyError."""
        return self._rows.row(key)

    def show_settings(self, settings: Settings) -> None:
        """Show the values that count now."""
        self._rows.show_settings(settings)

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
        rows.addWidget(self._rows)
        rows.addStretch(1)
        scroll = self._scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(content)
        fade_edges(scroll)
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
        right_column.addWidget(self.restart_note)
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
        with QSignalBlocker(self.pages):  # no page is the one that is shown while all are searched
            if words:
                self.pages.clearSelection()
            else:
                self.pages.setCurrentRow(max(0, self.pages.currentRow()))
                self.pages.currentItem().setSelected(True)
        is_found = self._rows.filter(words, page)
        self.nothing.setHidden(is_found)
        self.heading.setText(tr(page) if not words else tr("Found") if is_found else tr("Nothing found"))
        self._scroll.verticalScrollBar().setValue(0)

    @Slot()
    def _on_page_chosen(self) -> None:
        """Leave the search for the page; nothing chosen is the search's own doing."""
        if self.pages.selectedItems():
            self.search.clear()
            self._on_filter_changed()

    @Slot(object)
    def _on_row_made(self, row: SettingRow) -> None:
        row.changed.connect(self._on_row_changed)
        row.reset_requested.connect(self._on_row_reset)
        if isinstance(row.control, KeysControl):
            row.control.requested.connect(self.keys_requested)

    @Slot(object)
    def _on_row_changed(self, change: object) -> None:
        assert isinstance(change, tuple)
        self._note_wait(str(change[0]))
        self.changed.emit(change)

    @Slot(object)
    def _on_row_reset(self, key: object) -> None:
        self._note_wait(str(key))
        self.reset_requested.emit(key)

    def _note_wait(self, key: str) -> None:
        takes_effect = self.row(key).field.takes_effect
        if takes_effect is TakesEffect.AFTER_RELOAD:
            self.reload_note.show()
        elif takes_effect is TakesEffect.AFTER_RESTART:
            self.restart_note.show()
