"""The mark of what is being done just now: three dots in a row, unlike the single warm dot in shape and in colour."""

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter

from app.widgets.basics.theme import Theme

_DOT_PX = 4
_STEP_PX = 6
_DOTS = 3
RUNNING_PX = _DOT_PX + (_DOTS - 1) * _STEP_PX


def paint_running(painter: QPainter, center: QPointF, theme: Theme) -> None:
    """Draw the dots around a point; they are RUNNING_PX wide."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(theme.colors.text))
    for place in range(_DOTS):
        shift = (place - (_DOTS - 1) / 2) * _STEP_PX
        painter.drawEllipse(center + QPointF(shift, 0), _DOT_PX / 2, _DOT_PX / 2)
    painter.restore()
