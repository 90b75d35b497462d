"""The ring around what has the keyboard, where no style sheet draws it: the same everywhere."""

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from app.widgets.basics.theme import RADIUS_PX, Theme

RING_PX = 2


def paint_focus(painter: QPainter, place: QRect | QRectF, theme: Theme, radius: float = RADIUS_PX) -> None:
    """Draw the ring along the inside of a place."""
    half = RING_PX / 2
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(theme.colors.accent), RING_PX))
    painter.drawRoundedRect(QRectF(place).adjusted(half, half, -half, -half), radius, radius)
