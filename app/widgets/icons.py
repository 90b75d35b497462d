"""Lucide outline icons, drawn from their SVG in any colour and sharp at any scale."""

from functools import lru_cache

from PySide6.QtCore import QByteArray, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QIconEngine, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from app.widgets.assets import asset


def icon(name: str, color: str, disabled_color: str | None = None) -> QIcon:
    """Return the Lucide icon ``name`` (file name without ``.svg``) in ``color`` (``#rrggbb``).

    A disabled button draws it in ``disabled_color``, or in ``color`` at 40 % opacity without one.
    FileNotFoundError names an icon that is not shipped.
    """
    _svg(name)  # tell about a missing icon here, not while painting
    return QIcon(_SvgEngine(name, color, disabled_color))


def pixmap(name: str, color: str, size_px: int, device_pixel_ratio: float = 1.0) -> QPixmap:
    """Return the icon as a pixmap of ``size_px`` logical pixels for a screen of ``device_pixel_ratio``."""
    side = round(size_px * device_pixel_ratio)
    picture = QPixmap(side, side)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    _draw(painter, name, color, QRectF(0, 0, side, side))
    painter.end()
    picture.setDevicePixelRatio(device_pixel_ratio)
    return picture


def app_icon() -> QIcon:
    """Return Hearth's own icon in the sizes that window systems ask for."""
    result = QIcon()
    renderer = QSvgRenderer(str(asset("hearth.svg")))
    for side in (16, 24, 32, 48, 64, 128, 256):
        picture = QPixmap(side, side)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        renderer.render(painter, QRectF(0, 0, side, side))
        painter.end()
        result.addPixmap(picture)
    return result


@lru_cache(maxsize=128)
def _svg(name: str) -> str:
    return asset("icons", f"{name}.svg").read_text(encoding="utf-8")


def _draw(painter: QPainter, name: str, color: str, rectangle: QRectF) -> None:
    data = _svg(name).replace("currentColor", color)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    QSvgRenderer(QByteArray(data.encode())).render(painter, rectangle)


class _SvgEngine(QIconEngine):
    """Draws one recoloured SVG at whatever size Qt asks for, so that 125 % and 150 % screens stay sharp."""

    def __init__(self, name: str, color: str, disabled_color: str | None) -> None:
        super().__init__()
        self._name, self._color, self._disabled_color = name, color, disabled_color

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        color = self._color
        painter.save()
        if mode == QIcon.Mode.Disabled:
            color = self._disabled_color or color
            painter.setOpacity(painter.opacity() * (1.0 if self._disabled_color else 0.4))
        side = min(rect.width(), rect.height())
        corner = rect.topLeft() + QPoint((rect.width() - side) // 2, (rect.height() - side) // 2)
        _draw(painter, self._name, color, QRectF(corner.x(), corner.y(), side, side))
        painter.restore()

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        picture = QPixmap(size)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return picture

    def clone(self) -> QIconEngine:
        return _SvgEngine(self._name, self._color, self._disabled_color)
