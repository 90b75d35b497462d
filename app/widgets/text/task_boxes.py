"""Draws the boxes of a task list before its lines, ticked where a task is done: Qt crosses those out."""

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPen, QPolygonF, QTextBlock, QTextBlockFormat
from PySide6.QtWidgets import QTextEdit

from app.widgets.basics.theme import Theme

_GAP_PX = 8
_RADIUS_PX = 4
_TICK = ((20.0, 6.0), (9.0, 17.0), (4.0, 12.0))  # as in assets/icons/check.svg
_TICK_SIDE = 24.0
_TICK_STROKE = 3.0
_TICK_SHARE = 0.8  # of the box


def paint_task_boxes(view: QTextEdit, shown: QRect, theme: Theme, color: str) -> None:
    """Draw the box of each task in a part of the view that is painted; color is that of its text."""
    layout = view.document().documentLayout()
    with QPainter(view.viewport()) as painter:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        block = view.document().begin()
        while block.isValid():
            area = layout.blockBoundingRect(block)
            if area.top() > shown.bottom():
                break
            marker = block.blockFormat().marker()
            if marker != QTextBlockFormat.MarkerType.NoMarker and area.bottom() >= shown.top():
                is_done = marker == QTextBlockFormat.MarkerType.Checked
                is_quoted = block.userState() > 0
                _paint_box(painter, _place(block, theme), is_done, theme, theme.colors.muted if is_quoted else color)
            block = block.next()


def _place(block: QTextBlock, theme: Theme) -> QRectF:
    """Return where a task's box stands: beside its first line, as high as its capitals, in whole pixels."""
    layout = block.layout()
    line = layout.lineAt(0)
    words = line.naturalTextRect().translated(layout.position())
    side = theme.text_size_px
    middle = layout.position().y() + line.y() + line.ascent() - QFontMetricsF(block.charFormat().font()).capHeight() / 2
    is_rtl = block.textDirection() == Qt.LayoutDirection.RightToLeft
    left = words.right() + _GAP_PX if is_rtl else words.left() - _GAP_PX - side
    return QRectF(round(left), round(middle - side / 2), side, side)


def _paint_box(painter: QPainter, place: QRectF, is_done: bool, theme: Theme, color: str) -> None:
    edge = place.adjusted(0.5, 0.5, -0.5, -0.5)
    painter.setPen(QPen(QColor(color if is_done else theme.colors.outline), 1))
    painter.setBrush(QColor(color) if is_done else QBrush())
    painter.drawRoundedRect(edge, _RADIUS_PX, _RADIUS_PX)
    if not is_done:
        return
    scale = place.width() * _TICK_SHARE / _TICK_SIDE
    corner = place.center() - QPointF(_TICK_SIDE, _TICK_SIDE) / 2 * scale
    pen = QPen(QColor(theme.colors.page), _TICK_STROKE * scale)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    painter.drawPolyline(QPolygonF([corner + QPointF(x, y) * scale for x, y in _TICK]))
