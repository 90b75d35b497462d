"""The parts of a memory are told apart by shade and pattern, in the bar, its legend and the tooltip."""

import itertools

import pytest
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QTextDocument
from pytestqt.qtbot import QtBot

from app.models.memory_picture import Part
from app.widgets.basics.theme import DARK, LIGHT, Theme, contrast
from app.widgets.picker.memory_parts import bar_html, paint_bar, paint_part, square_html

SEEN = 3.0  # WCAG 2.2 AA for parts of a picture
SIDE = 16
THEMES = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)


def square(part: Part, theme: Theme) -> QImage:
    picture = QImage(SIDE, SIDE, QImage.Format.Format_RGB32)
    picture.fill(QColor(theme.colors.raised))
    with QPainter(picture) as painter:
        paint_part(painter, QRectF(0, 0, SIDE, SIDE), part, theme)
    return picture


def bar(sizes: list[tuple[Part, int]], theme: Theme, *, is_mirrored: bool = False) -> QImage:
    picture = QImage(200, 12, QImage.Format.Format_RGB32)
    picture.fill(QColor(theme.colors.raised))
    with QPainter(picture) as painter:
        paint_bar(painter, QRectF(0, 0, 200, 12), sizes, theme, is_mirrored=is_mirrored)
    return picture


def share_that_differs(first: QImage, second: QImage) -> float:
    """Return how much of two squares differs by 3:1, which is seen without colours too."""
    places = [(x, y) for x in range(SIDE) for y in range(SIDE)]
    differing = [contrast(first.pixelColor(*at).name(), second.pixelColor(*at).name()) >= SEEN for at in places]
    return sum(differing) / len(places)


@THEMES
def test_any_two_parts_differ_without_colours(theme: Theme) -> None:
    for first, second in itertools.combinations(Part, 2):
        assert share_that_differs(square(first, theme), square(second, theme)) > 0.2, (first, second)


@THEMES
def test_every_part_stands_out_from_the_ground(theme: Theme) -> None:
    for part in Part:
        drawn = square(part, theme)
        edge = [contrast(drawn.pixelColor(x, 0).name(), theme.colors.raised) for x in range(3, SIDE - 3)]
        assert min(edge) >= SEEN, part


@THEMES
def test_parts_beside_each_other_have_a_gap(theme: Theme) -> None:
    drawn = bar([(Part.WEIGHTS, 5), (Part.CONVERSATION, 0), (Part.WORKING, 5)], theme)
    row = [drawn.pixelColor(x, 6).name() for x in range(200)]
    assert row[99:101] == [theme.colors.raised] * 2
    assert row[50] == theme.colors.memory_weights
    assert theme.colors.memory_conversation not in row, "there is none"


def test_the_smallest_part_is_seen_and_the_bar_is_full(qtbot: QtBot) -> None:
    drawn = bar([(Part.WEIGHTS, 10**12), (Part.CONVERSATION, 1), (Part.FREE, 1)], LIGHT)
    row = [drawn.pixelColor(x, 6).name() for x in range(200)]
    assert row.count(LIGHT.colors.memory_conversation) >= 3
    assert contrast(row[199], LIGHT.colors.raised) >= 2


def test_nothing_is_drawn_of_no_memory() -> None:
    empty = QImage(200, 12, QImage.Format.Format_RGB32)
    empty.fill(QColor(LIGHT.colors.raised))
    assert bar([(Part.WEIGHTS, 0), (Part.FREE, 0)], LIGHT) == empty


def test_in_a_mirrored_window_the_weights_begin_on_the_right() -> None:
    drawn = bar([(Part.WEIGHTS, 5), (Part.FREE, 5)], LIGHT, is_mirrored=True)
    assert drawn.pixelColor(150, 6).name() == LIGHT.colors.memory_weights
    assert drawn.pixelColor(50, 6).name() == LIGHT.colors.raised


@THEMES
def test_rich_text_shows_the_same_pictures(qtbot: QtBot, theme: Theme) -> None:
    sizes = [(Part.WEIGHTS, 5), (Part.FREE, 5)]
    document = QTextDocument()
    document.setDocumentMargin(0)
    document.setHtml(bar_html(sizes, 200, 12, 2.0, theme) + square_html(Part.CONVERSATION, 10, 2.0, theme))
    picture = QImage(300, 40, QImage.Format.Format_ARGB32)
    picture.fill(Qt.GlobalColor.white)
    with QPainter(picture) as painter:
        document.drawContents(painter)
    seen = {picture.pixelColor(x, y).name() for x in range(300) for y in range(40)}
    assert {theme.colors.memory_weights, theme.colors.memory_conversation} <= seen
