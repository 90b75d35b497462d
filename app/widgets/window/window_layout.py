"""How the window is divided: the sidebar, and beside it a row of controls above the conversation."""

from collections.abc import Sequence

from PySide6.QtCore import QByteArray, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QHBoxLayout, QSplitter, QStyle, QVBoxLayout, QWidget

from app.widgets.sidebar.sidebar import WIDTH_PX


class Whole(QSplitter):
    """The content of a window: the sidebar, and beside it a row of controls above the pages.

    It stands in the window before anything is in it, and so does what is in it: a widget that gets a parent tells all
    inside of its style, which was a fifth of the time to make the window.
    """

    def __init__(self, window: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, window)
        self.setChildrenCollapsible(False)
        self.setHandleWidth(1)

    def begin(self, sidebar: QWidget, controls: Sequence[Sequence[QWidget]]) -> QWidget:
        """Take in the sidebar and the controls, groups that are spread over their row; return where the pages go."""
        self.addWidget(sidebar)
        right = QWidget(self)
        self._column = QVBoxLayout(right)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        top = QHBoxLayout()
        top.setContentsMargins(8, 6, 8, 6)
        self._column.addLayout(top)
        for place, group in enumerate(controls):
            if place:
                top.addStretch(1)
            for widget in group:
                top.addWidget(widget)
        self.addWidget(right)
        self.setStretchFactor(1, 1)
        return right

    def end(self, pages: QWidget, width: int) -> None:
        """Take in the pages, in a window of that width in pixels."""
        self._column.addWidget(pages, 1)
        self.setSizes([WIDTH_PX, width - WIDTH_PX])

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

    place is where it was too: Qt refuses a geometry that comes from a screen of quite another width. Above it there
    is room for the bar with its title, which is no part of what Qt places: at 300 % it had been above the screen.
    """
    bar = window.style().pixelMetric(QStyle.PixelMetric.PM_TitleBarHeight, None, window)
    screens = [screen.availableGeometry().adjusted(0, bar, 0, 0) for screen in QGuiApplication.screens()]
    if geometry and window.restoreGeometry(QByteArray(geometry)):
        if not (window.isMaximized() or window.isFullScreen()):
            window.setGeometry(on_screen(window.geometry(), screens))
    elif place is not None:
        window.setGeometry(on_screen(place, screens))
    else:  # where a new window goes is the desktop's choice
        room = window.screen().availableGeometry().size() - QSize(0, bar)
        window.resize(window.size().boundedTo(room))


def _nearness(wanted: QRect, screen: QRect) -> tuple[int, int]:
    common = wanted.intersected(screen)
    distance = (wanted.center() - screen.center()).manhattanLength()
    return (max(0, common.width()) * max(0, common.height()), -distance)
