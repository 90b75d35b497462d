"""Ctrl and the wheel over a conversation make its text larger or smaller."""

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QAbstractScrollArea

_NOTCH = 120  # eighths of a degree; a touch pad sends less at once


class TextSizeWheel(QObject):
    """Watches what scrolls the conversation. Signal turned(int): by how many notches, larger if more than 0.

    Notches that come while the last ones are still being drawn are one step.
    """

    turned = Signal(int)

    def __init__(self, area: QAbstractScrollArea, parent: QObject) -> None:
        super().__init__(parent)
        self._way = 0
        self._timer = QTimer(self, interval=0, singleShot=True)
        self._timer.timeout.connect(self._on_due)
        area.viewport().installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        """Take a wheel that is turned with Ctrl held, and no other key."""
        if event.type() is not QEvent.Type.Wheel or not isinstance(event, QWheelEvent):
            return False
        if event.modifiers() != Qt.KeyboardModifier.ControlModifier:
            return False
        self._way += event.angleDelta().y()
        if abs(self._way) >= _NOTCH:
            self._timer.start()
        return True

    @Slot()
    def _on_due(self) -> None:
        notches = int(self._way / _NOTCH)
        self._way -= notches * _NOTCH
        if notches:
            self.turned.emit(notches)
