"""One selection over many texts: it begins in one text of the page and may end in another, some messages further."""

from abc import abstractmethod
from typing import NamedTuple

import shiboken6
from PySide6.QtCore import QMimeData, QObject, QPoint, QTimer, Signal, Slot
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QWidget

from app.widgets.text.page_texts import Leaf, drawings_in, leaves_in, number_in, numbered_leaves, pending_in

Moves = QTextCursor.MoveOperation
_SCROLL_MS = 30
_WHOLE = 1 << 30  # beyond the last character of any text
_SCROLL_SHARE = 4  # of the pixels that the mouse is outside, each turn


class Place(NamedTuple):
    """A place of the page: the row of its message, the number of the text in it, and the character of that text."""

    row: int
    leaf: int
    position: int


class SelectionArea(QWidget):
    """The page around the texts: what a selection has to know of it."""

    selection: "TextSelection"

    @abstractmethod
    def selectable_rows(self) -> list[tuple[int, QWidget]]:
        """Return rows with the widgets of their messages, from top to bottom, as far as they exist."""

    @abstractmethod
    def pixels_outside(self, place: QPoint) -> int:
        """Return how far a place of the screen is above (negative) or below the visible part of the page."""

    @abstractmethod
    def scroll_by(self, pixels: int) -> None:
        """Move the visible part down, or up."""

    @abstractmethod
    def selected_text(self) -> str:
        """Return the selection as plain text."""

    @abstractmethod
    def copy(self) -> None:
        """Copy the selection as plain text."""

    @abstractmethod
    def copy_markdown(self) -> None:
        """Copy the selection as Markdown."""

    @abstractmethod
    def open_menu(self, leaf: Leaf, place: QPoint) -> None:
        """Open the menu of a text at a place inside it."""


def area_around(widget: QWidget | None) -> SelectionArea | None:
    """Return the page that a widget stands on."""
    while widget is not None and not isinstance(widget, SelectionArea):
        widget = widget.parentWidget()
    return widget


