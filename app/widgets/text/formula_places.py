"""Where the formulas of a text stand: their drawings as far as they are known, else their sources until they come."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from html import escape

from PySide6.QtGui import QTextCharFormat, QTextCursor, QTextFormat
from PySide6.QtWidgets import QTextEdit

from app.mathematics.shapes import Shape
from app.rendering.formulas import SCHEME, Formula, parse_formula, source_of
from app.widgets.basics.fonts import code_font, code_size_px
from app.widgets.basics.theme import Theme
from app.widgets.text.formula_object import OBJECT_CHARACTER, FormulaObject, object_format
from app.widgets.text.formulas import formulas
from app.widgets.text.heading_sizes import has_headings, use_written_sizes

_PIXEL_SIZE = QTextFormat.Property.FontPixelSize
_BRUSH = QTextFormat.Property.ForegroundBrush
_MARK = re.compile(f'<img src="{SCHEME}([^"]*)"/>')
_STAND_INS = range(0xE000, 0xF900)  # characters for private use, of which a text hardly has all
_WIDE = re.compile("[\U00010000-\U0010ffff]")  # what Qt counts twice


@dataclass(frozen=True, slots=True)
class _Look:
    """How the text around a formula looks: its format, its size in pixels and its colour."""

    around: QTextCharFormat
    size_px: int
    color: str


@dataclass(frozen=True, slots=True)
class _Awaited:
    """A source that stands in the text until its drawing comes: where, and how many of Qt's characters it has."""

    source: str
    position: int
    length: int
    look: _Look


class FormulaPlaces:
    """The formulas of one text, which shows whatever it shows through this."""

    def __init__(self, view: QTextEdit, drawer: FormulaObject) -> None:
        self._view = view
        self._drawer = drawer
        self._awaited: list[_Awaited] = []

    @property
    def pending(self) -> frozenset[Formula]:
        """The formulas whose drawings are still to come."""
        return frozenset(parse_formula(each.source) for each in self._awaited)

    def show_html(self, html: str, theme: Theme, color: str) -> None:
        """Let the text show HTML, drawings in place of the marks of formulas; it is laid out once."""
        known = dict(self._drawer.shapes)
        self._drawer.shapes.clear()
        self._awaited = []
        if SCHEME not in html:
            self._show(html)
            return
        sources = [_source(name) for name in _MARK.findall(html)]
        stand_in = next((mark for mark in map(chr, _STAND_INS) if mark not in html), "")
        if not stand_in:  # no text for people has all of them
            self._show(_MARK.sub(lambda found: escape(_source(found[1])), html))
            return
        document = self._view.document()
        cursor = QTextCursor(document)
        cursor.beginEditBlock()
        self._show(_MARK.sub(stand_in, html))  # as images, the line would be laid out for each of them
        places = [found.start() for found in re.finditer(stand_in, _WIDE.sub("xx", document.toRawText()))]
        look, source_format = _Look(QTextCharFormat(), 0, ""), QTextCharFormat()
        shown: list[tuple[_Awaited | None, int]] = []  # what is awaited at each place, and by how much it is longer
        for source, place in zip(reversed(sources), reversed(places), strict=True):
            _select(cursor, place, 1)
            around = cursor.charFormat()
            if not look.size_px or around != look.around:  # most have the same
                look = _look_of(around, theme, color)
                source_format = _source_format(look)
            shape = known.get(source) or formulas().shape(parse_formula(source))
            if shape is not None:
                self._draw(cursor, source, shape, look)
                shown.append((None, 0))
                continue
            text = source.replace("\n", "\u2028")
            cursor.insertText(text, source_format)
            length = len(_WIDE.sub("xx", text))
            is_pending = formulas().is_pending(parse_formula(source))
            shown.append((_Awaited(source, place, length, look) if is_pending else None, length - 1))
        cursor.endEditBlock()
        self._awaited = _moved(reversed(shown))

    def _show(self, html: str) -> None:
        if not has_headings(html):
            self._view.setHtml(html)
            return
        cursor = QTextCursor(self._view.document())
        cursor.beginEditBlock()  # laid out once
        self._view.setHtml(html)
        use_written_sizes(self._view.document())
        cursor.endEditBlock()

    def place_drawn(self) -> None:
        """Put the drawings that have come in the place of their sources; what is selected stays selected."""
        chosen = self._view.textCursor()
        anchor, position = chosen.anchor(), chosen.position()
        cursor = QTextCursor(self._view.document())
        cursor.beginEditBlock()
        shown: list[tuple[_Awaited | None, int]] = []
        for each in reversed(self._awaited):
            formula = parse_formula(each.source)
            shape = formulas().shape(formula)
            if shape is not None:
                _select(cursor, each.position, each.length)
                self._draw(cursor, each.source, shape, each.look)
                anchor, position = (_after(place, each) for place in (anchor, position))
            is_pending = shape is None and formulas().is_pending(formula)
            shown.append((each if is_pending else None, 0 if shape is None else 1 - each.length))
        cursor.endEditBlock()
        self._awaited = _moved(reversed(shown))
        if (chosen.anchor(), chosen.position()) != (anchor, position):  # Qt moves what begins where text is put
            chosen.setPosition(anchor)
            chosen.setPosition(position, QTextCursor.MoveMode.KeepAnchor)
            self._view.setTextCursor(chosen)

    def forget(self) -> None:
        """Wait for no drawing any more."""
        self._awaited = []

    def _draw(self, cursor: QTextCursor, source: str, shape: Shape, look: _Look) -> None:
        self._drawer.shapes[source] = shape
        cursor.insertText(OBJECT_CHARACTER, object_format(source, shape, look.size_px, look.color))


def without_formulas(html: str) -> str:
    """Return HTML with a letter in place of each formula: as many paragraphs, laid out at once."""
    return _MARK.sub("x", html)


@lru_cache(maxsize=4_000)
def _source(name: str) -> str:
    return source_of(SCHEME + name) or ""


def _select(cursor: QTextCursor, position: int, length: int) -> None:
    cursor.setPosition(position)
    cursor.setPosition(position + length, QTextCursor.MoveMode.KeepAnchor)  # a move would lay the text out first


def _after(place: int, drawn: _Awaited) -> int:
    """Return where a place of the text is once a drawing, one character, stands for a source."""
    inside = min(max(0, place - drawn.position), drawn.length)
    return place - inside + min(inside, 1)


def _moved(shown: Iterable[tuple[_Awaited | None, int]]) -> list[_Awaited]:
    """Return what is still awaited where it stands now, as what was put before it is longer than what it replaced."""
    awaited, longer = [], 0
    for each, growth in shown:
        if each is not None:
            awaited.append(replace(each, position=each.position + longer))
        longer += growth
    return awaited


def _look_of(around: QTextCharFormat, theme: Theme, color: str) -> _Look:
    size = around.font().pixelSize() if around.hasProperty(_PIXEL_SIZE) else 0
    own = around.foreground().color().name() if around.hasProperty(_BRUSH) else color
    return _Look(around, size if size > 0 else theme.text_size_px, own)


def _source_format(look: _Look) -> QTextCharFormat:
    result = QTextCharFormat(look.around)
    result.setFont(
        code_font(code_size_px(look.size_px)),
        QTextCharFormat.FontPropertiesInheritanceBehavior.FontPropertiesSpecifiedOnly,
    )
    return result
