"""Draws the lines of the palette: names of sections, and entries with an icon, a title, and what was found in bold."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QTextCharFormat, QTextLayout, QTextOption
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.conversations.excerpt import HIT_END, HIT_START
from app.models.palette_entries import Entry, Kind
from app.models.palette_model import ENTRY_ROLE
from app.widgets.basics.chosen_row import paint_chosen
from app.widgets.basics.elided_title import elided_title
from app.widgets.basics.fonts import text_font
from app.widgets.basics.icons import pixmap
from app.widgets.basics.theme import RADIUS_PX, Theme

_ICONS = {
    Kind.CONVERSATION: "message-square",
    Kind.MESSAGE: "file-text",
    Kind.COMMAND: "play",
    Kind.MODEL: "cpu",
    Kind.SETTING: "sliders-horizontal",
    Kind.HINT: "search",
    Kind.MORE: "search",
}
_SIDE_PX = 8
_PAD_PX = 12
_ICON_PX = 16
_GAP_PX = 12
_END_CHARACTERS = 40
_LINE_CHARACTERS = 240
_Index = QModelIndex | QPersistentModelIndex


class PaletteDelegate(QStyledItemDelegate):
    """The current line has a background; the keyboard stays in the field above."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """Return room for one line, or two where something was found in a text."""
        entry = index.data(ENTRY_ROLE)
        line, small = QFontMetrics(self._font()).height(), QFontMetrics(self._small_font()).height()
        if not isinstance(entry, Entry):
            return QSize(100, small + (12 if index.row() == 0 else 20))
        return QSize(100, line + 16 + (small + 2 if entry.detail else 0))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Draw one line."""
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)
        place = option.rect.adjusted(_SIDE_PX, 0, -_SIDE_PX, 0)
        entry = index.data(ENTRY_ROLE)
        if isinstance(entry, Entry):
            self._paint_entry(painter, place, option, entry)
        else:
            painter.setFont(self._small_font(QFont.Weight.Medium))
            painter.setPen(QColor(self._theme.colors.muted))
            side = _absolute(option.direction, Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignBottom
            painter.drawText(place.adjusted(_PAD_PX, 0, -_PAD_PX, -4), int(side), str(index.data()))
        painter.restore()

    def _paint_entry(self, painter: QPainter, place: QRect, option: QStyleOptionViewItem, entry: Entry) -> None:
        colors, direction = self._theme.colors, option.direction
        state: QStyle.StateFlag = option.state
        if state & QStyle.StateFlag.State_Selected:
            paint_chosen(painter, place, self._theme)
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.hover))
            painter.drawRoundedRect(place, RADIUS_PX, RADIUS_PX)
        line = QRect(place.left(), place.top() + 8, place.width(), QFontMetrics(self._font()).height())
        spot = QRect(place.left() + _PAD_PX, line.center().y() - _ICON_PX // 2 + 1, _ICON_PX, _ICON_PX)
        picture = pixmap(_ICONS[entry.kind], colors.muted, _ICON_PX, painter.device().devicePixelRatio())
        painter.drawPixmap(QStyle.visualRect(direction, place, spot).topLeft(), picture)
        words = line.adjusted(_PAD_PX + _ICON_PX + _GAP_PX, 0, -_PAD_PX, 0)
        end = _one_line(entry.end)[:_END_CHARACTERS]
        end_width = QFontMetrics(self._small_font()).horizontalAdvance(end) if end else 0
        painter.setFont(self._small_font())
        painter.setPen(QColor(colors.muted))
        side = _absolute(direction, Qt.AlignmentFlag.AlignRight) | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QStyle.visualRect(direction, place, words), int(side), end)
        painter.setFont(self._font())
        painter.setPen(QColor(colors.text))
        room = words.width() - (end_width + _GAP_PX if end else 0)
        title = elided_title(painter.fontMetrics(), _one_line(entry.title), room)
        side = _absolute(direction, Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QStyle.visualRect(direction, place, words), int(side), title)
        if entry.detail:
            below = words.translated(0, line.height() + 2)
            side = _absolute(direction, Qt.AlignmentFlag.AlignLeft)
            self._paint_detail(painter, QStyle.visualRect(direction, place, below), side, entry.detail)

    def _paint_detail(self, painter: QPainter, place: QRect, side: Qt.AlignmentFlag, detail: str) -> None:
        whole, marks = _without_marks(_one_line(detail))
        metrics = QFontMetrics(self._small_font(QFont.Weight.Medium))  # part of it is bolder
        text = metrics.elidedText(whole, Qt.TextElideMode.ElideRight, place.width())
        marks = [(start, length) for start, length in marks if start + length <= _units(text)]
        option = QTextOption(side)
        option.setTextDirection(Qt.LayoutDirection.LayoutDirectionAuto)  # else the window's
        option.setWrapMode(QTextOption.WrapMode.NoWrap)
        layout = QTextLayout(text, self._small_font())
        layout.setTextOption(option)
        layout.setFormats([self._format(start, length) for start, length in marks])
        layout.beginLayout()
        row = layout.createLine()
        if row.isValid():
            row.setLineWidth(place.width())
        layout.endLayout()
        painter.setPen(QColor(self._theme.colors.muted))
        painter.setClipRect(place)
        layout.draw(painter, QPointF(place.topLeft()), [], QRectF(place))

    def _format(self, start: int, length: int) -> QTextLayout.FormatRange:
        found = QTextLayout.FormatRange()
        look = QTextCharFormat()
        look.setFontWeight(QFont.Weight.DemiBold)
        look.setForeground(QColor(self._theme.colors.text))
        look.setBackground(QColor(self._theme.colors.match))
        found.start, found.length, found.format = start, length, look
        return found

    def _font(self) -> QFont:
        return text_font(min(self._theme.text_size_px, 18) - 1)

    def _small_font(self, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
        return text_font(min(self._theme.small_size_px, 16), weight)


def _without_marks(detail: str) -> tuple[str, list[tuple[int, int]]]:
    """Return the plain text, and where what was found begins in it and how long it is (in Qt's UTF-16 units)."""
    pieces = detail.split(HIT_START)
    text, marks = pieces[0], []
    for piece in pieces[1:]:
        found, _, rest = piece.partition(HIT_END)
        marks.append((_units(text), _units(found)))
        text += found + rest
    return text, marks


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _one_line(text: str) -> str:
    return " ".join(text[:_LINE_CHARACTERS].split())


def _absolute(direction: Qt.LayoutDirection, side: Qt.AlignmentFlag) -> Qt.AlignmentFlag:
    return QStyle.visualAlignment(direction, side) | Qt.AlignmentFlag.AlignAbsolute
