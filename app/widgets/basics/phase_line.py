"""What the engine is doing right now, in words, beside a small ember dot."""

from PySide6.QtCore import QEvent, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QWidget

from app.widgets.basics.theme import Theme

_DOT_PX = 8
_TEXT_LEFT_PX = 16


class PhaseLine(QLabel):
    """One line such as "Reading 320 of 640 tokens"."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", "small")
        self._keep_room()
        self.setMinimumWidth(1)

    def set_phase(self, phase: str) -> None:
        """Show these words."""
        if phase != self.text():
            self.setText(phase)
            self.setAccessibleName(phase)

    def set_theme(self, theme: Theme) -> None:
        """Draw the dot in another theme."""
        self._theme = theme
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the words and the dot."""
        super().paintEvent(event)
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(self._theme.colors.accent))
            left = self.width() - _DOT_PX - 1 if self.isRightToLeft() else 1
            painter.drawEllipse(QRectF(left, (self.height() - _DOT_PX) / 2, _DOT_PX, _DOT_PX))

    def changeEvent(self, event: QEvent) -> None:
        """Keep the dot's room where reading begins."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.LayoutDirectionChange:
            self._keep_room()

    def _keep_room(self) -> None:
        is_turned = self.isRightToLeft()
        self.setContentsMargins(0 if is_turned else _TEXT_LEFT_PX, 0, _TEXT_LEFT_PX if is_turned else 0, 0)
