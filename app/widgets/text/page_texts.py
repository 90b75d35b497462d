"""What a message on the page is made of for selecting and finding: texts, drawings, and what has no widget yet."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QAbstractScrollArea, QPlainTextEdit, QTextEdit, QWidget

from app.rendering.blocks import Block

Leaf = QTextEdit | QPlainTextEdit
_NESTED = 1_000_000  # more parts than this has no column inside another one


class Drawing(QAbstractScrollArea):
    """What stands between texts and is selected as a whole."""

    @abstractmethod
    def set_selected(self, selected: bool) -> None:
        """Show that it is selected, or that it isn't."""

    @abstractmethod
    def selected_source(self) -> str:
        """Return what is copied for it."""

    @property
    @abstractmethod
    def is_selected(self) -> bool:
        """Whether the selection reaches over it."""


@dataclass(frozen=True)
class PendingPiece:
    """Blocks that have no widget as they are far from what is seen; ``build`` makes it.

    ``number`` is its place among the parts of the message, which stays the same.
    """

    number: int
    blocks: tuple[Block, ...]
    build: Callable[[], None]


class PieceColumn(QWidget):
    """Parts of a message one below the other, of which some may not exist as widgets.

    Its methods are each column's own; it isn't abstract, as those who look for columns name this class.
    """

    def catch_up(self) -> None:
        """Show all parts now, if some are still to be read."""

    def number_of(self, widget: QWidget) -> int:
        """Return which part a widget is, counted from the top, whether those above exist or not."""
        raise NotImplementedError

    def pending_pieces(self) -> list[PendingPiece]:
        """Return the parts without a widget, from top to bottom."""
        raise NotImplementedError


def leaves_in(message: QWidget) -> list[Leaf]:
    """Return the texts of a message that can be selected, from top to bottom, as far as they exist."""
    found = [
        area
        for area in message.findChildren(QAbstractScrollArea)
        if isinstance(area, (QTextEdit, QPlainTextEdit)) and area.isReadOnly() and area.isVisibleTo(message)
    ]
    return sorted(found, key=lambda leaf: leaf.mapTo(message, QPoint(0, 0)).y())


def drawings_in(message: QWidget) -> list[Drawing]:
    """Return what of a message is selected as a whole, in no particular order."""
    return [area for area in message.findChildren(QAbstractScrollArea) if isinstance(area, Drawing)]


def numbered_leaves(message: QWidget) -> list[tuple[int, Leaf]]:
    """Return the texts of a message with their numbers, from top to bottom."""
    return [(number_in(message, leaf), leaf) for leaf in leaves_in(message)]


def number_in(message: QWidget, part: QWidget) -> int:
    """Return a number that orders the parts of a message and stays, whatever else comes into being."""
    path: list[int] = []
    inside: QWidget | None = part
    while inside is not None and inside is not message:
        around = inside.parentWidget()
        if isinstance(around, PieceColumn):
            path.append(around.number_of(inside))
        inside = around
    if not path:
        return 0
    return path[-1] * _NESTED + (path[-2] + 1 if len(path) > 1 else 0)


def pending_in(message: QWidget) -> list[PendingPiece]:
    """Return what of a message has no widget, from top to bottom."""
    found = []
    for column in message.findChildren(PieceColumn):
        pieces = column.pending_pieces()
        if not pieces or not column.isVisibleTo(message):
            continue
        outer = number_in(message, column)
        is_nested = isinstance(_column_around(column, message), PieceColumn)
        for piece in pieces:
            number = outer + piece.number + 1 if is_nested else piece.number * _NESTED
            found.append(PendingPiece(number, piece.blocks, piece.build))
    return sorted(found, key=lambda piece: piece.number)


def _column_around(widget: QWidget, message: QWidget) -> QWidget | None:
    around = widget.parentWidget()
    while around is not None and around is not message and not isinstance(around, PieceColumn):
        around = around.parentWidget()
    return around
