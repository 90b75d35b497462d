"""The bars beside quotations in a text: Qt knows none, so each paragraph says how many it stands behind."""

from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QPainter, QTextBlock, QTextDocument

from app.rendering.html import LISTED_QUOTE, QUOTE_INDENT_PX, RIGHT_QUOTE

_BAR_PX = 3


def paint_quote_bars(painter: QPainter, document: QTextDocument, width: int, lowest: int, color: QColor) -> None:
    """Paint the bars of a document of a width, down to a height; both in pixels."""
    layout = document.documentLayout()
    block = document.begin()
    while block.isValid():
        following = block.next()
        area = layout.blockBoundingRect(block)
        if area.top() > lowest:
            break
        bottom = area.bottom()
        lists, state = divmod(max(0, block.userState()), LISTED_QUOTE)
        for level in range(state % RIGHT_QUOTE):
            if following.isValid() and _goes_on(block, following, level):
                bottom = layout.blockBoundingRect(following).top()
            inset = lists * document.indentWidth() + level * QUOTE_INDENT_PX
            left = width - inset - _BAR_PX if state > RIGHT_QUOTE else inset
            painter.fillRect(QRectF(left, area.top(), _BAR_PX, bottom - area.top()), color)
        block = following


def _goes_on(block: QTextBlock, following: QTextBlock, level: int) -> bool:
    """Return whether a quotation's bar reaches down to the next paragraph: one in another list has its own."""
    states = (divmod(max(0, each.userState()), LISTED_QUOTE) for each in (block, following))
    (lists, _), (lists_below, below) = states
    return lists == lists_below and below % RIGHT_QUOTE > level
