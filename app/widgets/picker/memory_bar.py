"""The bar of what takes how much of the memory, with its legend; pointing at it or Tab gives the arithmetic."""

from PySide6.QtCore import QPoint, QRectF, QSize, Qt
from PySide6.QtGui import QFocusEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QToolTip, QVBoxLayout, QWidget

from app.language import joined, tr
from app.models.amounts import memory
from app.models.memory_picture import MemoryPicture, Part, part_words
from app.widgets.basics.focus_ring import paint_focus
from app.widgets.basics.foreign_text import plain_tooltip
from app.widgets.basics.plain_label import plain_label
from app.widgets.basics.theme import Theme
from app.widgets.picker.memory_parts import paint_bar, paint_part

_BAR_PX = 12
_SQUARE_PX = 10
_COLUMNS = 2
_WIDTH_PX = 360
_MENU_EDGES_PX = 16


class MemoryBar(QWidget):
    """Shows a picture of the memory and the sentence why the model is loaded as it is."""

    def __init__(self, picture: MemoryPicture, reason: str, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(12, 8, 12, 8)
        self._column.setSpacing(8)
        self.setMinimumWidth(_WIDTH_PX)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.title = plain_label("", "heading")
        self.bar = _Bar(theme)
        self.legend = QWidget()
        self._grid = QGridLayout(self.legend)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(2)
        self.reason = plain_label("", "muted", wraps=True)
        for widget in (self.title, self.bar, self.legend, self.reason):
            self._column.addWidget(widget)
        self._column.addStretch(1)  # a menu gives more than its sentences need once they are wrapped
        self.show_reason(reason)
        self.show_picture(picture)

    def show_reason(self, reason: str) -> None:
        """Show another sentence, "" for none."""
        self.reason.setText(reason)
        self.reason.setVisible(bool(reason))

    def show_picture(self, picture: MemoryPicture) -> None:
        """Show other numbers."""
        self.bar.show_picture(picture)
        self.title.setText(joined((picture.place, memory(picture.total_bytes))))
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()  # it may be a while until it goes, and the new one stands in its place
                widget.deleteLater()
        shown = [(part, size) for part, size in picture.sizes.items() if size or part is Part.FREE]
        for place, (part, size) in enumerate(shown):
            entry = _Entry(part, f"{memory(size)} {part_words(part)}", self._theme)
            self._grid.addWidget(entry, place // _COLUMNS, place % _COLUMNS)
            entry.show()  # a layout would do so later, and an open menu asks at once for the room
        self._column.invalidate()
        self.setToolTip(plain_tooltip(picture.arithmetic))
        self.setAccessibleName(tr("Memory"))
        self.setAccessibleDescription(f"{picture.place}: {picture.arithmetic}\n{self.reason.text()}")

    def sizeHint(self) -> QSize:
        """Return the room for the numbers, and the height at the width that the menu around has at least.

        A menu asks for no height for a width, and adds to the width that of the column at the end of its lines. The
        sentence is wrapped: what Qt supposes as its width doesn't count.
        """
        around, sides = self.parentWidget(), self._column.contentsMargins()
        words = max(self.title.sizeHint().width(), self.legend.sizeHint().width()) + sides.left() + sides.right()
        width = max(_WIDTH_PX, words)
        given = around.minimumWidth() - _MENU_EDGES_PX if around is not None else 0
        return QSize(width, self._column.totalHeightForWidth(max(width, given)))

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Give by keyboard what pointing at it gives."""
        super().focusInEvent(event)
        QToolTip.showText(self.mapToGlobal(QPoint(12, self.height())), self.toolTip(), self)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take it away again."""
        super().focusOutEvent(event)
        QToolTip.hideText()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Show where the keyboard is."""
        super().paintEvent(event)
        if self.hasFocus():
            with QPainter(self) as painter:
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                paint_focus(painter, self.rect().adjusted(2, 0, -2, 0), self._theme, 6)


class _Bar(QWidget):
    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._picture: MemoryPicture | None = None
        self.setFixedHeight(_BAR_PX)

    def show_picture(self, picture: MemoryPicture) -> None:
        self._picture = picture
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self._picture is None or not self._picture.total_bytes:
            return
        is_mirrored = self.layoutDirection() is Qt.LayoutDirection.RightToLeft
        with QPainter(self) as painter:
            sizes = list(self._picture.sizes.items())
            paint_bar(painter, QRectF(self.rect()), sizes, self._theme, is_mirrored=is_mirrored)


class _Entry(QWidget):
    def __init__(self, part: Part, words: str, theme: Theme) -> None:
        super().__init__()
        self._part = part
        self._theme = theme
        column = QVBoxLayout(self)
        column.setContentsMargins(_SQUARE_PX + 8, 0, 0, 0)
        column.addWidget(plain_label(words, "muted"))
        if self.isRightToLeft():
            column.setContentsMargins(0, 0, _SQUARE_PX + 8, 0)

    def paintEvent(self, _event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            left = self.width() - _SQUARE_PX if self.isRightToLeft() else 0
            top = (self.height() - _SQUARE_PX) / 2
            paint_part(painter, QRectF(left, top, _SQUARE_PX, _SQUARE_PX), self._part, self._theme)
