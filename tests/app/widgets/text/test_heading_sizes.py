"""Headings have the sizes of the design, from 1.5 times the text down to the text's own; Qt has others in mind."""

from itertools import pairwise

import pytest
from PySide6.QtGui import QTextBlock

from app.widgets.basics.theme import LIGHT
from app.widgets.text.text_view import TextView
from tests.app.widgets.message_probe import MakeBody, stream

SIZES = [22, 20, 17, 15, 15, 15]  # of a text of 15 pixels
FORMULA = "$x^2$"


def shown_blocks(view: object) -> list[QTextBlock]:
    assert isinstance(view, TextView)
    view.document().documentLayout().documentSize()
    return [view.document().findBlockByNumber(number) for number in range(view.document().blockCount())]


def sizes_in(block: QTextBlock) -> set[int]:
    sizes, fragments = set(), block.begin()
    while not fragments.atEnd():
        sizes.add(fragments.fragment().charFormat().font().pixelSize())
        fragments += 1
    return sizes


@pytest.mark.parametrize("words", ["a **strong** *word*", f"with {FORMULA} in it"])
def test_each_level_has_its_size(make_body: MakeBody, words: str) -> None:
    assert LIGHT.text_size_px == 15
    body = make_body("\n\n".join(f"{'#' * level} {words}" for level in range(1, 7)))
    blocks = [block for view in body.block_widgets for block in shown_blocks(view) if block.text()]
    assert [block.blockFormat().headingLevel() for block in blocks] == [1, 2, 3, 4, 5, 6]
    if FORMULA not in words:
        assert [sizes_in(block) for block in blocks] == [{size} for size in SIZES]
    heights = [block.layout().lineAt(0).height() for block in blocks]
    assert all(upper >= lower for upper, lower in pairwise(heights))
    assert heights[3] == heights[4] == heights[5]


def test_a_growing_heading_keeps_its_size(make_body: MakeBody) -> None:
    body = make_body("")
    for text in ("# One", "# One two", "# One two\n\nand a text"):
        stream(body, text)
        (view,) = body.block_widgets
        assert sizes_in(shown_blocks(view)[0]) == {22}
