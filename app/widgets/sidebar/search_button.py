"""What looks like a search field and opens the search of everything."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from app.language import tr
from app.widgets.basics.icons import icon
from app.widgets.basics.mirroring import margins
from app.widgets.basics.plain_label import plain_label
from app.widgets.basics.theme import Theme


class SearchButton(QPushButton):
    """Says its key at its end."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(tr("Search"), parent)
        self.setProperty("kind", "search")
        self.setToolTip(tr("Search conversations, messages, commands, models and settings"))
        self._key = plain_label("", "small")
        self._key.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        row = QHBoxLayout(self)
        row.setContentsMargins(margins(0, 0, 12, 0))
        row.addStretch(1)
        row.addWidget(self._key)
        self.set_theme(theme)

    def follow(self, action: QAction) -> None:
        """Do what the action does, and say its key, also after that was changed."""
        self.clicked.connect(action.trigger)
        action.changed.connect(lambda: self._show_key(action))
        self._show_key(action)

    def _show_key(self, action: QAction) -> None:
        self._key.setText(action.shortcut().toString(QKeySequence.SequenceFormat.NativeText))

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self.setIcon(icon("search", theme.colors.muted))
