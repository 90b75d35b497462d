"""A row of widgets that goes on in the next line where the room ends."""

from itertools import takewhile

from PySide6.QtCore import QEvent, QPoint, QRect, QSize
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QSizePolicy, QStyle, QWidget

_GAP_PX = 8


class FlowRow(QWidget):
    """From where reading begins, line by line; hidden widgets take no room.

    A widget that places its children, not a layout: the items of a layout written in Python are deleted by Qt while
    Python still asks them for their size, which ends the process (PySide6 6.11).
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._widgets: list[QWidget] = []
        self._followers: set[QWidget] = set()
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def add(self, widget: QWidget, *, follows: bool = False) -> None:
        """Put a widget at the end; one that follows stays in the line of the one before it, if a line holds both."""
        widget.setParent(self)
        self._widgets.append(widget)
        if follows:
            self._followers.add(widget)
        self.updateGeometry()

    def hasHeightForWidth(self) -> bool:
        """The fewer pixels wide, the more lines."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height of all lines at a width."""
        return max((place.bottom() + 1 for _, place in self._places(width)), default=0)

    def sizeHint(self) -> QSize:
        """Return one line's size."""
        sizes = [widget.sizeHint() for widget in self._shown]
        width = sum(size.width() for size in sizes) + _GAP_PX * max(0, len(sizes) - 1)
        return QSize(width, max((size.height() for size in sizes), default=0))

    def minimumSizeHint(self) -> QSize:
        """Return the size of the widest widget: the others find room below it."""
        sizes = [widget.sizeHint() for widget in self._shown]
        widest = max((size.width() for size in sizes), default=0)
        return QSize(widest, max((size.height() for size in sizes), default=0))

    def event(self, event: QEvent) -> bool:
        """A widget was shown or hidden, or wants another size."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
            self._place()
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Other widgets fit into a line."""
        super().resizeEvent(event)
        self._place()

    def showEvent(self, event: QShowEvent) -> None:
        """What changed while nobody looked is placed."""
        super().showEvent(event)
        self._place()

    @property
    def _shown(self) -> list[QWidget]:
        return [widget for widget in self._widgets if not widget.isHidden()]

    def _place(self) -> None:
        for widget, place in self._places(self.width()):
            widget.setGeometry(QStyle.visualRect(self.layoutDirection(), self.rect(), place))

    def _places(self, width: int) -> list[tuple[QWidget, QRect]]:
        """Return where each shown widget stands in a row of that many pixels."""
        places = []
        left = top = line = 0
        shown = self._shown
        for place, widget in enumerate(shown):
            size = widget.sizeHint()
            together = size.width() + sum(_GAP_PX + each.sizeHint().width() for each in self._behind(shown, place))
            if left > 0 and left + (together if together <= width else size.width()) > width:
                left, top, line = 0, top + line + _GAP_PX, 0
            places.append((widget, QRect(QPoint(left, top), size)))
            left += size.width() + _GAP_PX
            line = max(line, size.height())
        return places

    def _behind(self, shown: list[QWidget], place: int) -> list[QWidget]:
        """Return those that follow the one at a place."""
        return list(takewhile(self._followers.__contains__, shown[place + 1 :]))
