"""The small buttons inside a line of text: Qt gives them no word for screen readers, and one an icon of its own."""

from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QAction, QPalette
from PySide6.QtWidgets import QLineEdit, QToolButton

from app.language import tr
from app.widgets.basics.icons import icon

_CLEAR = "_q_qlineeditclearaction"  # Qt 6.11's name for it; there is no other way to it


def show_clear_button(line: QLineEdit) -> None:
    """Let a button empty the line, with an icon of the theme, and a word for those who don't see it."""
    line.setClearButtonEnabled(True)
    action = line.findChild(QAction, _CLEAR)
    if isinstance(action, QAction):
        name_button(line, action, tr("Clear"))
        line.installEventFilter(_ClearIcon(line, action))


def name_button(line: QLineEdit, action: QAction, words: str) -> None:
    """Say what the button of an action is for."""
    for button in line.findChildren(QToolButton):
        if button.defaultAction() is action:
            button.setAccessibleName(words)


class _ClearIcon(QObject):
    """Draws the clear button in the colour of what the empty line says, also after a change of the theme."""

    def __init__(self, line: QLineEdit, action: QAction) -> None:
        super().__init__(line)
        self._line, self._action = line, action
        self._color = ""
        self._draw()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Draw anew where the colours of the line are other ones."""
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange, QEvent.Type.Polish):
            self._draw()
        return super().eventFilter(watched, event)

    def _draw(self) -> None:
        color = self._line.palette().color(QPalette.ColorGroup.Active, QPalette.ColorRole.PlaceholderText).name()
        if color != self._color:
            self._color = color
            shown = [(button, button.isVisibleTo(self._line)) for button in self._line.findChildren(QToolButton)]
            self._action.setIcon(icon("x", color))
            for button, is_shown in shown:
                button.setVisible(is_shown)  # Qt 6.11 shows the button of an action that changes, in an empty line too
