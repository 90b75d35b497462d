"""The parts of a table that was cut: each is a text of its own, and all show the same columns."""

from collections.abc import Iterable

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget

from app.widgets.text.text_view import TextView


def scroll_together(parts: Iterable[QWidget], moved: TextView) -> None:
    """Let the other parts of a table follow the one that was scrolled sideways."""
    for part in parts:
        if isinstance(part, TextView):
            part.scroll_sideways(moved.horizontalScrollBar().value())


def scroll_like_others(parts: Iterable[QWidget], view: TextView) -> None:
    """Let a part that was made now show the columns that the others show, once it is laid out."""
    others = [part for part in parts if isinstance(part, TextView) and part.is_scrolled]
    if others:
        shown = others[0].horizontalScrollBar().value()
        QTimer.singleShot(0, view, lambda: view.scroll_sideways(shown))
