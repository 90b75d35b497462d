"""Gives the keyboard to what stands around when what had it goes away: a name that was edited as a menu opened, say."""

from collections.abc import Callable

import shiboken6
from PySide6.QtCore import QObject, Qt, QTimer, Slot
from PySide6.QtWidgets import QApplication, QMenuBar, QWidget

_POPUP_MS = 50  # until it is looked again whether a menu has closed: Qt doesn't say


class FocusKeeper(QObject):
    """Watches one window; whoever knows a better place gives it the keyboard at once, and nothing happens here.

    fallback: gives it where nothing around can take it.
    """

    def __init__(self, window: QWidget, fallback: Callable[[], object]) -> None:
        super().__init__(window)
        self._window = window
        self._fallback = fallback
        self._around: list[QWidget] = []  # of what had the keyboard last in this window, from inside out
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._on_due)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._on_focus_changed)

    @Slot(QWidget, QWidget)
    def _on_focus_changed(self, _old: QWidget | None, new: QWidget | None) -> None:
        if new is None or isinstance(new, QMenuBar):
            self._timer.start(0)
        elif new.window() is self._window:
            self._around = _around(new)

    @Slot()
    def _on_due(self) -> None:
        if QApplication.activePopupWidget() is not None:
            self._timer.start(_POPUP_MS)
        elif QApplication.activeWindow() is not self._window:
            return
        elif _is_idle(QApplication.focusWidget()):
            self._fallback()
        elif QApplication.focusWidget() is None:
            takes = next((each for each in self._around if _can_take(each)), None)
            if takes is None:
                self._fallback()
            else:
                takes.setFocus(Qt.FocusReason.OtherFocusReason)


def _around(widget: QWidget) -> list[QWidget]:
    found = []
    around = widget.parentWidget()
    while around is not None and not around.isWindow():
        found.append(around)
        around = around.parentWidget()
    return found


def _is_idle(focused: QWidget | None) -> bool:
    """Tell whether it is a menu bar that nobody is in: it keeps the keyboard when a dialog was opened out of it."""
    return isinstance(focused, QMenuBar) and focused.activeAction() is None


def _can_take(widget: QWidget) -> bool:
    if not shiboken6.isValid(widget) or not widget.isVisible() or not widget.isEnabled():
        return False
    return bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
