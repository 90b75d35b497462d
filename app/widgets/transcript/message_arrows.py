"""Arrow keys on the buttons of a message: up and down to other messages, left and right to its other parts."""

from PySide6.QtCore import QEvent, QObject, Qt, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget

from app.widgets.transcript.message_widget import message_around

_STEPS = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
_VERTICAL = (Qt.Key.Key_Up, Qt.Key.Key_Down)


class MessageArrows(QObject):
    """Watches the button that has the keyboard: Qt would take an arrow as Tab, and leave the page with the last one."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._on_focus_changed)

    @Slot(QWidget, QWidget)
    def _on_focus_changed(self, old: QWidget | None, new: QWidget | None) -> None:
        if old is not None:
            old.removeEventFilter(self)
        if isinstance(new, QAbstractButton) and message_around(new) is not None:
            new.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take arrows that are pressed alone."""
        if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.KeyPress:
            return False
        step = _STEPS.get(Qt.Key(event.key()))
        message = message_around(watched)
        if step is None or message is None or event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            return False
        if event.key() in _VERTICAL and message.editor is None:
            message.neighbour_requested.emit((message.message_id, step))
            return True
        if event.key() not in _VERTICAL and message.layoutDirection() == Qt.LayoutDirection.RightToLeft:
            step = -step
        stops = message.focus_stops()
        target = stops.index(watched) + step if watched in stops else -1
        if 0 <= target < len(stops):
            stops[target].setFocus(Qt.FocusReason.OtherFocusReason)
            message.update_actions()
        return True
