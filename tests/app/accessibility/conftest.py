"""The look that all widgets expect."""

import pytest
from PySide6.QtWidgets import QApplication

from app.widgets.basics.fonts import load_fonts
from app.widgets.basics.theme import Theme, apply_theme, theme_for


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    """The light look, given to the application."""
    load_fonts()
    light = theme_for("light")
    apply_theme(qapp, light)
    return light
