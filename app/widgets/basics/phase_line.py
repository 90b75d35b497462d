"""What the engine is doing right now, in words, beside the mark of what is being done."""

from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QWidget

from app.widgets.basics.running_mark import RUNNING_PX, paint_running
from app.widgets.basics.theme import Theme

_TEXT_LEFT_PX = RUNNING_PX + 8


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
        """Draw the mark in another theme."""
        self._theme = theme
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the words and the mark."""
        super().paintEvent(event)
        with QPainter(self) as painter:
            middle = self.width() - RUNNING_PX / 2 if self.isRightToLeft() else RUNNING_PX / 2
            paint_running(painter, QPointF(middle, self.height() / 2), self._theme)

    def changeEvent(self, event: QEvent) -> None:
        """Keep the mark's room where reading begins."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.LayoutDirectionChange:
            self._keep_room()

    def _keep_room(self) -> None:
        is_turned = self.isRightToLeft()
        self.setContentsMargins(0 if is_turned else _TEXT_LEFT_PX, 0, _TEXT_LEFT_PX if is_turned else 0, 0)
