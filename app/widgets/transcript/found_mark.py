"""Marks for a moment what was looked for: a frame around it."""

from PySide6.QtCore import QEvent, QMargins, QObject, QRectF, Qt, QTimer
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.widgets.basics.theme import RADIUS_LARGE_PX, Theme

_SHOWN_MS = 1600
_AIR = QMargins(12, 4, 12, 4)  # between what is marked and the frame


class FoundMark(QWidget):
    """Lies over a widget and goes with it, lets everything through, and ends with it or after a moment."""

    def __init__(self, marked: QWidget, theme: Theme) -> None:
        super().__init__(marked.parentWidget())
        marked.installEventFilter(self)
        marked.destroyed.connect(self.deleteLater)
        self._color = QColor(theme.colors.visited_match)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setGeometry(marked.geometry().marginsAdded(_AIR))
        self._timer = QTimer(self, interval=_SHOWN_MS, singleShot=True)
        self._timer.timeout.connect(self.deleteLater)
        self._timer.start()
        self.show()
        self.raise_()

    def eventFilter(self, marked: QObject, event: QEvent) -> bool:
        """Go where the widget goes."""
        if isinstance(marked, QWidget):
            if event.type() in (QEvent.Type.Move, QEvent.Type.Resize):
                self.setGeometry(marked.geometry().marginsAdded(_AIR))
            elif event.type() == QEvent.Type.Hide:
                self.hide()
        return super().eventFilter(marked, event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the frame."""
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(self._color, 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), RADIUS_LARGE_PX, RADIUS_LARGE_PX)
