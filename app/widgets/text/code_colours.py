"""Colours a code document a slice of time after the other, so that no frame waits for it."""

import time
from collections.abc import Iterator
from dataclasses import asdict

from PySide6.QtCore import QTimer, Slot
from PySide6.QtGui import QColor, QSyntaxHighlighter, QTextCharFormat, QTextDocument

from app.bidi import without_isolates
from app.rendering.highlight import Span, highlight, prepare
from app.widgets.basics.theme import Theme

_SLICE_SECONDS = 0.004
_LONGEST_SLICE_SECONDS = 0.1  # code made to be slow stays as it is from here on
_LONGEST_PASS_SECONDS = 3.0
_REST_FACTOR = 8  # while code streams, colouring takes at most about one part in so many of the time


class CodeColours(QSyntaxHighlighter):
    """Applies the spans that Pygments finds to one document."""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self._formats: dict[str, QTextCharFormat] = {}
        self._lines: dict[int, list[Span]] = {}
        self._pending: Iterator[list[Span] | None] = iter(())
        self._next_line = 0
        self._wanted: tuple[str, str] | None = None
        self._is_running = False
        self._gave_up = False
        self._spent = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._on_slice_due)

    def set_theme(self, theme: Theme) -> None:
        """Use this theme's colours of code."""
        self._formats = {}
        for name, color in asdict(theme.syntax).items():
            self._formats[name] = QTextCharFormat()
            self._formats[name].setForeground(QColor(color))
        self._formats["comment"].setFontItalic(True)
        self.rehighlight()

    def forget(self) -> None:
        """Another text comes: what was found in the old one does not fit it."""
        self._lines.clear()
        self._is_running = self._gave_up = False
        self._timer.stop()

    def colour(self, code: str, language: str, closed: bool) -> None:
        """Colour this text, at once if that is quick; a text that still grows is coloured now and then."""
        if self._gave_up:
            return
        self._wanted = (code, language)
        if closed or not self._timer.isActive():
            self._on_slice_due()

    def highlightBlock(self, text: str) -> None:
        """Apply what is known about the current line."""
        spans = self._lines.get(self.currentBlock().blockNumber(), ())
        places = _places(text) if spans and without_isolates(text) != text else None
        for span in spans:
            if span.style not in self._formats:
                continue
            start, end = span.start, span.start + span.length
            if places is not None and start < end <= len(places):
                start, end = places[start], places[end - 1] + 1
            self.setFormat(start, end - start, self._formats[span.style])

    @Slot()
    def _on_slice_due(self) -> None:
        if not self._is_running:
            if self._wanted is None:
                return
            prepare(self._wanted[1])  # not held against the code: its time below is
            self._pending, self._next_line = highlight(*self._wanted), 0
            self._wanted, self._is_running, self._spent = None, True, 0.0
        started, worked = time.perf_counter(), time.thread_time()
        self._run_until(started + _SLICE_SECONDS)
        taken = time.thread_time() - worked  # nor is a computer that is busy with something else
        self._spent += taken
        if taken > _LONGEST_SLICE_SECONDS or self._spent > _LONGEST_PASS_SECONDS:
            self._gave_up, self._is_running = True, False
            return
        if self._is_running:
            self._timer.start(8)
        else:  # text that arrives within the pause waits for its end
            self._timer.start(round(_REST_FACTOR * self._spent * 1000))

    def _run_until(self, deadline: float) -> None:
        document = self.document()
        for spans in self._pending:
            if spans is not None:
                number, self._next_line = self._next_line, self._next_line + 1
                if self._lines.get(number, []) != spans:
                    self._lines[number] = spans
                    self.rehighlightBlock(document.findBlockByNumber(number))
            if time.perf_counter() > deadline:
                return
        self._is_running = False


def _places(line: str) -> list[int]:
    """Return where each character of the code stands in a line of the document, both in Qt's UTF-16 units."""
    places: list[int] = []
    place = 0
    for character in line:
        units = 2 if ord(character) > 0xFFFF else 1
        if without_isolates(character):
            places += range(place, place + units)
        place += units
    return places
