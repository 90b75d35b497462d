"""Draws one result of a search: name and how it fits, publisher and numbers, and what sets it apart."""

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QHelpEvent, QPainter
from PySide6.QtWidgets import QAbstractItemView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QToolTip, QWidget

from app.engine_words import said
from app.language import joined, mark, tr
from app.models import hub_words
from app.models.hub_rows import HubRow
from app.models.row_list_model import ROW_ROLE
from app.widgets.basics.chosen_row import paint_chosen
from app.widgets.basics.focus_ring import paint_focus
from app.widgets.basics.fonts import text_font
from app.widgets.basics.foreign_text import plain_tooltip
from app.widgets.basics.mirroring import draw_line, turned
from app.widgets.basics.theme import RADIUS_PX, Theme

_SIDE_PX = 12
_TOP_PX = 8
_GAP_PX = 12
_LINE_GAP_PX = 2
_BADGE_SIDE_PX = 8
_BADGE_GAP_PX = 4
_TOO_BIG = mark("Too big")
_Index = QModelIndex | QPersistentModelIndex


class ResultDelegate(QStyledItemDelegate):
    """Fonts and their measures are made once per theme, so that a thousand rows scroll easily."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._theme = theme
        small_px = min(theme.small_size_px, 14)
        self._name_font = text_font(min(theme.text_size_px, 16), QFont.Weight.Medium)
        self._small_font = text_font(small_px)
        self._badge_font = text_font(small_px - 1, QFont.Weight.Medium)
        self._name_metrics = QFontMetrics(self._name_font)
        self._small_metrics = QFontMetrics(self._small_font)
        self._badge_metrics = QFontMetrics(self._badge_font)

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """Return two lines' height, and a third one's where there are badges."""
        row = index.data(ROW_ROLE)
        height = 2 * _TOP_PX + self._name_metrics.height() + _LINE_GAP_PX + self._small_metrics.height()
        if isinstance(row, HubRow) and hub_words.badges(row):
            height += 6 + self._badge_height
        return QSize(120, height)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Draw background, lines and badges."""
        row = index.data(ROW_ROLE)
        if not isinstance(row, HubRow):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        whole: QRect = option.rect
        self._paint_background(painter, whole, option)
        inner = whole.adjusted(_SIDE_PX, _TOP_PX, -_SIDE_PX, -_TOP_PX)
        line = QRect(inner.left(), inner.top(), inner.width(), self._name_metrics.height())
        self._paint_first_line(painter, line, row, option.direction)
        line = QRect(inner.left(), line.bottom() + 1 + _LINE_GAP_PX, inner.width(), self._small_metrics.height())
        self._paint_second_line(painter, line, row, option.direction)
        self._paint_badges(painter, inner.adjusted(0, line.bottom() + 7 - inner.top(), 0, 0), row, option)
        painter.restore()

    def helpEvent(
        self, event: QHelpEvent, view: QAbstractItemView, option: QStyleOptionViewItem, index: _Index
    ) -> bool:
        """Show all of the row, as plain text, unlike Qt's own tooltips."""
        row = index.data(ROW_ROLE)
        if event.type() == QEvent.Type.ToolTip and isinstance(row, HubRow):
            fit = row.fit.details if row.fit is not None else ""
            lines = [hub_words.one_line(row.checkpoint.hub_id), said(row.checkpoint.unusable), fit]
            text = plain_tooltip("\n".join(line for line in lines if line))
            QToolTip.showText(event.globalPos(), text, view.viewport(), option.rect)
        return True

    @property
    def _badge_height(self) -> int:
        return self._badge_metrics.height() + 4

    def _paint_background(self, painter: QPainter, whole: QRect, option: QStyleOptionViewItem) -> None:
        colors, state = self._theme.colors, option.state
        if state & QStyle.StateFlag.State_Selected:
            paint_chosen(painter, whole, self._theme)
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.hover))
            painter.drawRoundedRect(whole, RADIUS_PX, RADIUS_PX)
        if state & QStyle.StateFlag.State_HasFocus:
            paint_focus(painter, whole, self._theme)

    def _paint_first_line(self, painter: QPainter, line: QRect, row: HubRow, direction: Qt.LayoutDirection) -> None:
        colors = self._theme.colors
        fit = row.fit.label if row.fit is not None and not row.checkpoint.unusable else ""
        fit_px = self._small_metrics.horizontalAdvance(fit)
        room = line.width() - (fit_px + _GAP_PX if fit else 0)
        name = hub_words.name_of(row.checkpoint.hub_id)
        painter.setFont(self._name_font)
        painter.setPen(QColor(colors.muted if row.checkpoint.unusable else colors.text))
        elided = self._name_metrics.elidedText(name, Qt.TextElideMode.ElideRight, room)
        place = turned(line.adjusted(0, 0, room - line.width() + 2, 0), line, direction)
        draw_line(painter, place, direction, elided)
        if fit:
            painter.setFont(self._small_font)
            painter.setPen(QColor(colors.muted if fit == tr(_TOO_BIG) else colors.text))
            draw_line(painter, line, direction, fit, Qt.AlignmentFlag.AlignRight)

    def _paint_second_line(self, painter: QPainter, line: QRect, row: HubRow, direction: Qt.LayoutDirection) -> None:
        painter.setFont(self._small_font)
        painter.setPen(QColor(self._theme.colors.muted))
        numbers = joined(hub_words.numbers(row.checkpoint))
        numbers_px = self._small_metrics.horizontalAdvance(numbers)
        room = line.width() - (numbers_px + _GAP_PX if numbers else 0)
        publisher = hub_words.publisher_of(row.checkpoint.hub_id)
        elided = self._small_metrics.elidedText(publisher, Qt.TextElideMode.ElideRight, room)
        place = turned(line.adjusted(0, 0, room - line.width() + 2, 0), line, direction)
        draw_line(painter, place, direction, elided)
        draw_line(painter, line, direction, numbers, Qt.AlignmentFlag.AlignRight)

    def _paint_badges(self, painter: QPainter, room: QRect, row: HubRow, option: QStyleOptionViewItem) -> None:
        colors = self._theme.colors
        is_selected = bool(option.state & QStyle.StateFlag.State_Selected)
        left = room.left()
        painter.setFont(self._badge_font)
        for words in hub_words.badges(row):
            width = self._badge_metrics.horizontalAdvance(words) + 2 * _BADGE_SIDE_PX
            if left + width > room.right() + 1:
                break
            place = turned(QRect(left, room.top(), width, self._badge_height), room, option.direction)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colors.page if is_selected else colors.bubble))
            painter.drawRoundedRect(place, 6, 6)
            painter.setPen(QColor(colors.text if row.is_recommended and words == tr("Recommended") else colors.muted))
            draw_line(painter, place, option.direction, words, Qt.AlignmentFlag.AlignHCenter)
            left += width + _BADGE_GAP_PX
