"""Pieces one below the other: heights as plain sums give them, and no more work for many pieces than for few."""

import math
from collections import Counter
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot

from app.rendering.blocks import Block, BlockKind
from app.widgets.basics.theme import LIGHT
from app.widgets.text.message_piece import Piece
from app.widgets.text.piece_stack import GAP_PX, PieceStack
from app.widgets.transcript import message_body
from app.widgets.transcript.message_body import MessageBody
from tests.app.widgets.message_probe import stream

WIDTH = 600


class Widget:
    """Stands for a widget: as high as it is told to be."""

    def __init__(self, height: int) -> None:
        self.height = height

    def height_for(self, width: int) -> int:
        return self.height


def blocks(number: int, *, goes_on: bool = False) -> tuple[Block, ...]:
    text = f"{number} " * (number % 7 + 1)
    return (Block(BlockKind.HTML, "<p>x</p>", text, source=text, head="" if goes_on else None),)


@given(st.lists(st.tuples(st.integers(1, 300), st.booleans(), st.booleans()), min_size=1, max_size=30), st.data())
def test_heights_are_plain_sums(given: list[tuple[int, bool, bool]], data: st.DataObject) -> None:
    stack: PieceStack[Widget] = PieceStack()
    for number, (height, goes_on, is_built) in enumerate(given):
        stack.take(number, blocks(number, goes_on=goes_on))
        if is_built:
            stack.set_widget(number, Widget(height))
        if data.draw(st.booleans()):
            stack.measure(WIDTH, LIGHT)
    kept = data.draw(st.integers(1, len(given)))
    assert [widget.height for widget in stack.shorten(kept)] == [each[0] for each in given[kept:] if each[2]]
    for widget in stack.widgets:
        widget.height += 5
    stack.measure(WIDTH, LIGHT)
    gaps = [GAP_PX if number and not goes_on else 0 for number, (_, goes_on, _) in enumerate(given[:kept])]
    heights = [stack[number].height_for(WIDTH, LIGHT) for number in range(kept)]
    ends = list(accumulate(gap + height for gap, height in zip(gaps, heights, strict=True)))
    assert stack.total == stack.height_at(WIDTH, LIGHT) == ends[-1]
    assert [stack.bottom(number) for number in range(kept)] == ends
    tops = [gap + end for gap, end in zip(gaps, [0, *ends], strict=False)]
    assert [stack.top(number) for number in range(kept)] == tops
    sources = [stack[number].source_characters for number in range(kept)]
    for number in range(kept):
        assert stack.source_at(stack.top(number)) == sum(sources[:number])
        assert stack.top_of_source(sum(sources[:number])) == stack.top(number)
    assert stack.source_at(stack.total) == sum(sources)


def test_a_widget_is_found_and_let_go() -> None:
    stack: PieceStack[Widget] = PieceStack()
    for number in range(5):
        stack.take(number, blocks(number, goes_on=number in (2, 3)))
    widgets = {number: Widget(10 * number + 10) for number in (3, 1, 2, 4)}
    for number, widget in widgets.items():
        stack.set_widget(number, widget)
    stack.measure(WIDTH, LIGHT)
    assert stack.built == [1, 2, 3, 4]
    assert list(stack.without_widget()) == [0]
    assert stack.number_of(widgets[3]) == 3
    assert stack.parts_of_table(2) == [widgets[1], widgets[3]]
    assert stack.take_widget(3, keeps_height=True) is widgets[3]
    stack.measure(WIDTH, LIGHT)
    assert stack.bottom(3) - stack.top(3) == 40
    assert stack.number_of(widgets[3]) is None
    assert stack.take_widget(3) is None


def test_an_update_asks_no_more_pieces_however_many_stand_above(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_body, "_READING_SECONDS", math.inf)  # however long a busy machine takes for it
    asked: Counter[str] = Counter()
    height_for, take = Piece.height_for, Piece.take
    monkeypatch.setattr(Piece, "height_for", lambda *given: asked.update(["height"]) or height_for(*given))
    monkeypatch.setattr(Piece, "take", lambda *given: asked.update(["take"]) or take(*given))
    worked = []
    for count in (60, 600):
        body = MessageBody(LIGHT)
        qtbot.addWidget(body)
        body.is_gradual = True
        body.resize(WIDTH, 400)
        body.show()
        text = "".join(f"Words\n\n```\ncode {number}\n```\n\n" for number in range(count))
        stream(body, text)
        body.catch_up()
        asked.clear()
        for more in range(1, 20):
            stream(body, text + "and more " * more)
            body.source_at(300)
            body.drop_outside(0, 1000)
        worked.append(dict(asked))
    assert worked[0] == worked[1]
    assert 0 < worked[0]["height"] < 100
