"""Puts drawn formulas into a text: each is one character of the document, on the baseline, that knows its source."""

from collections.abc import Iterator
from functools import lru_cache

from PySide6.QtCore import QObject, QPointF, QRect, QRectF, QSizeF
from PySide6.QtGui import (
    QFont,
    QFontMetricsF,
    QPainter,
    QPyTextObject,
    QTextBlock,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFragment,
)

from app.mathematics.shapes import Shape
from app.rendering.formulas import Formula, parse_formula
from app.widgets.basics.fonts import text_font
from app.widgets.text.formulas import paint_shape, scale_of

FORMULA_OBJECT = QTextFormat.ObjectTypes.UserObject + 1
_SOURCE = QTextFormat.Property.UserProperty + 1
_TEXT_SIZE = QTextFormat.Property.UserProperty + 2
_COLOR = QTextFormat.Property.UserProperty + 3
_ROOM = QTextFormat.Property.UserProperty + 4
_BRUSH = QTextFormat.Property.ForegroundBrush
OBJECT_CHARACTER = "\ufffc"
_SIDE_PX = 1.0


class FormulaObject(QPyTextObject):
    """Draws the formulas of one document, for which it is registered for FORMULA_OBJECT; it must outlive that.

    shapes: the drawings by their source; they are kept here, as the shelf may let go of what is still on screen.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.shapes: dict[str, Shape] = {}
        self._selected: list[tuple[Shape, QRectF, str]] = []  # (drawing, place in the painter's view, colour)

    def intrinsicSize(self, document: QTextDocument, position: int, text_format: QTextFormat) -> QSizeF:
        """Return the room a formula takes; Qt asks some five times for each that it paints."""
        room = text_format.property(_ROOM)
        return room if isinstance(room, QSizeF) else QSizeF(1, 1)

    def drawObject(
        self, painter: QPainter, rect: QRectF | QRect, document: QTextDocument, position: int, text_format: QTextFormat
    ) -> None:
        """Draw a formula on the baseline."""
        drawn = self._shape_of(text_format)
        if drawn is not None:
            shape, scale = drawn
            size = QSizeF(shape.width * scale, (shape.ascent + shape.descent) * scale)
            place = QRectF(QPointF(rect.topLeft()) + QPointF(_SIDE_PX, 0), size)
            color = str(text_format.property(_COLOR))
            if text_format.hasProperty(_BRUSH):  # only a selection or a match brings one
                color = text_format.foreground().color().name()
                self._selected.append((shape, painter.transform().mapRect(place), color))
            paint_shape(painter, shape, place, color)

    def paint_selected(self, painter: QPainter) -> None:
        """Draw what is selected once more: Qt lays half of the selection's colour over each object."""
        selected, self._selected = self._selected, []
        for shape, place, color in selected:
            paint_shape(painter, shape, place, color)

    def _shape_of(self, text_format: QTextFormat) -> tuple[Shape, float] | None:
        source, size = text_format.property(_SOURCE), text_format.property(_TEXT_SIZE)
        shape = self.shapes.get(source) if isinstance(source, str) else None
        return None if shape is None or not isinstance(size, int) else (shape, scale_of(size))


def formula_at(document: QTextDocument, position: int) -> Formula | None:
    """Return the drawn formula whose character is at a position of the document, or just before it."""
    cursor = QTextCursor(document)
    for place in (position + 1, position):
        if 0 < place < document.characterCount():
            cursor.setPosition(place)
            source = cursor.charFormat().property(_SOURCE)
            if isinstance(source, str):
                return parse_formula(source)
    return None


def selected_text(cursor: QTextCursor) -> str:
    """Return the plain text of a selection, each formula in it as its LaTeX between dollars."""
    start, end = cursor.selectionStart(), cursor.selectionEnd()
    text = cursor.selection().toPlainText()
    if OBJECT_CHARACTER not in text:
        return text
    sources = []
    block = cursor.document().findBlock(start)
    while block.isValid() and block.position() < end:
        for fragment in _fragments(block):
            source = fragment.charFormat().property(_SOURCE)
            for place in range(max(start, fragment.position()), min(end, fragment.position() + fragment.length())):
                if cursor.document().characterAt(place) == OBJECT_CHARACTER:
                    sources.append(parse_formula(source).source if isinstance(source, str) else "")
        block = block.next()
    pieces = text.split(OBJECT_CHARACTER)
    return "".join(piece + source for piece, source in zip(pieces, [*sources, *[""] * len(pieces)], strict=False))


def sources_in(block: QTextBlock) -> list[str]:
    """Return the source of each drawn formula of a paragraph, in order."""
    sources = []
    for fragment in _fragments(block):
        source = fragment.charFormat().property(_SOURCE)
        if isinstance(source, str):
            sources += [source] * fragment.length()
    return sources


def _fragments(block: QTextBlock) -> Iterator[QTextFragment]:
    iterator = block.begin()
    while not iterator.atEnd():
        yield iterator.fragment()
        iterator += 1


@lru_cache(maxsize=2_000)
def object_format(source: str, shape: Shape, text_size_px: int, color: str) -> QTextCharFormat:
    """Return the format of a formula's character; color: that of the text around."""
    scale = scale_of(text_size_px)
    font = _font_as_deep(shape.descent * scale, text_size_px)
    result = QTextCharFormat()
    result.setObjectType(FORMULA_OBJECT)
    result.setProperty(_SOURCE, source)
    result.setProperty(_TEXT_SIZE, text_size_px)
    result.setProperty(_COLOR, color)
    height = shape.ascent * scale + QFontMetricsF(font).descent()
    result.setProperty(_ROOM, QSizeF(shape.width * scale + 2 * _SIDE_PX, height))
    result.setFont(font)
    result.setVerticalAlignment(QTextCharFormat.VerticalAlignment.AlignBaseline)
    return result


def _font_as_deep(descent_px: float, text_size_px: int) -> QFont:
    """Return a font that reaches so far below the baseline, at least as far as the text's own does.

    Qt gives an object that stands on the baseline its font's depth, and nothing else decides it.
    """
    size = max(text_size_px, int(descent_px / QFontMetricsF(text_font(100)).descent() * 100))
    while QFontMetricsF(text_font(size)).descent() < descent_px:
        size += 1
    return text_font(size)
