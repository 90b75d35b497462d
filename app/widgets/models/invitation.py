"""What an empty list shows: an icon, what will be here, and a way to begin."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.widgets.basics.icons import pixmap
from app.widgets.basics.plain_label import plain_label
from app.widgets.basics.theme import Theme

_ICON_PX = 24
_WIDTH_PX = 360


class Invitation(QWidget):
    """In the middle of the room it is given."""

    def __init__(self, icon_name: str, title: str, words: str, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon_name = icon_name
        self._icon = QLabel()
        self._icon.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.title = plain_label(title, "heading", wraps=True)
        self.words = plain_label(words, "muted", wraps=True)
        self._inner = QVBoxLayout()
        self._inner.setSpacing(8)
        self._inner.addWidget(self._icon)
        for label in (self.title, self.words):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            self._inner.addWidget(label)
        self._inner.addSpacing(4)
        inner = QWidget()
        inner.setMaximumWidth(_WIDTH_PX)
        self._inner.setContentsMargins(0, 0, 0, 0)
        inner.setLayout(self._inner)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(inner, 1000)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.addStretch(2)
        column.addLayout(row)
        column.addStretch(3)
        self.set_theme(theme)

    def show_words(self, icon_name: str, title: str, words: str, theme: Theme) -> None:
        """Say something else."""
        self._icon_name = icon_name
        self.title.setText(title)
        self.words.setText(words)
        self.words.setVisible(bool(words))
        self.set_theme(theme)

    def add_button(self, button: QPushButton) -> None:
        """Offer a way to begin."""
        button.setAutoDefault(False)
        self._inner.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._icon.setPixmap(pixmap(self._icon_name, theme.colors.muted, _ICON_PX, self.devicePixelRatioF()))
