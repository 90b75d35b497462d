"""One line of foreign text that is cut with an ellipsis where the room ends."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from app.widgets.basics.foreign_text import set_tooltip
from app.widgets.basics.mirroring import draw_line

_MEASURED_CHARACTERS = 500


class ElidedLabel(QLabel):
    """Never wider than the room it is given; the whole text is its tooltip."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.set_text(text)

    def set_text(self, text: str) -> None:
        """Show the text as one line."""
        line = " ".join(text[:_MEASURED_CHARACTERS].split())
        self.setText(line)
        set_tooltip(self, text[:_MEASURED_CHARACTERS])

    def sizeHint(self) -> QSize:
        """Return one line's height; any width will do."""
        return QSize(40, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """Return one line's height and hardly any width."""
        return QSize(16, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what fits."""
        with QPainter(self) as painter:
            rectangle = self.contentsRect()
            line = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, rectangle.width())
            painter.setPen(self.palette().color(self.foregroundRole()))
            draw_line(painter, rectangle, self.layoutDirection(), line)
