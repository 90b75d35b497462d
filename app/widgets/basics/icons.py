"""Lucide outline icons, drawn from their SVG in any colour and sharp on every screen that is connected."""

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QGuiApplication, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from app.widgets.basics.assets import asset
from app.widgets.basics.mirroring import is_mirrored

_SIZES_PX = (14, 16, 18, 20, 24)
_DISABLED_OPACITY = 0.4
# Point to where reading goes on or came from; turned in a window that is read from right to left.
_DIRECTED = {"chevron-left", "chevron-right", "panel-left", "undo-2", "redo-2", "arrow-left", "arrow-right", "list"}


def icon(name: str, color: str, disabled_color: str | None = None) -> QIcon:
    """Return the Lucide icon ``name`` (file name without ``.svg``) in ``color`` (``#rrggbb``).

    A disabled button draws it in ``disabled_color``, or in ``color`` at 40 % opacity without one.
    FileNotFoundError names an icon that is not shipped.
    """
    # Pictures for each screen's own ratio, because Qt would scale others, and that blurs at 125 %. (An icon engine in
    # Python would draw any size, but Qt keeps the copy that clone() returns after Python has freed it: a crash.)
    ratios = frozenset({1.0} | {screen.devicePixelRatio() for screen in QGuiApplication.screens()})
    is_turned = name in _DIRECTED and is_mirrored()
    return _icon(name, color, disabled_color, ratios, is_turned)


def pixmap(name: str, color: str, size_px: int, device_pixel_ratio: float = 1.0) -> QPixmap:
    """Return the icon as a pixmap of ``size_px`` logical pixels for a screen of ``device_pixel_ratio``."""
    return _draw(_renderer(name, color), size_px, device_pixel_ratio)


def app_icon() -> QIcon:
    """Return Hearth's own icon in the sizes that window systems ask for."""
    result = QIcon()
    renderer = QSvgRenderer(str(asset("hearth.svg")))
    for side in (16, 24, 32, 48, 64, 128, 256):
        result.addPixmap(_draw(renderer, side, 1.0))
    return result


@lru_cache(maxsize=256)
def _icon(name: str, color: str, disabled_color: str | None, ratios: frozenset[float], is_turned: bool) -> QIcon:
    result = QIcon()
    enabled = _renderer(name, color)
    disabled = _renderer(name, disabled_color) if disabled_color else None
    for ratio in sorted(ratios):
        for size in _SIZES_PX:
            picture = _draw(enabled, size, ratio, is_turned)
            result.addPixmap(picture)
            result.addPixmap(
                _draw(disabled, size, ratio, is_turned) if disabled else _faded(picture), QIcon.Mode.Disabled
            )
    return result


def _faded(picture: QPixmap) -> QPixmap:
    result = QPixmap(picture.size())
    result.setDevicePixelRatio(picture.devicePixelRatio())
    result.fill(Qt.GlobalColor.transparent)
    with QPainter(result) as painter:
        painter.setOpacity(_DISABLED_OPACITY)
        painter.drawPixmap(0, 0, picture)
    return result


def _renderer(name: str, color: str) -> QSvgRenderer:
    data = asset("icons", f"{name}.svg").read_text(encoding="utf-8").replace("currentColor", color)
    return QSvgRenderer(QByteArray(data.encode()))


def _draw(renderer: QSvgRenderer, size_px: int, ratio: float, is_turned: bool = False) -> QPixmap:
    side = int(size_px * ratio + 0.5)  # as Qt rounds
    picture = QPixmap(side, side)
    picture.fill(Qt.GlobalColor.transparent)
    with QPainter(picture) as painter:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if is_turned:
            painter.translate(side, 0)
            painter.scale(-1, 1)
        renderer.render(painter, QRectF(0, 0, side, side))
    picture.setDevicePixelRatio(ratio)
    return picture
