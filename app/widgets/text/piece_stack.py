"""The pieces of a message one below the other: their heights, and which of them have widgets.

What is asked and changed costs about what it concerns, however many pieces there are: an answer may have thousands.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from typing import Generic

from app.models.row_sums import RowSums
from app.rendering.blocks import Block
from app.rendering.html import LIST_INDENT_PX
from app.widgets.basics.theme import Theme
from app.widgets.text.message_piece import Piece, Shown

GAP_PX = 12


class PieceStack(Generic[Shown]):
    """Pieces from top to bottom, measured at one width; who makes a widget or lets one go says so."""

    def __init__(self) -> None:
        self._pieces: list[Piece[Shown]] = []
        self._built: list[int] = []  # the numbers of the pieces with a widget, in order
        self._changed = 0  # from this piece on heights have to be asked for
        self._width = -1
        self._heights = RowSums()  # of each piece, with the gap above it
        self._sources = RowSums()  # characters

    def __len__(self) -> int:
        """Return how many pieces there are."""
        return len(self._pieces)

    def __getitem__(self, number: int) -> Piece[Shown]:
        """Return a piece by its number, counted from the top."""
        return self._pieces[number]

    @property
    def built(self) -> list[int]:
        """The numbers of the pieces that have widgets, from top to bottom."""
        return list(self._built)

    @property
    def widgets(self) -> list[Shown]:
        """The widgets from top to bottom, as far as they exist."""
        found = (self._pieces[number].widget for number in self._built)
        return [widget for widget in found if widget is not None]

    @property
    def total(self) -> int:
        """The height of all pieces in pixels, as they were measured last."""
        return self._heights.total

    def without_widget(self) -> Iterator[int]:
        """Yield the numbers of the pieces that have none."""
        return (number for number, piece in enumerate(self._pieces) if piece.widget is None)

    def take(self, number: int, blocks: tuple[Block, ...]) -> Piece[Shown]:
        """Let a piece, or the first one behind the last, have these blocks, and return it."""
        if number == len(self._pieces):
            self._pieces.append(Piece(blocks))
        piece = self._pieces[number]
        piece.take(blocks)
        self._changed = min(self._changed, number)
        return piece

    def set_widget(self, number: int, widget: Shown) -> None:
        """Let a piece that has none have this widget."""
        self._pieces[number].widget = widget
        insort(self._built, number)

    def take_widget(self, number: int, *, keeps_height: bool = False) -> Shown | None:
        """Return a piece's widget, which it no longer has; its height may be remembered."""
        piece = self._pieces[number]
        widget = piece.widget
        if widget is not None:
            if keeps_height:
                piece.keep_height(self.room(number, self._width))
            piece.widget = None
            del self._built[bisect_left(self._built, number)]
        return widget

    def shorten(self, count: int) -> list[Shown]:
        """Keep so many pieces; return the widgets of the others."""
        place = bisect_left(self._built, count)
        gone = [widget for number in self._built[place:] if (widget := self._pieces[number].widget) is not None]
        del self._built[place:], self._pieces[count:]
        self._changed = min(self._changed, count)
        return gone

    def number_of(self, widget: object) -> int | None:
        """Return which piece a widget shows."""
        return next((number for number in self._built if self._pieces[number].widget is widget), None)

    def forget_heights(self) -> None:
        """The look has changed."""
        for piece in self._pieces:
            piece.forget_height()
        self._changed = 0

    def room(self, number: int, width: int) -> int:
        """Return how wide a piece is in a message of a width, pixels."""
        return width - self._pieces[number].blocks[0].indent * LIST_INDENT_PX

    def gap_above(self, number: int) -> int:
        """Return how far a piece stands from the one above, pixels; what was cut goes on without a gap."""
        return GAP_PX if number and not self._pieces[number].goes_on else 0

    def height_at(self, width: int, theme: Theme) -> int:
        """Return the height in pixels of all pieces at a width; nothing is placed at it."""
        if width == self._width:
            self.measure(width, theme)
            return self.total
        return sum(self._height(number, width, theme) for number in range(len(self._pieces)))

    def measure(self, width: int, theme: Theme) -> None:
        """Ask what has a widget or is new for its height, at another width all."""
        if width != self._width:
            self._width, self._changed = width, 0
        first = self._changed
        for number in self._built[: bisect_left(self._built, first)]:
            self._heights.set_value(number, self._height(number, width, theme))
        count = len(self._pieces)
        self._heights.replace_from(first, [self._height(number, width, theme) for number in range(first, count)])
        self._sources.replace_from(first, [piece.source_characters for piece in self._pieces[first:]])
        self._changed = count

    def top(self, number: int) -> int:
        """Return where a piece begins, pixels; that of the first behind the last is the end."""
        return self._heights.before(number) + (self.gap_above(number) if number < len(self._pieces) else 0)

    def bottom(self, number: int) -> int:
        """Return where a piece ends."""
        return self._heights.before(number + 1)

    def number_at(self, y: int) -> int:
        """Return the piece that covers a height, with the gap above it; 0 if there is none."""
        return max(0, self._heights.row_at(y))

    def source_at(self, y: int) -> int:
        """Return how many characters of the source stand above a height, roughly."""
        if y >= self.total:
            return self._sources.total
        number = self.number_at(y)
        top, bottom = self.top(number), self.bottom(number)
        return self._sources.before(number) + self._sources[number] * max(0, y - top) // max(1, bottom - top)

    def top_of_source(self, characters: int) -> int:
        """Return the height where so many characters of the source stand above, roughly."""
        if characters >= self._sources.total:
            return self.total
        number = self._sources.row_at(characters)
        top, inside = self.top(number), characters - self._sources.before(number)
        return top + (self.bottom(number) - top) * inside // max(1, self._sources[number])

    def parts_of_table(self, number: int) -> Sequence[Shown]:
        """Return the other widgets of the table, or whatever was cut, that a piece is a part of."""
        first, last = number, number + 1
        while first and self._pieces[first].goes_on:
            first -= 1
        while last < len(self._pieces) and self._pieces[last].goes_on:
            last += 1
        parts = self._built[bisect_left(self._built, first) : bisect_left(self._built, last)]
        return [w for part in parts if part != number and (w := self._pieces[part].widget) is not None]

    def _height(self, number: int, width: int, theme: Theme) -> int:
        piece = self._pieces[number]
        return self.gap_above(number) + piece.height_for(self.room(number, width), theme)
