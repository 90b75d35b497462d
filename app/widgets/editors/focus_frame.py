"""A frame that shows that the editor inside it has the keyboard."""

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QFrame, QWidget


class FocusFrame(QObject):
    """Watches the editor; the frame's property "focused" is what the style sheet looks at."""

    def __init__(self, frame: QFrame, editor: QWidget) -> None:
        super().__init__(frame)
        self._frame = frame
        editor.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Draw the frame anew when the keyboard comes or goes."""
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self._frame.setProperty("focused", "true" if event.type() == QEvent.Type.FocusIn else "false")
            self._frame.style().polish(self._frame)
        return False
