"""Brings a place in a message into sight: the words that the message was found by, marked for a while."""

import re
from collections.abc import Callable, Iterable

import shiboken6
from PySide6.QtCore import QObject, QTimer, Slot

from app.conversations.unspaced import is_unspaced
from app.rendering.shown_text import Pattern
from app.widgets.basics.theme import Theme
from app.widgets.text.block_column import ThinkingBlock
from app.widgets.text.formula_block import FormulaBlock
from app.widgets.text.match_marks import Search
from app.widgets.text.match_places import marks_of, place_of
from app.widgets.text.page_texts import Leaf, PendingPiece, leaves_in
from app.widgets.transcript.message_body import MessageBody
from app.widgets.transcript.message_widget import MessageWidget
from app.widgets.transcript.transcript_view import TranscriptView
from app.widgets.transcript.user_message import UserMessage

_SHOWN_MS = 8000


def words_pattern(words: Iterable[str]) -> Pattern | None:
    """Return what finds any of these, each at the beginning of a word where there are blanks between words."""
    parts = sorted({word for word in words if word.strip()}, key=len, reverse=True)
    found = (re.escape(part) if is_unspaced(part[0]) else rf"(?<!\w){re.escape(part)}" for part in parts)
    return re.compile("|".join(found), re.IGNORECASE) if parts else None


def unfolded(
    view: TranscriptView, row: int, pattern: Pattern, number: int, search: Callable[[MessageWidget], None]
) -> tuple[Leaf | FormulaBlock | None, int]:
    """Return the text that shows a match of a message, and its number in there; what hides it unfolds.

    search: looks for the matches again in a message in which more can be seen now.
    """
    widget = view.widget_of(row)
    while True:
        part, place = place_of(widget, pattern, number)
        if part is None and isinstance(widget, UserMessage) and widget.is_folded:
            widget.unfold()
        elif isinstance(part, ThinkingBlock):
            part.unfold()
        elif isinstance(part, PendingPiece):
            part.build()
        else:
            return part, place
        view.remeasure(row)
        search(widget)


class FoundWords(QObject):
    """Belongs to the message, and takes its marks away after some seconds, unless others stand there by then."""

    def __init__(self, view: TranscriptView, row: int, pattern: Pattern, theme: Theme) -> None:
        widget = view.widget_of(row)
        super().__init__(widget)
        self._search = Search(pattern, theme.colors)
        self._marked: list[Leaf] = []
        for body in widget.findChildren(MessageBody):
            body.catch_up()
        self._mark(widget)
        leaf, number = unfolded(view, row, pattern, 0, self._mark)
        if leaf is None:
            return
        if isinstance(leaf, FormulaBlock):
            rect = leaf.viewport().rect()
        else:
            marks_of(leaf).set_current(number)
            rect = marks_of(leaf).rect(number)
        view.show_part(row, leaf.viewport().mapTo(widget, rect.topLeft()).y(), rect.height())
        self._timer = QTimer(self, interval=_SHOWN_MS, singleShot=True)
        self._timer.timeout.connect(self._on_over)
        self._timer.start()

    def _mark(self, widget: MessageWidget) -> None:
        self._marked = leaves_in(widget)
        for leaf in self._marked:
            marks_of(leaf).show(self._search)

    @Slot()
    def _on_over(self) -> None:
        for leaf in filter(shiboken6.isValid, self._marked):
            marks_of(leaf).forget(self._search)
        self.deleteLater()
