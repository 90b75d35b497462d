"""Tells screen readers what has the keyboard where Qt names something else: the list for its row, who passed it on."""

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtGui import QAccessible, QAccessibleEvent
from PySide6.QtWidgets import QAbstractItemView, QApplication, QWidget


class SpokenFocus(QObject):
    """Watches all windows of the application; without a screen reader it does nothing.

    Qt tells of a widget only after its focusInEvent: if that gave the keyboard away, the one without it is told last.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._changes = 0
        self._timer = QTimer(self, interval=0, singleShot=True)
        self._timer.timeout.connect(self._on_due)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._on_focus_changed)

    @Slot(QWidget, QWidget)
    def _on_focus_changed(self, _old: QWidget | None, new: QWidget | None) -> None:
        if new is not None and QAccessible.isActive():
            self._changes += 1
            self._timer.start()

    @Slot()
    def _on_due(self) -> None:
        changes, self._changes = self._changes, 0
        focused = QApplication.focusWidget()
        if isinstance(focused, QAbstractItemView):
            row = QAccessible.queryAccessibleInterface(focused).focusChild()
            if row is not None:
                QAccessible.updateAccessibility(QAccessibleEvent(row, QAccessible.Event.Focus))
        elif focused is not None and changes > 1:
            QAccessible.updateAccessibility(QAccessibleEvent(focused, QAccessible.Event.Focus))
