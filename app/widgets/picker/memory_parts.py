"""How the parts of a memory are drawn, in the bar and in its legend: told apart by shade and pattern, not by hue.

Filled dark, filled half as dark, slanting stripes, upright stripes, empty: each is known without seeing colours.
"""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QLineF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPen

from app.models.memory_picture import Part
from app.widgets.basics.theme import Theme

_UPRIGHT_PX = 4  # from one stripe to the next
_SLANTING_PX = 5.5
_LINE_PX = 1.5
_GAP_PX = 2
_LEAST_PX = 3


def paint_part(painter: QPainter, place: QRectF, part: Part, theme: Theme) -> None:
    """Fill a place as that part; what isn't filled whole gets an edge."""
    colors = theme.colors
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    shape = QPainterPath()
    shape.addRoundedRect(place, 2, 2)
    if part in (Part.WEIGHTS, Part.CONVERSATION):
        is_weights = part is Part.WEIGHTS
        painter.fillPath(shape, QColor(colors.memory_weights if is_weights else colors.memory_conversation))
    else:
        edge = QColor(colors.outline if part is Part.FREE else colors.muted)
        painter.setClipPath(shape)
        painter.setPen(QPen(edge, _LINE_PX))
        if part is not Part.FREE:
            painter.drawLines(_stripes(place, is_slanting=part is Part.WORKING))
        painter.setPen(QPen(edge, 2))  # half of it lies outside the clip
        painter.drawPath(shape)
    painter.restore()


def paint_bar(
    painter: QPainter, place: QRectF, sizes: Sequence[tuple[Part, int]], theme: Theme, *, is_mirrored: bool = False
) -> None:
    """Draw the parts side by side, as wide as they are large, with gaps between them."""
    shown = [(part, size) for part, size in sizes if size > 0]
    total = sum(size for _, size in shown)
    if not total:
        return
    room = place.width() - _GAP_PX * (len(shown) - 1)
    spare = room - _LEAST_PX * len(shown)
    left = 0.0
    for part, size in shown:
        width = _LEAST_PX + max(0.0, spare) * size / total
        start = place.width() - left - width if is_mirrored else left
        paint_part(painter, QRectF(place.left() + start, place.top(), width, place.height()), part, theme)
        left += width + _GAP_PX


def bar_html(sizes: Sequence[tuple[Part, int]], width_px: int, height_px: int, ratio: float, theme: Theme) -> str:
    """Return the bar as a picture for rich text; ratio is how many pixels of the screen one pixel is."""
    return _picture_html(
        QSizeF(width_px, height_px), ratio, lambda painter, place: paint_bar(painter, place, sizes, theme)
    )


def square_html(part: Part, side_px: int, ratio: float, theme: Theme) -> str:
    """Return the square of a legend as a picture for rich text."""
    return _picture_html(
        QSizeF(side_px, side_px), ratio, lambda painter, place: paint_part(painter, place, part, theme)
    )


def _picture_html(size: QSizeF, ratio: float, paint: Callable[[QPainter, QRectF], None]) -> str:
    picture = QImage((size * ratio).toSize(), QImage.Format.Format_ARGB32_Premultiplied)
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    with QPainter(picture) as painter:
        paint(painter, QRectF(0, 0, size.width(), size.height()))
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    picture.save(buffer, "PNG")  # type: ignore[call-overload]
    text = bytes(content.toBase64().data()).decode("ascii")
    return f'<img src="data:image/png;base64,{text}" width="{size.width():.0f}" height="{size.height():.0f}">'


def _stripes(place: QRectF, *, is_slanting: bool) -> list[QLineF]:
    slant = place.height() if is_slanting else 0.0
    step = _SLANTING_PX if is_slanting else _UPRIGHT_PX
    count = int((place.width() + slant) / step) + 1
    starts = (place.left() + step * (number + 0.5) for number in range(count))
    return [QLineF(start - slant, place.bottom(), start, place.top()) for start in starts]
