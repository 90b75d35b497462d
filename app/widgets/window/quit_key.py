"""The key that quits works in every dialog too: Qt keeps the window's keys from the windows beside it."""

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QAction, QShortcut
from PySide6.QtWidgets import QApplication, QDialog, QWidget

_NAME = "quit"
_MOST_DIALOGS = 8  # one over the other


class QuitKey(QObject):
    """Gives each dialog that gets the keyboard the key of an action; open dialogs are closed before it is done."""

    def __init__(self, quit_action: QAction, parent: QObject) -> None:
        super().__init__(parent)
        self._action = quit_action
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._on_focus_changed)

    @Slot(QWidget, QWidget)
    def _on_focus_changed(self, _old: QWidget | None, new: QWidget | None) -> None:
        dialog = new.window() if new is not None else None
        if not isinstance(dialog, QDialog):
            return
        shortcut = dialog.findChild(QShortcut, _NAME)
        if not isinstance(shortcut, QShortcut):
            shortcut = QShortcut(dialog)
            shortcut.setObjectName(_NAME)
            shortcut.activated.connect(self._on_pressed)
        shortcut.setKey(self._action.shortcut())  # which may have been changed since

    @Slot()
    def _on_pressed(self) -> None:
        """Close what is over the window, so that nothing typed there is lost, and quit as from the menu."""
        for _ in range(_MOST_DIALOGS):
            dialog = QApplication.activeModalWidget()
            if dialog is None or not dialog.close():
                break
        self._action.trigger()
