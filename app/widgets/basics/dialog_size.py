"""Gives a dialog its first size: as it is meant, but no larger than the screen, as at 300 % or on a small one."""

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QDialog

_FRAME = QSize(16, 48)  # what the desktop draws around: borders, and the bar with the title


def size_on_screen(dialog: QDialog, width: int, height: int) -> None:
    """Let a dialog begin with this size in logical pixels, as far as the screen of its window allows."""
    parent = dialog.parentWidget()
    screen = (parent if parent is not None else dialog).screen()
    room = screen.availableGeometry().size() - _FRAME
    dialog.resize(QSize(width, height).boundedTo(room))
