"""Draws one conversation of the sidebar, with its group's name above the first of a group, and edits its title.

On the right stands one mark at most: three dots while an answer is written, else how warm the conversation is.
"""

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFont, QFontMetrics, QHelpEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
    QWidget,
)

from app.conversations.records import Conversation
from app.language import tr
from app.models.conversation_list_model import CONVERSATION_ROLE, GROUP_ROLE, RUNNING_ROLE, WARMTH_ROLE
from app.widgets.fonts import text_font
from app.widgets.foreign_text import plain_tooltip
from app.widgets.private_mark import PRIVATE_PX, paint_private
from app.widgets.theme import RADIUS_PX, Theme
from app.widgets.warmth_mark import MARK_PX, paint_mark
from engine.api.codec import clean_text
from engine.api.warmth import ConversationWarmth

_SIDE_PX = 8
_TEXT_PX = 8
_DOT_PX = 4
_DOT_STEP_PX = 6
_DOTS = 3
_MARK_GAP_PX = 8
_TITLE_CHARACTERS = 200
_Index = QModelIndex | QPersistentModelIndex


class ConversationDelegate(QStyledItemDelegate):
    """Emits renamed((id, title)) instead of writing into the model: titles belong to the store."""

    renamed = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.active_id = ""

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._theme = theme

    def header_height(self, index: _Index) -> int:
        """Return the room above a row for its group's name: 0 unless it is the first of its group."""
        above = index.model().index(index.row() - 1, 0)
        if above.isValid() and above.data(GROUP_ROLE) == index.data(GROUP_ROLE):
            return 0
        return QFontMetrics(self._group_font()).height() + (12 if index.row() == 0 else 24)

    def title_rectangle(self, whole: QRect, index: _Index) -> QRect:
        """Return the part of a row that is the conversation itself."""
        return whole.adjusted(_SIDE_PX, self.header_height(index), -_SIDE_PX, 0)

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """Return the height of a row with its group's name."""
        return QSize(120, QFontMetrics(self._title_font()).height() + 16 + self.header_height(index))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Draw group, background, title and mark."""
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rectangle: QRect = option.rect
        header = self.header_height(index)
        if header:
            self._paint_group(painter, rectangle, header, index)
        row = self.title_rectangle(rectangle, index)
        self._paint_background(painter, row, option, index)
        text = self._text_rectangle(row, index)
        self._paint_mark(painter, row, index)
        if _is_private(index):
            paint_private(painter, QRectF(row).center().y(), row.left() + _TEXT_PX, self._theme)
        painter.setFont(self._title_font())
        painter.setPen(QColor(self._theme.colors.text))
        title = painter.fontMetrics().elidedText(_one_line(index.data()), Qt.TextElideMode.ElideRight, text.width())
        painter.drawText(text, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), title)
        painter.restore()

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: _Index) -> QWidget:
        """Return a line editor for the title."""
        editor = QLineEdit(parent)
        editor.setAccessibleName(tr("Title"))
        editor.setMaxLength(_TITLE_CHARACTERS)
        return editor

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: _Index) -> None:
        """Put the editor over the title."""
        editor.setGeometry(self.title_rectangle(option.rect, index))

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: _Index) -> None:
        """Say the new title, if it is one."""
        conversation = index.data(CONVERSATION_ROLE)
        if isinstance(editor, QLineEdit) and isinstance(conversation, Conversation):
            title = clean_text(editor.text()).strip()
            if title and title != conversation.title:
                self.renamed.emit((conversation.id, title))

    def helpEvent(
        self, event: QHelpEvent, view: QAbstractItemView, option: QStyleOptionViewItem, index: _Index
    ) -> bool:
        """Show the title if it is cut, and how warm the conversation is; as plain text, unlike Qt's own tooltips."""
        if event.type() == QEvent.Type.ToolTip:
            row = self.title_rectangle(option.rect, index)
            QToolTip.showText(event.globalPos(), plain_tooltip(self.tooltip_text(row, index)), view.viewport(), row)
        return True

    def tooltip_text(self, row: QRect, index: _Index) -> str:
        """Return the lines of a row's tooltip, "" if there is nothing to say."""
        title = _one_line(index.data())
        width = QFontMetrics(self._title_font()).horizontalAdvance(title)
        is_cut = width > self._text_rectangle(row, index).width()
        words = index.data(Qt.ItemDataRole.AccessibleDescriptionRole)
        return "\n".join(line for line in (title if is_cut else "", words) if line)

    def _text_rectangle(self, row: QRect, index: _Index) -> QRect:
        mark = self._mark_width(index)
        private = PRIVATE_PX if _is_private(index) else 0
        return row.adjusted(_TEXT_PX + private, 0, -_TEXT_PX - (mark + _MARK_GAP_PX if mark else 0), 0)

    def _mark_width(self, index: _Index) -> int:
        if index.data(RUNNING_ROLE):
            return _DOT_PX + (_DOTS - 1) * _DOT_STEP_PX
        return MARK_PX if isinstance(index.data(WARMTH_ROLE), ConversationWarmth) else 0

    def _paint_group(self, painter: QPainter, rectangle: QRect, header: int, index: _Index) -> None:
        painter.setFont(self._group_font())
        painter.setPen(QColor(self._theme.colors.muted))
        place = QRect(rectangle.left() + _SIDE_PX + _TEXT_PX, rectangle.top(), rectangle.width() - 32, header - 4)
        painter.drawText(place, int(Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft), index.data(GROUP_ROLE))

    def _paint_background(self, painter: QPainter, row: QRect, option: QStyleOptionViewItem, index: _Index) -> None:
        colors = self._theme.colors
        state: QStyle.StateFlag = option.state
        conversation = index.data(CONVERSATION_ROLE)
        active = isinstance(conversation, Conversation) and conversation.id == self.active_id
        hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        painter.setPen(Qt.PenStyle.NoPen)
        if active or hovered:
            painter.setBrush(QColor(colors.pressed if active else colors.hover))
            painter.drawRoundedRect(row, RADIUS_PX, RADIUS_PX)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(colors.accent), 1))
            painter.drawRoundedRect(QRectF(row).adjusted(0.5, 0.5, -0.5, -0.5), RADIUS_PX, RADIUS_PX)

    def _paint_mark(self, painter: QPainter, row: QRect, index: _Index) -> None:
        center = QRectF(row).center()
        center.setX(row.right() + 1 - _TEXT_PX - self._mark_width(index) / 2)
        warmth = index.data(WARMTH_ROLE)
        if index.data(RUNNING_ROLE):
            self._paint_dots(painter, center)
        elif isinstance(warmth, ConversationWarmth):
            paint_mark(painter, center, warmth.tier, self._theme)

    def _paint_dots(self, painter: QPainter, center: QPointF) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._theme.colors.accent))
        for place in range(_DOTS):
            shift = (place - (_DOTS - 1) / 2) * _DOT_STEP_PX
            painter.drawEllipse(center + QPointF(shift, 0), _DOT_PX / 2, _DOT_PX / 2)

    def _title_font(self) -> QFont:
        return text_font(min(self._theme.text_size_px, 16) - 1)

    def _group_font(self) -> QFont:
        return text_font(min(self._theme.small_size_px, 14) - 1, QFont.Weight.Medium)


def _one_line(text: str) -> str:
    return " ".join(text[:_TITLE_CHARACTERS].split())


def _is_private(index: _Index) -> bool:
    conversation = index.data(CONVERSATION_ROLE)
    return isinstance(conversation, Conversation) and conversation.is_private
