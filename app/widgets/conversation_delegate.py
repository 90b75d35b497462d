"""Draws one conversation of the sidebar, with its group's name above the first of a group, and edits its title."""

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QLineEdit, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.conversations.records import Conversation
from app.models.conversation_list_model import CONVERSATION_ROLE, GROUP_ROLE, RUNNING_ROLE
from app.widgets.fonts import text_font
from app.widgets.theme import RADIUS_PX, Theme
from engine.api.codec import clean_text

_SIDE_PX = 8
_TEXT_PX = 8
_DOT_PX = 8
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
        """Draw group, background, title and the dot of an answer being written."""
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rectangle: QRect = option.rect
        header = self.header_height(index)
        if header:
            self._paint_group(painter, rectangle, header, index)
        row = self.title_rectangle(rectangle, index)
        self._paint_background(painter, row, option, index)
        text = row.adjusted(_TEXT_PX, 0, -_TEXT_PX, 0)
        if index.data(RUNNING_ROLE):
            text.setRight(text.right() - _DOT_PX - 8)
            self._paint_dot(painter, row)
        painter.setFont(self._title_font())
        painter.setPen(QColor(self._theme.colors.text))
        title = painter.fontMetrics().elidedText(_one_line(index.data()), Qt.TextElideMode.ElideRight, text.width())
        painter.drawText(text, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), title)
        painter.restore()

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: _Index) -> QWidget:
        """Return a line editor for the title."""
        editor = QLineEdit(parent)
        editor.setAccessibleName("Title")
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

    def helpEvent(self, event: QEvent, view: QWidget, option: QStyleOptionViewItem, index: _Index) -> bool:
        """Show no tooltips of Qt's own: a title could be taken for rich text."""
        return True

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

    def _paint_dot(self, painter: QPainter, row: QRect) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._theme.colors.accent))
        left = row.right() - _TEXT_PX - _DOT_PX
        painter.drawEllipse(QRectF(left, row.center().y() - _DOT_PX / 2 + 0.5, _DOT_PX, _DOT_PX))

    def _title_font(self) -> QFont:
        return text_font(min(self._theme.text_size_px, 16) - 1)

    def _group_font(self) -> QFont:
        return text_font(min(self._theme.small_size_px, 14) - 1, QFont.Weight.Medium)


def _one_line(text: str) -> str:
    return " ".join(text[:_TITLE_CHARACTERS].split())
