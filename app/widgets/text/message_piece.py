"""A piece of a message: neighbouring blocks that one widget shows, if they are near enough to be seen."""

import math
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from PySide6.QtWidgets import QApplication, QWidget

from app.rendering.blocks import Block, BlockKind
from app.rendering.spoken import spoken
from app.widgets.basics.theme import Theme
from app.widgets.text.formula_block import FormulaBlock
from app.widgets.text.text_view import TextView, columns_of

TEXT_VIEW_CHARACTERS = 4_000  # a text view begins anew after so many, which bounds what one update lays out again
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


def pieces_of(blocks: Sequence[Block]) -> list[tuple[Block, ...]]:
    """Join neighbouring texts to one piece each, so that a selection can reach over them; the rest stays alone."""
    pieces: list[list[Block]] = []
    characters = 0
    for block in blocks:
        joins = bool(pieces) and block.kind is BlockKind.HTML and pieces[-1][0].kind is BlockKind.HTML
        joins = joins and not columns_of(block) and not columns_of(pieces[-1][0])
        fits = characters + len(block.text) <= TEXT_VIEW_CHARACTERS
        if joins and (fits or not block.html.startswith(("<p", "<ul", "<ol"))):
            pieces[-1].append(block)
            characters += len(block.text)
        else:
            pieces.append([block])
            characters = len(block.text)
    return [tuple(piece) for piece in pieces]


def discard(widget: QWidget) -> None:
    """Let go of the widget of a piece; nothing of it is seen from now on."""
    widget.hide()
    widget.setParent(None)
    widget.deleteLater()


def name_text(widget: QWidget) -> None:
    """Let a text say itself to screen readers, formulas as LaTeX; other widgets have names of their own."""
    if isinstance(widget, TextView):
        widget.setAccessibleName(spoken(widget.blocks))


def is_used(widget: QWidget) -> bool:
    """Return whether a widget holds what would be lost with it: the keyboard, a selection, a wrapped line."""
    focused = QApplication.focusWidget()
    if focused is not None and (focused is widget or widget.isAncestorOf(focused)):
        return True
    if isinstance(widget, TextView):
        return widget.textCursor().hasSelection()
    return not isinstance(widget, FormulaBlock) or widget.is_selected
