"""Filled buttons: the main one of a dialog or page, and Send. Their focus ring has a gap to the fill.

A ring beside a fill as light or dark as itself would hardly be seen; both stand out from the gap, which is the page's.
"""

from PySide6.QtCore import QRectF
from PySide6.QtGui import QGuiApplication, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QPushButton, QToolButton, QWidget

from app.widgets.basics.theme import RADIUS_PX

_RING_PX = 2
_GAP_PX = 2


class PrimaryButton(QPushButton):
    """What is pressed most likely in a dialog or on a page; one of them at most."""

    def __init__(self, words: str, parent: QWidget | None = None) -> None:
        super().__init__(words, parent)
        self.setProperty("kind", "primary")

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the button, and the ring while it has the keyboard."""
        super().paintEvent(event)
        if self.hasFocus():
            _paint_ring(self)


class SendButton(QToolButton):
    """The one button in the accent's colour."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "send")

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the button, and the ring while it has the keyboard."""
        super().paintEvent(event)
        if self.hasFocus():
            _paint_ring(self)


def _paint_ring(button: QWidget) -> None:
    """Draw a ring along the edge and a gap inside it, over the fill."""
    colors = QGuiApplication.palette()  # the button's own has its fill as the ground
    with QPainter(button) as painter:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        gap = _RING_PX + _GAP_PX / 2
        for role, inset, width in (
            (QPalette.ColorRole.Window, gap, _GAP_PX + 1),  # one more, or the fill would shine through below the ring
            (QPalette.ColorRole.Accent, _RING_PX / 2, _RING_PX),
        ):
            painter.setPen(QPen(colors.color(role), width))
            place = QRectF(button.rect()).adjusted(inset, inset, -inset, -inset)
            painter.drawRoundedRect(place, RADIUS_PX - inset, RADIUS_PX - inset)
