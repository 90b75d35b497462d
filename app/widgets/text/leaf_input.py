"""What mouse and keyboard do to a text of the page beyond what it does by itself.

A selection goes over many texts, and the page follows the caret and the links that Tab goes to.
"""

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer, Slot
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QKeySequence, QMouseEvent

from app.widgets.text.page_texts import Leaf
from app.widgets.text.text_selection import Moves, SelectionArea, area_around

_EXTENDING = {
    QKeySequence.StandardKey.SelectPreviousChar: Moves.Left,
    QKeySequence.StandardKey.SelectNextChar: Moves.Right,
    QKeySequence.StandardKey.SelectPreviousWord: Moves.WordLeft,
    QKeySequence.StandardKey.SelectNextWord: Moves.WordRight,
    QKeySequence.StandardKey.SelectPreviousLine: Moves.Up,
    QKeySequence.StandardKey.SelectNextLine: Moves.Down,
    QKeySequence.StandardKey.SelectStartOfLine: Moves.StartOfLine,
    QKeySequence.StandardKey.SelectEndOfLine: Moves.EndOfLine,
    QKeySequence.StandardKey.SelectStartOfDocument: Moves.Start,
    QKeySequence.StandardKey.SelectEndOfDocument: Moves.End,
}

_ROOM_PX = 24  # about a line above and below


class LeafInput(QObject):
    """Watches one text; on no page it changes nothing."""

    def __init__(self, leaf: Leaf) -> None:
        super().__init__(leaf)
        self._leaf = leaf
        self._before = (0, 0)
        self._pressed = QTimer(self, interval=0, singleShot=True)
        self._pressed.timeout.connect(self._on_pressed)
        leaf.installEventFilter(self)
        leaf.viewport().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Answer presses, drags, keys and the wish for a menu; True: the text itself is not to see it."""
        if isinstance(event, QMouseEvent):
            area = area_around(self._leaf) if watched is not self._leaf else None
            return area is not None and self._mouse(area, event)
        if isinstance(event, QContextMenuEvent):
            area = area_around(self._leaf)
            if area is not None:
                keyboard = event.reason() is QContextMenuEvent.Reason.Keyboard
                area.open_menu(self._leaf, self._cursor_place() if keyboard else event.pos())
            return area is not None
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            area = area_around(self._leaf)
            self._before = self._ends()
            self._pressed.start()
            return area is not None and self._key(area, event)
        return False

    def select_message(self) -> bool:
        """Select the whole message; False: the text stands on no page."""
        area = area_around(self._leaf)
        if area is None:
            return False
        for row, widget in area.selectable_rows():
            if widget.isAncestorOf(self._leaf):
                area.selection.select_row(row)
        return True

    def _mouse(self, area: SelectionArea, event: QMouseEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.MouseMove:
            held = bool(event.buttons() & Qt.MouseButton.LeftButton)
            return held and area.selection.drag(self._leaf, event.globalPosition().toPoint())
        if event.button() != Qt.MouseButton.LeftButton:
            return False
        if kind == QEvent.Type.MouseButtonPress:
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                position = self._leaf.cursorForPosition(event.position().toPoint()).position()
                area.selection.extend_to(self._leaf, position)
                return True
            area.selection.begin(self._leaf)
        elif kind == QEvent.Type.MouseButtonRelease:
            area.selection.end_drag()
        return False

    def _key(self, area: SelectionArea, event: QKeyEvent) -> bool:
        if event.matches(QKeySequence.StandardKey.SelectAll):
            return self.select_message()
        for key, operation in _EXTENDING.items():
            if event.matches(key):
                return area.selection.extend(self._leaf, operation)
        return False

    def _ends(self) -> tuple[int, int]:
        cursor = self._leaf.textCursor()
        return cursor.anchor(), cursor.position()

    @Slot()
    def _on_pressed(self) -> None:
        """Bring what a key has gone to into sight, as the text itself does not scroll."""
        area = area_around(self._leaf)
        if area is None or not self._leaf.hasFocus() or self._ends() == self._before:
            return
        rect = self._leaf.cursorRect()
        for place, room in ((rect.bottomLeft(), _ROOM_PX), (rect.topLeft(), -_ROOM_PX)):
            outside = area.pixels_outside(self._leaf.viewport().mapToGlobal(place))
            if outside * room > 0:
                area.scroll_by(outside + room)

    def _cursor_place(self) -> QPoint:
        inside = self._leaf.cursorRect().bottomLeft()
        rect = self._leaf.viewport().rect()
        return QPoint(max(0, min(inside.x(), rect.right())), max(0, min(inside.y(), rect.bottom())))
