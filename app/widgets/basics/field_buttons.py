"""The small buttons inside a line of text: Qt gives them an icon, and no word for screen readers."""

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLineEdit, QToolButton

from app.language import tr

_CLEAR = "_q_qlineeditclearaction"  # Qt 6.11's name for it; there is no other way to it


def show_clear_button(line: QLineEdit) -> None:
    """Let a button empty the line, with a word for those who don't see its icon."""
    line.setClearButtonEnabled(True)
    action = line.findChild(QAction, _CLEAR)
    if isinstance(action, QAction):
        name_button(line, action, tr("Clear"))


def name_button(line: QLineEdit, action: QAction, words: str) -> None:
    """Say what the button of an action is for."""
    for button in line.findChildren(QToolButton):
        if button.defaultAction() is action:
            button.setAccessibleName(words)
