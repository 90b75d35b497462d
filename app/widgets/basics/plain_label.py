"""A label whose text is never taken for HTML, whoever wrote it, in one of the theme's roles."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

_SETTING_PX = 32  # as high as the Reset button that most settings have beside their name
_SETTING_AIR_PX = 6  # what that leaves above and below one line: two lines stand as far from what follows


def plain_label(text: str = "", role: str = "", *, wraps: bool = False) -> QLabel:
    """Return the label; roles are the theme's (heading, muted, small, danger ...)."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setProperty("role", role)
    label.setWordWrap(wraps)
    return label


def setting_label(text: str) -> QLabel:
    """Return the name of a setting, or of what stands among settings."""
    label = plain_label(text, "heading", wraps=True)
    label.setMinimumHeight(_SETTING_PX)
    label.setContentsMargins(0, _SETTING_AIR_PX, 0, _SETTING_AIR_PX)
    return label
