"""A row of widgets that goes on in the next line where the room ends."""

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget

_GAP_PX = 8


class FlowRow(QLayout):
    """Left to right, line by line; hidden widgets take no room."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self.setContentsMargins(0, 0, 0, 0)

    def addItem(self, item: QLayoutItem) -> None:
        """Put an item at the end."""
        self._items.append(item)

    def count(self) -> int:
        """Return the number of items."""
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        """Return the item at a place, None beyond the end."""
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        """Take the item at a place out, None beyond the end."""
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        """Want no more room than is needed."""
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        """The fewer pixels wide, the more lines."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height of all lines at a width."""
        return self._lay_out(QRect(0, 0, width, 0), moves=False)

    def sizeHint(self) -> QSize:
        """Return one line's size."""
        sizes = [item.sizeHint() for item in self._shown]
        width = sum(size.width() for size in sizes) + _GAP_PX * max(0, len(sizes) - 1)
        return self._with_margins(QSize(width, max((size.height() for size in sizes), default=0)))

    def minimumSize(self) -> QSize:
        """Return the size of the widest item: the others find room below it."""
        sizes = [item.minimumSize() for item in self._shown]
        widest = max((size.width() for size in sizes), default=0)
        return self._with_margins(QSize(widest, max((size.height() for size in sizes), default=0)))

    def setGeometry(self, rect: QRect) -> None:
        """Place all items."""
        super().setGeometry(rect)
        self._lay_out(rect, moves=True)

    @property
    def _shown(self) -> list[QLayoutItem]:
        return [item for item in self._items if not item.isEmpty()]

    def _with_margins(self, size: QSize) -> QSize:
        return size.grownBy(self.contentsMargins())

    def _lay_out(self, whole: QRect, *, moves: bool) -> int:
        """Return the height that is needed, margins included."""
        margins = self.contentsMargins()
        rect = whole.marginsRemoved(margins)
        left, top, line = rect.left(), rect.top(), 0
        for item in self._shown:
            size = item.sizeHint()
            if left > rect.left() and left + size.width() > rect.left() + rect.width():
                left, top, line = rect.left(), top + line + _GAP_PX, 0
            if moves:
                item.setGeometry(QRect(QPoint(left, top), size))
            left += size.width() + _GAP_PX
            line = max(line, size.height())
        return top + line - rect.top() + margins.top() + margins.bottom()
