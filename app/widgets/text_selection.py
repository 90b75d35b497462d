"""One selection over many texts: it begins in one text of the page and may end in another, some messages further."""

from abc import abstractmethod
from typing import NamedTuple

import shiboken6
from PySide6.QtCore import QMimeData, QObject, QPoint, QTimer, Signal, Slot
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QAbstractScrollArea, QPlainTextEdit, QTextEdit, QWidget

Leaf = QTextEdit | QPlainTextEdit
Moves = QTextCursor.MoveOperation
_SCROLL_MS = 30
_SCROLL_SHARE = 4  # of the pixels that the mouse is outside, each turn


class Place(NamedTuple):
    """A place of the page: the row of its message, the text in it, and the character of that text."""

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


def leaves_in(widget: QWidget) -> list[Leaf]:
    """Return the texts of a message that can be selected, from top to bottom."""
    found = [
        area
        for area in widget.findChildren(QAbstractScrollArea)
        if isinstance(area, (QTextEdit, QPlainTextEdit)) and area.isReadOnly() and area.isVisibleTo(widget)
    ]
    return sorted(found, key=lambda leaf: leaf.mapTo(widget, QPoint(0, 0)).y())


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


def drawings_in(widget: QWidget) -> list[Drawing]:
    """Return what of a message is selected as a whole, in no particular order."""
    return [area for area in widget.findChildren(QAbstractScrollArea) if isinstance(area, Drawing)]


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
            self.begin(leaves[0])
            self._anchor = Place(row, 0, 0)
            self._set_head(Place(row, len(leaves) - 1, _length(leaves[-1])))

    def select_between(self, first: int, last: int) -> None:
        """Select whole messages from one row to another; both have to exist as widgets."""
        leaves = self._leaves_of(last)
        if leaves and self._leaves_of(first):
            self._anchor = Place(first, 0, 0)
            self._set_head(Place(last, len(leaves) - 1, _length(leaves[-1])))

    def apply_to(self, row: int, widget: QWidget) -> None:
        """Give the texts of a message their part of the selection, as when it was made only now."""
        bounds = self.bounds
        if bounds is None:
            return
        first, last = bounds
        for number, leaf in enumerate(leaves_in(widget)):
            if not first[:2] <= (row, number) <= last[:2]:
                deselect(leaf)
                continue
            start = first.position if (row, number) == first[:2] else 0
            end = last.position if (row, number) == last[:2] else _length(leaf)
            backwards = self._anchor == last
            _select(leaf, *((end, start) if backwards else (start, end)))
        self._select_drawings(row, widget, first, last)

    def _select_drawings(self, row: int, widget: QWidget, first: Place, last: Place) -> None:
        """What is no text (a formula on display) is selected where the selection goes on below it."""
        tops = [leaf.mapTo(widget, QPoint(0, 0)).y() for leaf in leaves_in(widget)]
        top = tops[first.leaf] if row == first.row and first.leaf < len(tops) else -1
        bottom = tops[last.leaf] if row == last.row and last.leaf < len(tops) else widget.height()
        for drawing in drawings_in(widget):
            place = drawing.mapTo(widget, QPoint(0, 0)).y()
            drawing.set_selected(first.row <= row <= last.row and top < place < bottom)

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
        leaves = self._leaves_of(head.row)
        if head.leaf >= len(leaves):
            return head
        cursor = QTextCursor(leaves[head.leaf].document())
        cursor.setPosition(min(head.position, _length(leaves[head.leaf])))
        cursor.movePosition(operation)
        if cursor.position() != head.position:
            return head._replace(position=cursor.position())
        if operation in (Moves.Up, Moves.Left, Moves.WordLeft, Moves.Start, Moves.PreviousBlock):
            return self._end_before(head)
        if operation in (Moves.Down, Moves.Right, Moves.WordRight, Moves.End, Moves.NextBlock):
            if head.leaf + 1 < len(leaves):
                return Place(head.row, head.leaf + 1, 0)
            return Place(head.row + 1, 0, 0) if self._leaves_of(head.row + 1) else head
        return head

    def _end_before(self, head: Place) -> Place:
        row, number = (head.row, head.leaf - 1) if head.leaf else (head.row - 1, -1)
        leaves = self._leaves_of(row)
        if not leaves:
            return head
        number %= len(leaves)
        return Place(row, number, _length(leaves[number]))

    def _leaves_of(self, row: int) -> list[Leaf]:
        for number, widget in self._area.selectable_rows():
            if number == row:
                return leaves_in(widget)
        return []

    def _place_of(self, wanted: Leaf, position: int) -> Place | None:
        for row, widget in self._area.selectable_rows():
            if widget.isAncestorOf(wanted):
                for number, leaf in enumerate(leaves_in(widget)):
                    if leaf is wanted:
                        return Place(row, number, position)
        return None

    def _place_at(self, point: QPoint) -> Place | None:
        """Return the place nearest to a point of the screen: in the text there, else at the end of the one above."""
        above: Place | None = None
        for row, widget in self._area.selectable_rows():
            for number, leaf in enumerate(leaves_in(widget)):
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
