"""How a private conversation is told: the quiet line above it, and its icon in the sidebar."""

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from app.language import mark, tr
from app.widgets.basics.icons import pixmap
from app.widgets.basics.theme import Theme

ICON = "eye-off"
PRIVATE_PX = 20  # room that the icon takes before a title
_ICON_PX = 14
_WORDS = mark("Private conversation: it is not saved")
EXPLANATION = mark("Nothing of it is saved. It is gone when you delete it or quit Hearth.")


class PrivateMark(QWidget):
    """An icon and a sentence, in the middle; hidden until it is wanted."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon = QLabel()
        self._words = QLabel(tr(_WORDS))
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        self._words.setProperty("role", "small")
        self.setToolTip(tr(EXPLANATION))
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 16, 8)
        row.setSpacing(6)
        row.addStretch(1)
        row.addWidget(self._icon)
        row.addWidget(self._words)
        row.addStretch(1)
        self.set_theme(theme)
        self.hide()

    @property
    def text(self) -> str:
        """The sentence."""
        return self._words.text()

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._icon.setPixmap(pixmap(ICON, theme.colors.muted, _ICON_PX, self.devicePixelRatioF()))


def paint_private(painter: QPainter, middle: float, left: float, theme: Theme) -> None:
    """Draw the icon before a title, at a height and from a left edge in pixels."""
    picture = pixmap(ICON, theme.colors.muted, _ICON_PX, painter.device().devicePixelRatio())
    painter.drawPixmap(QPointF(left, middle - _ICON_PX / 2), picture)
