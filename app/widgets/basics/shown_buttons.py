"""Which of several buttons are shown: the keyboard of one that goes away is given to what comes in its place."""

from collections.abc import Iterable, Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QWidget


def show_buttons(shown: Mapping[QAbstractButton, bool], instead: Iterable[QWidget]) -> None:
    """Show these buttons and hide the others.

    instead: of these, the first that isn't hidden gets the keyboard of a button that goes away. Qt would give it to
    the next stop: Cancel after Pause, or what stands elsewhere in the window.
    """
    gone = [button for button, is_shown in shown.items() if not is_shown]
    for button, is_shown in shown.items():
        if is_shown:
            button.show()
    if any(button.hasFocus() for button in gone):
        takes = next((each for each in instead if each.isEnabled() and each not in gone), None)
        if takes is not None:
            takes.setFocus(Qt.FocusReason.OtherFocusReason)
    for button in gone:
        button.hide()
