"""The look that all widgets expect, and a window that is brought into one state after the other."""

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.widgets.basics.fonts import load_fonts
from app.widgets.basics.theme import Theme, apply_theme, theme_for
from tests.app.accessibility.demo_window import DemoWindow


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    """The light look, given to the application."""
    load_fonts()
    light = theme_for("light")
    apply_theme(qapp, light)
    return light


@pytest.fixture
def demo(qtbot: QtBot, theme: Theme) -> Iterator[DemoWindow]:
    shown = DemoWindow()
    yield shown
    shown.end()
