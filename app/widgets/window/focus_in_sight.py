"""Brings what gets the keyboard into sight where it stands in something that scrolls.

Qt scrolls only for a Tab that was pressed inside: not for one from outside, for arrows, or where code gives the focus.
"""

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QAbstractItemView, QApplication, QScrollArea, QWidget

_ROOM_PX = 50  # above and below, as Qt leaves it: a field's name stands there


class FocusInSight(QObject):
    """Watches all windows of the application."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._on_focus_changed)

    @Slot(QWidget, QWidget)
    def _on_focus_changed(self, _old: QWidget | None, new: QWidget | None) -> None:
        if new is None or QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton:
            return  # what is pressed with the mouse is in sight, and must not move away under it
        if isinstance(new, QAbstractItemView):
            new.scrollTo(new.currentIndex())  # the row that has the keyboard may have been scrolled away
        inside, around = new, new.parentWidget()
        while around is not None:
            if isinstance(around, QScrollArea) and inside is around.viewport():
                around.ensureWidgetVisible(new, 0, _ROOM_PX)
            inside, around = around, around.parentWidget()
