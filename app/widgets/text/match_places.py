"""In which text of a message a match stands."""

from PySide6.QtWidgets import QWidget

from app.rendering.shown_text import Pattern, count_in, shown_lines
from app.widgets.text.block_column import ThinkingBlock
from app.widgets.text.formula_block import FormulaBlock
from app.widgets.text.match_marks import MatchMarks
from app.widgets.text.page_texts import Leaf, PendingPiece, leaves_in, number_in, pending_in

Part = Leaf | ThinkingBlock | FormulaBlock | PendingPiece


def marks_of(leaf: Leaf) -> MatchMarks:
    """Return what marks the matches in a text of the page."""
    marks = leaf.findChild(MatchMarks)
    assert isinstance(marks, MatchMarks)
    return marks


def place_of(message: QWidget, pattern: Pattern, number: int) -> tuple[Part | None, int]:
    """Return the text with the match of this number (counted from 0), and its number in there.

    A folded block is returned where the match is in its thoughts, a drawn formula for its LaTeX, a piece that has no
    widget yet as such; None where the message does not show it.
    """
    folded = [
        block for block in message.findChildren(ThinkingBlock) if not block.is_open and block.isVisibleTo(message)
    ]
    drawn = [block for block in message.findChildren(FormulaBlock) if block.is_drawn and block.isVisibleTo(message)]
    parts: list[Part] = [*leaves_in(message), *folded, *drawn, *pending_in(message)]
    parts.sort(key=lambda part: part.number if isinstance(part, PendingPiece) else number_in(message, part))
    for part in parts:
        if isinstance(part, PendingPiece):
            count = sum(count_in(shown_lines(block), pattern) for block in part.blocks)
        elif isinstance(part, ThinkingBlock | FormulaBlock):
            count = count_in(shown_lines(part.block), pattern) if part.block is not None else 0
        else:
            count = marks_of(part).count
        if number < count:
            return part, number
        number -= count
    return None, 0
