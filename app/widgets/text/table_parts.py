"""The parts of a table that was cut: each is a text of its own, and all show the same columns."""

from collections.abc import Sequence

from PySide6.QtCore import QTimer

from app.widgets.text.message_piece import Piece, Shown
from app.widgets.text.text_view import TextView


def scroll_together(pieces: Sequence[Piece[Shown]], moved: TextView) -> None:
    """Let the other parts of a table follow the one that was scrolled sideways."""
    for view in _others(pieces, moved):
        view.scroll_sideways(moved.horizontalScrollBar().value())


def scroll_like_others(pieces: Sequence[Piece[Shown]], view: TextView) -> None:
    """Let a part that was made now show the columns that the others show, once it is laid out."""
    others = [other for other in _others(pieces, view) if other.is_scrolled]
    if others:
        shown = others[0].horizontalScrollBar().value()
        QTimer.singleShot(0, view, lambda: view.scroll_sideways(shown))


def _others(pieces: Sequence[Piece[Shown]], view: TextView) -> list[TextView]:
    """Return the other parts of a view's table, as far as they have widgets."""
    number = next((number for number, piece in enumerate(pieces) if piece.widget is view), None)
    if number is None:
        return []
    first, last = number, number + 1
    while first and pieces[first].goes_on:
        first -= 1
    while last < len(pieces) and pieces[last].goes_on:
        last += 1
    widgets = (piece.widget for piece in pieces[first:last])
    return [widget for widget in widgets if isinstance(widget, TextView) and widget is not view]
