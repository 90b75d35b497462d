"""The Edit menu: each entry does its work in whatever text, or list, has the keyboard."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Signal, Slot
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu, QMenuBar, QPlainTextEdit, QTextEdit, QWidget

if TYPE_CHECKING:
    from app.widgets.actions.window_actions import WindowActions

_METHODS = {
    "undo": "undo",
    "redo": "redo",
    "cut": "cut",
    "copy": "copy",
    "paste": "paste",
    "select_all": "selectAll",
}
_CHANGING = frozenset({"undo", "redo", "cut", "paste"})


class EditActions(QObject):
    """Knows which widget had the keyboard last; a menu that opens takes it away for that moment.

    A widget takes part by having methods called undo, redo, cut, copy, paste or selectAll, itself or its parents.
    """

    undo_requested = Signal()  # there was no text in which something could be undone

    def __init__(self, actions: "WindowActions", window: QWidget) -> None:
        super().__init__(actions)
        self._actions = actions
        self._window = window
        self._target: QWidget | None = None
        for name in _METHODS:
            actions.by_name[name].triggered.connect(self._on_triggered)
        actions.menus["edit"].aboutToShow.connect(self._on_about_to_show)
        actions.menus["edit"].aboutToHide.connect(self._on_about_to_hide)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._on_focus_changed)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let Ctrl+Z through where the text has nothing to take back."""
        is_undo = (
            event.type() is QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.matches(QKeySequence.StandardKey.Undo)
        )
        if is_undo and isinstance(watched, QWidget) and not _can(watched, "undo"):
            event.ignore()
            return True
        return False

    def perform(self, name: str) -> None:
        """Do it where the keyboard is; undo goes on to what was deleted last."""
        target = self._find(name)
        if target is not None:
            getattr(target, _METHODS[name])()
        elif name == "undo":
            self.undo_requested.emit()

    def _find(self, name: str) -> QWidget | None:
        widget = QApplication.focusWidget()
        if widget is None or isinstance(widget, QMenu | QMenuBar):
            widget = self._target
        while widget is not None:
            if _can(widget, name):
                return widget
            widget = None if widget.isWindow() else widget.parentWidget()
        return None

    @Slot()
    def _on_triggered(self) -> None:
        action = self.sender()
        if action is not None:
            self.perform(action.objectName())

    @Slot()
    def _on_about_to_show(self) -> None:
        for name in _METHODS:
            self._actions.by_name[name].setEnabled(name == "undo" or self._find(name) is not None)

    @Slot()
    def _on_about_to_hide(self) -> None:
        """Their keys are to work whatever gets the keyboard next."""
        for name in _METHODS:
            self._actions.by_name[name].setEnabled(True)

    @Slot(QWidget, QWidget)
    def _on_focus_changed(self, _old: QWidget | None, new: QWidget | None) -> None:
        if new is None or isinstance(new, QMenu | QMenuBar) or new.window() is not self._window:
            return
        if self._target is not None:
            self._target.removeEventFilter(self)
            self._target.destroyed.disconnect(self._on_destroyed)
        self._target = new
        new.destroyed.connect(self._on_destroyed)
        new.installEventFilter(self)

    @Slot()
    def _on_destroyed(self) -> None:
        self._target = None


def _can(widget: QWidget, name: str) -> bool:
    if not callable(getattr(widget, _METHODS[name], None)):
        return False
    if name in _CHANGING and isinstance(widget, QLineEdit | QTextEdit | QPlainTextEdit) and widget.isReadOnly():
        return False
    if name not in ("undo", "redo"):
        return True
    if isinstance(widget, QLineEdit):
        return widget.isUndoAvailable() if name == "undo" else widget.isRedoAvailable()
    if isinstance(widget, QTextEdit | QPlainTextEdit):
        document = widget.document()
        return document.isUndoAvailable() if name == "undo" else document.isRedoAvailable()
    return True
