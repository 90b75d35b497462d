"""How the window is divided: the sidebar, and beside it a row of controls above the conversation."""

from collections.abc import Sequence

from PySide6.QtCore import QByteArray, QPoint, QRect, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from app.widgets.sidebar.sidebar import WIDTH_PX


class _Whole(QSplitter):
    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter presses the button that has the keyboard, as Space does; Qt leaves that to the desktop."""
        button = QApplication.focusWidget()
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.isAutoRepeat()
        if is_enter and isinstance(button, QAbstractButton):
            button.click()
        else:
            super().keyPressEvent(event)


def on_screen(wanted: QRect, screens: Sequence[QRect]) -> QRect:
    """Return where a window goes that was there: the same place, or inside the nearest screen if that has changed.

    Qt only looks that a restored window touches a screen; ten pixels of it are of no use.
    """
    if not screens:
        return wanted
    nearest = max(screens, key=lambda screen: _nearness(wanted, screen))
    size = wanted.size().boundedTo(nearest.size())
    left = max(nearest.left(), min(wanted.left(), nearest.right() + 1 - size.width()))
    top = max(nearest.top(), min(wanted.top(), nearest.bottom() + 1 - size.height()))
    return QRect(QPoint(left, top), size)


def restore(window: QWidget, geometry: bytes, place: QRect | None = None) -> None:
    """Put a window where it was at the last time, as far as the screens of today allow.

    place is where it was too: Qt refuses a geometry that comes from a screen of quite another width.
    """
    screens = [screen.availableGeometry() for screen in QGuiApplication.screens()]
    if geometry and window.restoreGeometry(QByteArray(geometry)):
        if not (window.isMaximized() or window.isFullScreen()):
            window.setGeometry(on_screen(window.geometry(), screens))
    elif place is not None:
        window.setGeometry(on_screen(place, screens))
    else:  # where a new window goes is the desktop's choice
        window.resize(window.size().boundedTo(window.screen().availableGeometry().size()))


def _nearness(wanted: QRect, screen: QRect) -> tuple[int, int]:
    common = wanted.intersected(screen)
    distance = (wanted.center() - screen.center()).manhattanLength()
    return (max(0, common.width()) * max(0, common.height()), -distance)


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
