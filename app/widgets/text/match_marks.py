"""Marks in one text what a search found in it, the match that is visited more strongly."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, QRect
from PySide6.QtGui import QColor, QTextCursor
from PySide6.QtWidgets import QTextEdit

from app.bidi import without_isolates
from app.rendering.shown_text import Pattern
from app.widgets.basics.theme import ThemeColors
from app.widgets.text.formula_object import sources_in
from app.widgets.text.page_texts import Leaf

_OBJECT = "\ufffc"  # stands for a drawn formula
_LINE_CHARACTERS, _WORDS_BEFORE = 160, 60  # of a paragraph that is said for a match
_MARKED_AT_MOST = 2_000  # of one text; more are counted and can be visited, but not marked all at once


@dataclass(frozen=True)
class Search:
    """What is looked for, and the colours it is marked in."""

    pattern: Pattern
    colors: ThemeColors


class MatchMarks(QObject):
    """Belongs to a text and marks it anew when the text has changed."""

    def __init__(self, leaf: Leaf) -> None:
        super().__init__(leaf)
        self._leaf = leaf
        self._search: Search | None = None
        self._current = -1
        self._found: list[tuple[int, int]] = []

    @property
    def count(self) -> int:
        """How many matches this text has."""
        return len(self._found)

    def show(self, search: Search | None) -> None:
        """Mark what is looked for; None: nothing."""
        if search != self._search:
            self._search = search
            self._current = -1
            self.refresh()

    def forget(self, search: Search) -> None:
        """Mark nothing any more, unless something else is looked for by now."""
        if self._search is search:
            self.show(None)

    def set_current(self, number: int) -> None:
        """Mark the match of this number (from 0) as the one that is visited; -1: it is in another text."""
        if number != self._current:
            self._current = number
            self._paint()

    def rect(self, number: int) -> QRect:
        """Return where a match stands, as seen from the corner of the text; scrolls sideways to it."""
        if not 0 <= number < len(self._found):
            return QRect()
        cursor = self._cursor(number)
        bar = self._leaf.horizontalScrollBar()
        ends = [self._leaf.cursorRect(_at(cursor, position)) for position in (cursor.anchor(), cursor.position())]
        width = self._leaf.viewport().width()
        if bar.maximum() and not (ends[0].left() >= 0 and ends[1].right() <= width):
            bar.setValue(bar.value() + ends[0].left() - width // 3)
            ends = [self._leaf.cursorRect(_at(cursor, position)) for position in (cursor.anchor(), cursor.position())]
        return ends[0].united(ends[1])

    def line(self, number: int) -> str:
        """Return the words around a match in its paragraph, as they are read: for those who don't see it."""
        if not 0 <= number < len(self._found):
            return ""
        block = self._leaf.document().findBlock(self._found[number][0])
        text, places = _as_read(block.text(), sources_in(block))
        first = bisect_left(places, self._found[number][0] - block.position())
        begin = max(0, first - _WORDS_BEFORE)
        words = text[begin : begin + _LINE_CHARACTERS].strip()
        return f"{'…' if begin else ''}{words}{'…' if begin + _LINE_CHARACTERS < len(text) else ''}"

    def refresh(self) -> None:
        """Look for the matches again: the text has changed."""
        if self._search is None:
            if self._found or self._leaf.extraSelections():
                self._found = []
                self._leaf.setExtraSelections([])
            return
        self._found = self._find(self._search.pattern)
        self._paint()

    def _find(self, pattern: Pattern) -> list[tuple[int, int]]:
        found = []
        block = self._leaf.document().begin()
        while block.isValid():
            text = block.text()
            places: Sequence[int] = range(len(text) + 1)
            if _OBJECT in text or without_isolates(text) != text:
                text, places = _as_read(text, sources_in(block))
            plain = block.text()
            wide = not plain.isascii()  # Qt counts what lies beyond the first 65,536 characters twice
            for match in pattern.finditer(text):
                first, last = places[match.start()], places[match.end() - 1] + 1
                if wide:
                    first, last = (len(plain[:place].encode("utf-16-le")) // 2 for place in (first, last))
                found.append((block.position() + first, block.position() + last))
            block = block.next()
        return found

    def _paint(self) -> None:
        if self._search is None:
            return
        colors = self._search.colors
        marks = []
        for number in {*range(min(len(self._found), _MARKED_AT_MOST)), self._current}:
            if not 0 <= number < len(self._found):
                continue
            mark = QTextEdit.ExtraSelection()
            mark.cursor = self._cursor(number)
            current = number == self._current
            mark.format.setBackground(QColor(colors.visited_match if current else colors.match))
            mark.format.setForeground(QColor(colors.visited_match_text if current else colors.text))
            marks.append(mark)
        self._leaf.setExtraSelections(marks)

    def _cursor(self, number: int) -> QTextCursor:
        cursor = QTextCursor(self._leaf.document())
        cursor.setPosition(self._found[number][0])
        cursor.setPosition(self._found[number][1], QTextCursor.MoveMode.KeepAnchor)
        return cursor


def _as_read(text: str, sources: list[str]) -> tuple[str, Sequence[int]]:
    """Return a text with its formulas written out and without what only sets its parts apart.

    And where each of its characters stands in the paragraph.
    """
    parts, places = [], []
    rest = iter(sources)
    for place, character in enumerate(text):
        part = next(rest, character) if character == _OBJECT else without_isolates(character)
        parts.append(part)
        places += [place] * len(part)
    return "".join(parts), [*places, len(text)]


def _at(cursor: QTextCursor, position: int) -> QTextCursor:
    place = QTextCursor(cursor)
    place.setPosition(position)
    return place
