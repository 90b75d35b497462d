"""Drawings take the places of their sources as they come, in any order; nothing else of a text is made anew."""

import random

import pytest
from PySide6.QtGui import QTextCursor
from pytestqt.qtbot import QtBot

from app.mathematics.shapes import Shape
from app.rendering.formulas import Formula, parse_formula
from app.rendering.markdown import render
from app.widgets.basics.theme import LIGHT
from app.widgets.text import formula_places
from app.widgets.text.formula_object import selected_text
from app.widgets.text.text_view import TextView

SOURCES = [f"$x_{{{number}}} \U0001d465$" for number in range(12)]
TEXT = "# Head $h^2$\n\n" + " \U0001f525 and ".join(SOURCES) + " end.\n\n> quoted $q_1$ and $a b"
SHAPE = Shape("<svg/>", 20.0, 14.0, 4.0)


class Shelf:
    """Knows the drawings that it was given; those named in refused can't be drawn."""

    def __init__(self) -> None:
        self.known: dict[Formula, Shape] = {}
        self.refused: set[Formula] = set()

    def shape(self, formula: Formula) -> Shape | None:
        return self.known.get(formula)

    def is_pending(self, formula: Formula) -> bool:
        return formula not in self.known and formula not in self.refused


def text_of(view: TextView) -> str:
    cursor = QTextCursor(view.document())
    cursor.select(QTextCursor.SelectionType.Document)
    return selected_text(cursor)


@pytest.mark.parametrize("seed", range(4))
def test_they_come_in_any_order(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    shelf = Shelf()
    monkeypatch.setattr(formula_places, "formulas", lambda: shelf)
    view = TextView(LIGHT)
    qtbot.addWidget(view)
    blocks = tuple(render(TEXT, LIGHT.render_theme()))
    view.show_blocks(blocks, LIGHT)
    whole = text_of(view)
    assert all(source in whole for source in SOURCES)
    cursor = view.textCursor()
    cursor.setPosition(len("Head $h^2$\n"))
    cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
    view.setTextCursor(cursor)
    selected = view.selected_text()
    assert selected.endswith("end.")
    monkeypatch.setattr(TextView, "setHtml", lambda *_: pytest.fail("it is made anew"))
    waited = sorted(view._places.pending, key=lambda formula: formula.latex)
    assert len(waited) == len(SOURCES) + 2
    random.Random(seed).shuffle(waited)
    shelf.refused.add(waited.pop())
    for end in (3, 4, 9, len(waited)):
        shelf.known = dict.fromkeys(waited[:end], SHAPE)
        view._on_drawings_due()
        assert view.toPlainText().count("\ufffc") == end
        assert text_of(view) == whole
        assert view.selected_text() == selected
        assert view._places.pending == frozenset(waited[end:])
    places = [view.formula_at(view.cursorRect(cursor).center()) for cursor in objects(view)]
    assert set(places) - {None} <= set(waited)
    view.stop_waiting()
    assert not view._places.pending


def objects(view: TextView) -> list[QTextCursor]:
    found = []
    cursor = view.document().find("\ufffc")
    while not cursor.isNull():
        found.append(cursor)
        cursor = view.document().find("\ufffc", cursor)
    return found


def test_what_is_drawn_is_not_asked_for_again(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf()
    monkeypatch.setattr(formula_places, "formulas", lambda: shelf)
    shelf.known = {parse_formula(source): SHAPE for source in SOURCES}
    view = TextView(LIGHT)
    qtbot.addWidget(view)
    view.show_blocks(tuple(render(" ".join(SOURCES), LIGHT.render_theme())), LIGHT)
    shelf.known = {}  # the shelf lets go of what was not shown lately
    view.show_blocks(tuple(render(" ".join(SOURCES) + " and more", LIGHT.render_theme())), LIGHT)
    assert view.toPlainText().count("\ufffc") == len(SOURCES)


def test_a_text_with_every_character_for_private_use_shows_the_source(qtbot: QtBot) -> None:
    view = TextView(LIGHT)
    qtbot.addWidget(view)
    everything = "".join(map(chr, range(0xE000, 0xF900)))
    view.show_blocks(tuple(render(f"{everything} $x<y$", LIGHT.render_theme())), LIGHT)
    assert text_of(view) == f"{everything} $x<y$"
    assert not view._places.pending
