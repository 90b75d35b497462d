"""The field that takes the next key pressed as an action's key: Backspace takes it away, Esc and Tab leave."""

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QLineEdit, QWidget

from app.language import tr

_MODIFIERS = (
    Qt.Key.Key_Control,
    Qt.Key.Key_Shift,
    Qt.Key.Key_Alt,
    Qt.Key.Key_Meta,
    Qt.Key.Key_AltGr,
    Qt.Key.Key_Super_L,
    Qt.Key.Key_Super_R,
    Qt.Key.Key_CapsLock,
    Qt.Key.Key_unknown,
)
_CLEARING = (Qt.Key.Key_Backspace, Qt.Key.Key_Delete)


class KeyEdit(QLineEdit):
    """Shows a key and asks for another one.

    QKeySequenceEdit takes Esc, Tab and Backspace for keys to be had, so that nobody gets out of it by keyboard.
    """

    pressed = Signal(object)  # QKeySequence; an empty one to have none
    left = Signal()  # Esc

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setPlaceholderText(tr("Press the new key"))
        self.setAccessibleName(tr("New key"))
        self.setAccessibleDescription(tr("Backspace takes the key away, Esc goes back to the list."))
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)

    def event(self, event: QEvent) -> bool:
        """Keep every key from the menus while a new one is asked for."""
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take the key."""
        key, modifiers = event.key(), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        is_plain = modifiers == Qt.KeyboardModifier.NoModifier
        if key in _MODIFIERS:
            return
        event.accept()
        if is_plain and key == Qt.Key.Key_Escape:
            self.left.emit()
        elif is_plain and key in _CLEARING:
            self.pressed.emit(QKeySequence())
        else:
            self.pressed.emit(QKeySequence(event.keyCombination()))