class TextSelection(QObject):
    """Within one text Qt selects by itself; beyond it, each text is given its part of the whole."""

    changed = Signal()

    def __init__(self, area: SelectionArea) -> None:
        super().__init__(area)
        self._area = area
        self._anchor: Place | None = None
        self._head: Place | None = None
        self._origin: Leaf | None = None
        self._origin_row = -1
        self._dragged: tuple[Leaf, QPoint] | None = None
        self._scroll = QTimer(self)
        self._scroll.setInterval(_SCROLL_MS)
        self._scroll.timeout.connect(self._on_scroll_due)

    @property
    def bounds(self) -> tuple[Place, Place] | None:
        """Where the selection begins and ends, if it reaches over more than one text."""
        if self._anchor is None or self._head is None:
            return None
        return min(self._anchor, self._head), max(self._anchor, self._head)

    def covers(self, row: int, number: int) -> bool:
        """Return whether the selection reaches over a part of a message that has no widget now."""
        bounds = self.bounds
        return bounds is not None and bounds[0][:2] <= (row, number) <= bounds[1][:2]

    def holds(self, row: int) -> bool:
        """Return whether the selection begins or ends in this row, so that its texts are still needed."""
        bounds = self.bounds
        return row == self._origin_row or (bounds is not None and row in (bounds[0].row, bounds[1].row))

    def begin(self, leaf: Leaf) -> None:
        """A new selection begins in this text: nothing else stays selected."""
        if self.bounds is not None:
            deselect(leaf)  # else Qt would take the press for the beginning of dragging the text away
        self._anchor = self._head = None
        self._origin = leaf
        for row, widget in self._area.selectable_rows():
            if widget.isAncestorOf(leaf):
                self._origin_row = row
            for other in leaves_in(widget):
                if other is not leaf:
                    deselect(other)
            _deselect_drawings(widget)
        self.changed.emit()

    def clear(self) -> None:
        """Select nothing."""
        self.end_drag()
        self._anchor = self._head = self._origin = None
        self._origin_row = -1
        for _, widget in self._area.selectable_rows():
            for leaf in leaves_in(widget):
                deselect(leaf)
            _deselect_drawings(widget)
        self.changed.emit()

    def drag(self, leaf: Leaf, place: QPoint) -> bool:
        """The mouse moved with its button down from this text to a place of the screen; False: it is Qt's affair."""
        self._dragged = (leaf, place)
        outside = self._area.pixels_outside(place)
        if not outside:
            self._scroll.stop()
        elif not self._scroll.isActive():
            self._scroll.start()
        target = self._place_at(place)
        own = self._place_of(leaf, leaf.textCursor().anchor())
        if target is None or own is None:
            return False
        if self.bounds is None and target[:2] == own[:2] and not outside:
            return False
        self._anchor = self._anchor or own
        self._set_head(target)
        return True

    def end_drag(self) -> None:
        """The button was let go."""
        self._dragged = None
        self._scroll.stop()

    def extend_to(self, leaf: Leaf, position: int) -> None:
        """Reach from where the selection (or the text cursor) began to here."""
        target = self._place_of(leaf, position)
        origin = self._origin if self._origin is not None and shiboken6.isValid(self._origin) else leaf
        if target is not None and self._start(origin):
            self._set_head(target)

    def extend(self, leaf: Leaf, operation: QTextCursor.MoveOperation) -> bool:
        """Move the end of the selection by the keyboard; False: the text's own key does it."""
        own = self._place_of(leaf, leaf.textCursor().position())
        head = self._head or own
        if head is None or own is None:
            return False
        place = self._moved(head, operation)
        if place[:2] == own[:2] and self.bounds is None:
            return False
        if self._start(leaf):
            self._set_head(place)
        return True

    def select_row(self, row: int) -> None:
        """Select a whole message."""
        leaves = self._leaves_of(row)
        if leaves:
            self.begin(leaves[0][1])
            self._anchor = self._end_of(row, 0)
            self._set_head(self._end_of(row, -1))

    def select_between(self, first: int, last: int) -> None:
        """Select whole messages from one row to another; both have to exist as widgets."""
        if self._leaves_of(last) and self._leaves_of(first):
            self._anchor = self._end_of(first, 0)
            self._set_head(self._end_of(last, -1))

    def apply_to(self, row: int, widget: QWidget) -> None:
        """Give the texts of a message their part of the selection, as when it was made only now."""
        bounds = self.bounds
        if bounds is None:
            return
        first, last = bounds
        for number, leaf in numbered_leaves(widget):
            if not first[:2] <= (row, number) <= last[:2]:
                deselect(leaf)
                continue
            start = first.position if (row, number) == first[:2] else 0
            end = last.position if (row, number) == last[:2] else _length(leaf)
            backwards = self._anchor == last
            _select(leaf, *((end, start) if backwards else (start, end)))
        for drawing in drawings_in(widget):  # selected where the selection goes on below it
            drawing.set_selected(first[:2] < (row, number_in(widget, drawing)) < last[:2])

    def _start(self, origin: Leaf) -> bool:
        """Let the selection begin where it began in one text, if it did not reach over more of them yet."""
        if self._anchor is None:
            self._anchor = self._place_of(origin, origin.textCursor().anchor())
        return self._anchor is not None

    def _set_head(self, place: Place) -> None:
        self._head = place
        for row, widget in self._area.selectable_rows():
            self.apply_to(row, widget)
        if self._anchor is not None and self._anchor[:2] == place[:2]:
            self._anchor = self._head = None  # one text again: Qt's affair
        self.changed.emit()

    def _moved(self, head: Place, operation: QTextCursor.MoveOperation) -> Place:
        leaf = dict(self._leaves_of(head.row)).get(head.leaf)
        if leaf is None:
            return head
        cursor = QTextCursor(leaf.document())
        before = min(head.position, _length(leaf))
        cursor.setPosition(before)
        cursor.movePosition(operation)
        if cursor.position() != before:
            return head._replace(position=cursor.position())
        if operation in (Moves.Up, Moves.Left, Moves.WordLeft, Moves.Start, Moves.PreviousBlock):
            return self._neighbour(head, -1)
        if operation in (Moves.Down, Moves.Right, Moves.WordRight, Moves.End, Moves.NextBlock):
            return self._neighbour(head, 1)
        return head

    def _neighbour(self, head: Place, step: int) -> Place:
        """Return the end of the text above, or the beginning of the text below."""
        widget = self._widget_of(head.row)
        waiting = {} if widget is None else {piece.number: piece for piece in pending_in(widget)}
        numbers = [*dict(self._leaves_of(head.row)), *waiting]
        near = sorted((number for number in numbers if (number - head.leaf) * step > 0), reverse=step < 0)
        if not near:
            row = head.row + step
            return self._end_of(row, -1 if step < 0 else 0) if self._leaves_of(row) else head
        if near[0] in waiting:
            waiting[near[0]].build()
        leaf = dict(self._leaves_of(head.row)).get(near[0])
        return Place(head.row, near[0], 0 if step > 0 or leaf is None else _length(leaf))

    def _end_of(self, row: int, end: int) -> Place:
        """Return the first (0) or last (-1) place of a message of which at least one text exists."""
        leaves = self._leaves_of(row)
        number, leaf = leaves[end]
        widget = self._widget_of(row)
        pending = [] if widget is None else [piece.number for piece in pending_in(widget)]
        outermost = pending[end] if pending else number
        if (outermost > number) if end else (outermost < number):
            return Place(row, outermost, _WHOLE if end else 0)
        return Place(row, number, _length(leaf) if end else 0)

    def _leaves_of(self, row: int) -> list[tuple[int, Leaf]]:
        widget = self._widget_of(row)
        return [] if widget is None else numbered_leaves(widget)

    def _widget_of(self, row: int) -> QWidget | None:
        return next((widget for number, widget in self._area.selectable_rows() if number == row), None)

    def _place_of(self, wanted: Leaf, position: int) -> Place | None:
        for row, widget in self._area.selectable_rows():
            if widget.isAncestorOf(wanted):
                return Place(row, number_in(widget, wanted), position)
        return None

    def _place_at(self, point: QPoint) -> Place | None:
        """Return the place nearest to a point of the screen: in the text there, else at the end of the one above."""
        above: Place | None = None
        for row, widget in self._area.selectable_rows():
            for number, leaf in numbered_leaves(widget):
                inside = leaf.viewport().mapFromGlobal(point)
                if inside.y() < 0:
                    return above or Place(row, number, 0)
                if inside.y() < leaf.viewport().height():
                    return Place(row, number, leaf.cursorForPosition(inside).position())
                above = Place(row, number, _length(leaf))
        return above

    @Slot()
    def _on_scroll_due(self) -> None:
        if self._dragged is None:
            self._scroll.stop()
            return
        leaf, place = self._dragged
        outside = self._area.pixels_outside(place)
        self._area.scroll_by(outside // _SCROLL_SHARE or (1 if outside > 0 else -1))
        self.drag(leaf, place)


def copied(leaf: Leaf, own: str) -> QMimeData:
    """Return what copying from a text gives: what is selected there, or of more texts all that is selected."""
    area = area_around(leaf)
    data = QMimeData()
    data.setText(area.selected_text() if area is not None and area.selection.bounds is not None else own)
    return data


def deselect(leaf: Leaf) -> None:
    """Let nothing be selected in a text."""
    cursor = leaf.textCursor()
    if cursor.hasSelection():
        cursor.clearSelection()
        leaf.setTextCursor(cursor)


def _deselect_drawings(widget: QWidget) -> None:
    for drawing in drawings_in(widget):
        drawing.set_selected(False)


def _length(leaf: Leaf) -> int:
    return leaf.document().characterCount() - 1


def _select(leaf: Leaf, start: int, end: int) -> None:
    cursor = leaf.textCursor()
    if (cursor.anchor(), cursor.position()) == (start, end):
        return
    bar = leaf.horizontalScrollBar()
    before = bar.value()  # setting a cursor also scrolls to it
    cursor.setPosition(min(start, _length(leaf)))
    cursor.setPosition(min(end, _length(leaf)), QTextCursor.MoveMode.KeepAnchor)
    leaf.setTextCursor(cursor)
    bar.setValue(before)
