"""How a chosen row of a list is drawn: neutral, as the accent is for the focus, and with an edge that is seen."""

from PySide6.QtCore import QRect, QRectF
from PySide6.QtGui import QColor, QPainter, QPen

from app.widgets.basics.theme import RADIUS_PX, Theme


def paint_chosen(painter: QPainter, row: QRect, theme: Theme) -> None:
    """Fill a row's place and draw its edge, which stands out from the page by 3:1 where the fill is only a shade."""
    painter.setBrush(QColor(theme.colors.pressed))
    painter.setPen(QPen(QColor(theme.colors.outline), 1))
    painter.drawRoundedRect(QRectF(row).adjusted(0.5, 0.5, -0.5, -0.5), RADIUS_PX, RADIUS_PX)
