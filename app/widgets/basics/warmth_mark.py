"""The small marks for how warm a conversation is, from full to empty: a dot, a half-filled ring, a ring."""

from functools import lru_cache

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPen, QPixmap

from app.widgets.basics.theme import Theme
from engine.api.warmth import Tier

MARK_PX = 8
_LINE_PX = 1.25
_ICON_PX = 16
_HALF_TURN = 180 * 16  # Qt counts sixteenths of a degree


def paint_mark(painter: QPainter, center: QPointF, tier: Tier, theme: Theme) -> None:
    """Draw the mark of a tier; shape and colour both tell it, so that neither is needed."""
    colors = theme.colors
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if tier is Tier.DEVICE:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colors.accent))
        painter.drawEllipse(center, MARK_PX / 2, MARK_PX / 2)
    else:
        radius = (MARK_PX - _LINE_PX) / 2
        painter.setPen(QPen(QColor(colors.muted), _LINE_PX))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(center, radius, radius)
        if tier is Tier.RAM:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.muted))
            around = QRectF(center.x() - radius, center.y() - radius, 2 * radius, 2 * radius)
            painter.drawPie(around, _HALF_TURN, _HALF_TURN)
    painter.restore()


def mark_icon(tier: Tier, theme: Theme) -> QIcon:
    """Return the mark as an icon, sharp on every screen that is connected."""
    ratios = frozenset({1.0} | {screen.devicePixelRatio() for screen in QGuiApplication.screens()})
    return _icon(tier, theme, ratios)


@lru_cache(maxsize=32)
def _icon(tier: Tier, theme: Theme, ratios: frozenset[float]) -> QIcon:
    result = QIcon()
    for ratio in sorted(ratios):
        side = int(_ICON_PX * ratio + 0.5)
        picture = QPixmap(side, side)
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        with QPainter(picture) as painter:
            paint_mark(painter, QPointF(_ICON_PX / 2, _ICON_PX / 2), tier, theme)
        for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):  # Qt would tint it in a chosen row
            result.addPixmap(picture, mode)
    return result
