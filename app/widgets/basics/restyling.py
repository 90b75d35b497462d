"""Gives what is there another style sheet without keeping the window waiting: what is seen first, the rest in turns.

Qt's own ways tell every widget, seen or not, in one turn of the event loop: twice where the sheet is taken away and
given anew, and once for each widget around it where one sheet replaces another.
"""

from collections.abc import Iterable

import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer, Slot
from PySide6.QtGui import QFont, QPalette
from PySide6.QtWidgets import QApplication, QWidget

_HIDDEN_IN_A_TURN = 60  # about 4 ms


class Restyling(QObject):
    """Knows which hidden widgets still have the look before; there is one for each application."""

    def __init__(self, application: QApplication) -> None:
        super().__init__(application)
        self._application = application
        self._left: list[QWidget] = []

    @classmethod
    def of(cls, application: QApplication) -> "Restyling":
        """Return that of an application."""
        return application.findChild(cls) or cls(application)

    def exchange(self, palette: QPalette, font: QFont, sheet: str) -> None:
        """Give the application, which has a style sheet, another one; widgets that are seen have it on return."""
        # WORKAROUND Qt 6.11: a style that knows the rules of no widget tells none when its sheet changes, and finds the
        # new rules when it is asked. Should another Qt tell all of them here, this would be slower and as right.
        self._application.style().unpolish(self._application)
        self._application.setPalette(palette)
        self._application.setFont(font)
        self._application.setStyleSheet(sheet)
        is_begun = bool(self._left)
        widgets = [each for each in self._application.allWidgets() if _is_polished(each)]
        _restyle(each for each in widgets if each.isVisible())
        self._left = [each for each in widgets if not each.isVisible()]
        if not is_begun:
            self._go_on()

    def _go_on(self) -> None:
        if self._left:
            QTimer.singleShot(0, self._restyle_some)

    @Slot()
    def _restyle_some(self) -> None:
        """Restyle a few hidden widgets, and all that have come into sight meanwhile."""
        left = [each for each in self._left if shiboken6.isValid(each)]
        left.sort(key=QWidget.isVisible, reverse=True)
        count = max(_HIDDEN_IN_A_TURN, sum(map(QWidget.isVisible, left)))
        _restyle(left[:count])
        self._left = left[count:]
        self._go_on()


def _restyle(widgets: Iterable[QWidget]) -> None:
    for widget in widgets:
        if shiboken6.isValid(widget):  # one may have gone as another was told
            widget.style().polish(widget)
            QCoreApplication.sendEvent(widget, QEvent(QEvent.Type.StyleChange))


def _is_polished(widget: QWidget) -> bool:
    """Return whether a widget has had a look; one that was never seen gets its first one when it is shown."""
    return widget.testAttribute(Qt.WidgetAttribute.WA_WState_Polished)
