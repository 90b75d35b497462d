"""How the window is divided: the sidebar, and beside it a row of controls above the conversation."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from app.widgets.sidebar import WIDTH_PX


class _Whole(QSplitter):
    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter presses the button that has the keyboard, as Space does; Qt leaves that to the desktop."""
        button = QApplication.focusWidget()
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.isAutoRepeat()
        if is_enter and isinstance(button, QAbstractButton):
            button.click()
        else:
            super().keyPressEvent(event)


def laid_out(sidebar: QWidget, controls: Sequence[Sequence[QWidget]], page: QWidget, width: int) -> QSplitter:
    """Return the content of a window of that width in pixels; groups of controls are spread over their row."""
    top = QHBoxLayout()
    top.setContentsMargins(8, 6, 8, 6)
    for place, group in enumerate(controls):
        if place:
            top.addStretch(1)
        for widget in group:
            top.addWidget(widget)
    right = QWidget()
    column = QVBoxLayout(right)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addLayout(top)
    column.addWidget(page, 1)
    splitter = _Whole(Qt.Orientation.Horizontal)
    splitter.setChildrenCollapsible(False)
    splitter.setHandleWidth(1)
    splitter.addWidget(sidebar)
    splitter.addWidget(right)
    splitter.setStretchFactor(1, 1)
    splitter.setSizes([WIDTH_PX, width - WIDTH_PX])
    return splitter
