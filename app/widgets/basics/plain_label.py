"""A label whose text is never taken for HTML, whoever wrote it, in one of the theme's roles."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel


def plain_label(text: str = "", role: str = "", *, wraps: bool = False) -> QLabel:
    """Return the label; roles are the theme's (heading, muted, small, danger ...)."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setProperty("role", role)
    label.setWordWrap(wraps)
    return label
