"""Draws the rows of the sidebar, names of groups and conversations, and edits their words in place.

A conversation has one mark at most at its end: three dots while an answer is written, a clock while a message waits
for its turn, else how warm it is. A small bar before its title says that an answer was not read yet.
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
from app.language import grouped, tr
from app.models.conversation_list_model import RUNNING_ROLE, WAITING_ROLE, WARMTH_ROLE
from app.models.sidebar_model import SIDEBAR_ROW_ROLE
from app.models.sidebar_rows import Group
from app.widgets.basics.chosen_row import paint_chosen
from app.widgets.basics.elided_title import elided_title
from app.widgets.basics.focus_ring import paint_focus
from app.widgets.basics.fonts import text_font
from app.widgets.basics.foreign_text import plain_tooltip
from app.widgets.basics.icons import pixmap
from app.widgets.basics.private_mark import PRIVATE_PX, paint_private
from app.widgets.basics.running_mark import RUNNING_PX, paint_running
from app.widgets.basics.theme import RADIUS_PX, Theme
from app.widgets.basics.warmth_mark import MARK_PX, paint_mark
from engine.api.codec import clean_text
from engine.api.warmth import ConversationWarmth

_SIDE_PX = 8
_TEXT_PX = 8
_INSIDE_PX = 20  # what is in a folder stands under the folder's name
_CHEVRON_PX = 14
_CLOCK_PX = 14
_UNREAD_PX = 4
_UNREAD_HIGH_PX = 12
_UNREAD_ROOM_PX = 12
_MARK_GAP_PX = 8
_TITLE_CHARACTERS = 200
_Index = QModelIndex | QPersistentModelIndex


class ConversationDelegate(QStyledItemDelegate):
    """Emits renamed((id, title)) and folder_renamed((id, name)) instead of writing: both belong to the store.

    active_id is the conversation that is shown, target_key the group that would take what is dragged; shows_chosen:
    several rows are chosen, and seen to be.
    """

    renamed = Signal(object)
    folder_renamed = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.active_id = ""
        self.target_key = ""
        self.shows_chosen = False

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._theme = theme

    def title_rectangle(self, whole: QRect) -> QRect:
        """Return the part of a row that is drawn as one."""
        return whole.adjusted(_SIDE_PX, 0, -_SIDE_PX, 0)

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """Return the height of every row, the same for all."""
        return QSize(120, QFontMetrics(self._title_font()).height() + 16)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Draw a group's name, or background, title and marks of a conversation."""
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        row = index.data(SIDEBAR_ROW_ROLE)
        place = self.title_rectangle(option.rect)
        if isinstance(row, Group):
            self._paint_group(painter, place, option, row)
        elif isinstance(row, Conversation):
            self._paint_conversation(painter, place, option, index, row)
        painter.restore()

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: _Index) -> QWidget:
        """Return a line editor for the words."""
        editor = QLineEdit(parent)
        is_group = isinstance(index.data(SIDEBAR_ROW_ROLE), Group)
        editor.setAccessibleName(tr("Name of the folder") if is_group else tr("Title"))
        editor.setMaxLength(_TITLE_CHARACTERS)
        editor.setProperty("place", "row")  # the words stay where they stood
        return editor

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: _Index) -> None:
        """Put the editor over the words."""
        editor.setGeometry(self.title_rectangle(option.rect))

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: _Index) -> None:
        """Say the new words, if they are."""
        row = index.data(SIDEBAR_ROW_ROLE)
        words = clean_text(editor.text()).strip() if isinstance(editor, QLineEdit) else ""
        if not words or row is None or words == row.title:
            return
        if isinstance(row, Conversation):
            self.renamed.emit((row.id, words))
        elif row.folder is not None:
            self.folder_renamed.emit((row.folder.id, words))

    def helpEvent(
        self, event: QHelpEvent, view: QAbstractItemView, option: QStyleOptionViewItem, index: _Index
    ) -> bool:
        """Show the words if they are cut, and what the marks mean; as plain text, unlike Qt's own tooltips."""
        if event.type() == QEvent.Type.ToolTip:
            row = self.title_rectangle(option.rect)
            QToolTip.showText(event.globalPos(), plain_tooltip(self.tooltip_text(row, index)), view.viewport(), row)
        return True

    def tooltip_text(self, place: QRect, index: _Index) -> str:
        """Return the lines of a row's tooltip, "" if there is nothing to say."""
        row = index.data(SIDEBAR_ROW_ROLE)
        if not isinstance(row, Conversation):
            return _one_line(row.title) if isinstance(row, Group) and len(row.title) > _INSIDE_PX else ""
        title = _one_line(index.data())
        width = QFontMetrics(self._title_font(row.is_unread)).horizontalAdvance(title)
        is_cut = width > self._text_rectangle(place, index, row).width()
        words = index.data(Qt.ItemDataRole.AccessibleDescriptionRole)
        return "\n".join(line for line in (title if is_cut else "", words) if line)

    # Groups

    def _paint_group(self, painter: QPainter, place: QRect, option: QStyleOptionViewItem, group: Group) -> None:
        colors = self._theme.colors
        if group.key == self.target_key:
            painter.setPen(QPen(QColor(colors.text), 1))
            painter.setBrush(QColor(colors.hover))
            painter.drawRoundedRect(QRectF(place).adjusted(0.5, 0.5, -0.5, -0.5), RADIUS_PX, RADIUS_PX)
        elif group.folder is not None:
            self._paint_background(painter, place, option, is_active=False)
        words = place.adjusted(_TEXT_PX, 0, -_TEXT_PX, 0)
        if group.folder is not None:
            self._paint_chevron(painter, words, option.direction, group)
            words.setLeft(words.left() + _INSIDE_PX)
        else:
            words.setBottom(words.bottom() - 4)
        font = self._title_font() if group.folder is not None else self._group_font()
        painter.setPen(QColor(colors.text if group.folder is not None else colors.muted))
        count = grouped(group.count) if group.is_collapsed and group.count else ""
        _draw(painter, place, words, option.direction, group.title, count, font, low=group.folder is None)

    def _paint_chevron(self, painter: QPainter, words: QRect, direction: Qt.LayoutDirection, group: Group) -> None:
        closed = "chevron-left" if direction == Qt.LayoutDirection.RightToLeft else "chevron-right"
        name = closed if group.is_collapsed else "chevron-down"
        picture = pixmap(name, self._theme.colors.muted, _CHEVRON_PX, painter.device().devicePixelRatio())
        spot = QRect(words.left() - 2, words.center().y() - _CHEVRON_PX // 2 + 1, _CHEVRON_PX, _CHEVRON_PX)
        whole = words.adjusted(-_TEXT_PX, 0, _TEXT_PX, 0)
        painter.drawPixmap(QStyle.visualRect(direction, whole, spot).topLeft(), picture)

    # Conversations

    def _paint_conversation(
        self, painter: QPainter, place: QRect, option: QStyleOptionViewItem, index: _Index, row: Conversation
    ) -> None:
        self._paint_background(painter, place, option, is_active=row.id == self.active_id)
        words = self._text_rectangle(place, index, row)
        self._paint_mark(painter, place, option.direction, index)
        if row.is_unread:
            private = PRIVATE_PX if row.is_private else 0
            spot = QRect(words.left() - private - _UNREAD_ROOM_PX, place.top(), _UNREAD_PX + 1, place.height())
            self._paint_unread(painter, QRectF(QStyle.visualRect(option.direction, place, spot)).center())
        if row.is_private:
            spot = QRect(words.left() - PRIVATE_PX, place.top(), PRIVATE_PX - 6, place.height())
            left = QStyle.visualRect(option.direction, place, spot).left()
            paint_private(painter, QRectF(place).center().y(), left, self._theme)
        painter.setPen(QColor(self._theme.colors.text))
        _draw(painter, place, words, option.direction, index.data(), "", self._title_font(row.is_unread))

    def _text_rectangle(self, place: QRect, index: _Index, row: Conversation) -> QRect:
        """Return where the title stands, as if it were read from left to right."""
        mark = self._mark_width(index)
        before = _TEXT_PX + (PRIVATE_PX if row.is_private else 0)
        before += _INSIDE_PX if row.folder_id is not None and not row.is_pinned else 0
        before += _UNREAD_ROOM_PX if row.is_unread else 0
        return place.adjusted(before, 0, -_TEXT_PX - (mark + _MARK_GAP_PX if mark else 0), 0)

    def _mark_width(self, index: _Index) -> int:
        if index.data(RUNNING_ROLE):
            return RUNNING_PX
        if index.data(WAITING_ROLE):
            return _CLOCK_PX
        return MARK_PX if isinstance(index.data(WARMTH_ROLE), ConversationWarmth) else 0

    def _paint_background(
        self, painter: QPainter, row: QRect, option: QStyleOptionViewItem, *, is_active: bool
    ) -> None:
        colors = self._theme.colors
        state: QStyle.StateFlag = option.state
        chosen = self.shows_chosen and bool(state & QStyle.StateFlag.State_Selected)
        hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        painter.setPen(Qt.PenStyle.NoPen)
        if chosen:
            paint_chosen(painter, row.adjusted(0, 1, 0, -1), self._theme)  # the edges of two rows look like one
        elif is_active or hovered:
            painter.setBrush(QColor(colors.pressed if is_active else colors.hover))
            painter.drawRoundedRect(row, RADIUS_PX, RADIUS_PX)
        if state & QStyle.StateFlag.State_HasFocus:
            paint_focus(painter, row, self._theme)

    def _paint_mark(self, painter: QPainter, row: QRect, direction: Qt.LayoutDirection, index: _Index) -> None:
        width = self._mark_width(index)
        spot = QRect(row.right() + 1 - _TEXT_PX - width, row.top(), width, row.height())
        center = QRectF(QStyle.visualRect(direction, row, spot)).center()
        warmth = index.data(WARMTH_ROLE)
        if index.data(RUNNING_ROLE):
            paint_running(painter, center, self._theme)
        elif index.data(WAITING_ROLE):
            picture = pixmap("clock", self._theme.colors.muted, _CLOCK_PX, painter.device().devicePixelRatio())
            painter.drawPixmap(center - QPointF(_CLOCK_PX / 2, _CLOCK_PX / 2), picture)
        elif isinstance(warmth, ConversationWarmth):
            paint_mark(painter, center, warmth.tier, self._theme)

    def _paint_unread(self, painter: QPainter, center: QPointF) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._theme.colors.text))
        bar = QRectF(center.x() - _UNREAD_PX / 2, center.y() - _UNREAD_HIGH_PX / 2, _UNREAD_PX, _UNREAD_HIGH_PX)
        painter.drawRoundedRect(bar, _UNREAD_PX / 2, _UNREAD_PX / 2)

    def _title_font(self, is_unread: bool = False) -> QFont:
        weight = QFont.Weight.DemiBold if is_unread else QFont.Weight.Normal
        return text_font(min(self._theme.text_size_px, 16) - 1, weight)

    def _group_font(self) -> QFont:
        return text_font(min(self._theme.small_size_px, 14) - 1, QFont.Weight.Medium)


def _draw(
    painter: QPainter,
    row: QRect,
    words: QRect,
    direction: Qt.LayoutDirection,
    text: str,
    end: str,
    font: QFont,
    *,
    low: bool = False,
) -> None:
    """Draw one line into its place of a row (given as if read from left to right), and a word at its end."""
    painter.setFont(font)
    painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)  # each title as it is written
    up = Qt.AlignmentFlag.AlignBottom if low else Qt.AlignmentFlag.AlignVCenter
    metrics = painter.fontMetrics()
    room = words.width() - (metrics.horizontalAdvance(end) + _MARK_GAP_PX if end else 0)
    line = elided_title(metrics, _one_line(text), room)
    for part, side in ((line, Qt.AlignmentFlag.AlignLeft), (end, Qt.AlignmentFlag.AlignRight)):
        if part:
            alignment = QStyle.visualAlignment(direction, side) | Qt.AlignmentFlag.AlignAbsolute | up
            painter.drawText(QStyle.visualRect(direction, row, words), int(alignment), part)


def _one_line(text: str) -> str:
    return " ".join(text[:_TITLE_CHARACTERS].split())
