"""A piece of a message: neighbouring blocks that one widget shows, if they are near enough to be seen."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from operator import is_
from typing import Generic, Protocol, TypeVar

from app.rendering.blocks import Block, BlockKind
from app.widgets.basics.theme import Theme
from app.widgets.text.text_view import columns_of

TEXT_VIEW_CHARACTERS = 4_000  # a text view begins anew after so many, which bounds what one update lays out again
MANY_PIECES = 24  # more get their widgets only where they are seen
_MANY_CHARACTERS = 16_000
_CELL_CHARACTERS = 40  # of text are laid out in the time that a cell of a table takes
_CHARACTER_SHARE = 0.5  # of the text size: how wide a character of Inter is on average
_LINE_SHARE = 1.5  # of the text size
_PARAGRAPH_GAP_PX = 12
_CELL_PX = 13
_CODE_FRAME_PX = 50
_CODE_LINE_SHARE = 1.32
_FORMULA_PX = 60
_FOLDED_PX = 32
_BEGINNING = 24  # characters by which a block that grows is known again


class PieceWidget(Protocol):
    """What a piece needs of its widget."""

    def height_for(self, width: int) -> int:
        """Return the height in pixels at a width."""


Shown = TypeVar("Shown", bound=PieceWidget)


class Piece(Generic[Shown]):
    """Blocks, and the widget that shows them: None while they are far from what is seen."""

    def __init__(self, blocks: tuple[Block, ...]) -> None:
        self.blocks = blocks
        self.widget: Shown | None = None
        self._known: tuple[int, int] | None = None  # (width, height), measured before or guessed

    @property
    def kind(self) -> BlockKind:
        """What the blocks are."""
        return self.blocks[0].kind

    @property
    def goes_on(self) -> bool:
        """Whether it goes on where the piece above was cut."""
        return self.blocks[0].head is not None

    @property
    def source_characters(self) -> int:
        """How many characters of Markdown it was written as; 0 while that isn't known."""
        return sum(len(block.source) for block in self.blocks)

    def is_grown(self, blocks: tuple[Block, ...]) -> bool:
        """Return whether newer blocks begin like those it has."""
        old, new = self.blocks[0], blocks[0]
        return new.kind is old.kind and new.text.startswith(old.text[:_BEGINNING])

    def take(self, blocks: tuple[Block, ...]) -> None:
        """Know newer blocks."""
        if blocks != self.blocks:
            self._known = None
        self.blocks = blocks

    def forget_height(self) -> None:
        """The look has changed."""
        self._known = None

    def keep_height(self, width: int) -> None:
        """Remember how high the widget is that goes now."""
        if self.widget is not None:
            self._known = (width, self.widget.height_for(width))

    def height_for(self, width: int, theme: Theme) -> int:
        """Return the height in pixels at a width: measured, or guessed while there is no widget."""
        if self.widget is not None:
            return self.widget.height_for(width)
        if self._known is None or self._known[0] != width:
            self._known = (width, _guess(self.blocks, max(1, width), theme))
        return self._known[1]


def _guess(blocks: Sequence[Block], width: int, theme: Theme) -> int:
    return sum(_guess_block(block, width, theme.text_size_px, theme.code_size_px) for block in blocks)


def _guess_block(block: Block, width: int, text_size: int, code_size: int) -> int:
    if block.kind is BlockKind.CODE:
        return _CODE_FRAME_PX + round((block.text.count("\n") + 1) * code_size * _CODE_LINE_SHARE)
    if block.kind is BlockKind.FORMULA:
        return _FORMULA_PX
    if block.kind is BlockKind.THINKING:
        return _FOLDED_PX
    line = text_size * _LINE_SHARE
    if block.html.startswith("<table"):
        return round((block.text.count("\n") + 1) * (line + _CELL_PX)) + _PARAGRAPH_GAP_PX
    return round(_lines(block.text, max(1, int(width / (text_size * _CHARACTER_SHARE)))) * line) + _PARAGRAPH_GAP_PX


def _lines(text: str, characters: int) -> int:
    return sum(max(1, math.ceil(len(line) / characters)) for line in text.split("\n"))


class PieceCutter:
    """Cuts blocks into pieces: neighbouring texts are joined, so that a selection can reach over them.

    Blocks that were there the last time are not looked at again, as an answer may have some ten thousand.
    """

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._ends: list[int] = []  # of the pieces, counted in blocks
        self._characters: list[int] = []  # of each piece, cells of tables counted as some
        self.pieces: list[tuple[Block, ...]] = []

    @property
    def are_many(self) -> bool:
        """Whether the pieces are too many, or too long, for all of them to have widgets."""
        return len(self.pieces) > MANY_PIECES or sum(self._characters) > _MANY_CHARACTERS

    def cut(self, blocks: Sequence[Block]) -> int:
        """Cut these blocks into pieces; return how many of the pieces stayed the very same."""
        same = [*map(is_, self._blocks, blocks), False].index(False)
        kept = bisect_left(self._ends, same)  # the last of what stayed the same may go on
        del self._ends[kept:], self._characters[kept:], self.pieces[kept:]
        self._blocks = list(blocks)
        position = self._ends[-1] if self._ends else 0
        while position < len(blocks):
            position = self._cut_one(position)
        return kept

    def _cut_one(self, start: int) -> int:
        """Add the piece that begins with a block, and return where it ends."""
        blocks = self._blocks
        characters = len(blocks[start].text) + _CELL_CHARACTERS * _cells(blocks[start])
        end = start + 1
        while end < len(blocks) and joins(blocks[start], blocks[end], characters):
            characters += len(blocks[end].text)
            end += 1
        self._ends.append(end)
        self._characters.append(characters)
        self.pieces.append(tuple(blocks[start:end]))
        return end


def _cells(block: Block) -> int:
    """Return how many cells a block has that is a table, roughly."""
    return columns_of(block) * block.text.count("\n")


def joins(first: Block, block: Block, characters: int) -> bool:
    """Return whether a block goes to the piece that has so many characters, all of them text."""
    if block.kind is not BlockKind.HTML or first.kind is not BlockKind.HTML or columns_of(block) or columns_of(first):
        return False
    fits = characters + len(block.text) <= TEXT_VIEW_CHARACTERS
    return fits or not block.html.startswith(("<p", "<ul", "<ol"))
