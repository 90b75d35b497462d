"""What has the keyboard differs from what has not by more than another hue: enough pixels with a contrast of 3 : 1."""

from collections import Counter
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QTabBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.settings.schema import Settings
from app.settings.values import Theme as ThemeChoice
from app.widgets.basics.theme import Theme
from tests.app.accessibility.demo_window import DemoWindow
from tests.app.accessibility.test_keyboard import name_of, stops_from

_CONTRAST = 3.0
_PIXELS = 60
_STATES = ("settings-general", "settings-answers", "keys", "conversation-settings", "exact-prompt", "link", "token")
_WITH_AN_EDGE = (QAbstractButton, QLineEdit, QComboBox, QAbstractSpinBox, QTabBar, QPlainTextEdit)


@pytest.fixture(params=[ThemeChoice.LIGHT, ThemeChoice.DARK])
def demo(request: pytest.FixtureRequest, qtbot: QtBot, theme: Theme) -> Iterator[DemoWindow]:
    shown = DemoWindow()
    shown.window.apply_settings(Settings(theme=request.param))
    yield shown
    shown.window.apply_settings(Settings(theme=ThemeChoice.LIGHT))
    shown.end()


def contrast(first: int, second: int) -> float:
    """Return the contrast of two colours (0xAARRGGBB) as WCAG 2 defines it."""
    low, high = sorted((_luminance(first), _luminance(second)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: int) -> float:
    parts = [(color >> shift & 0xFF) / 255 for shift in (16, 8, 0)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def marked_pixels(widget: QWidget) -> int:
    """Return how many pixels of a widget contrast with what they are without the keyboard."""
    window = widget.window()
    place = QRect(widget.mapTo(window, QPoint(0, 0)), widget.size()).intersected(window.rect())
    widget.setFocus(Qt.FocusReason.TabFocusReason)
    QApplication.processEvents()
    focused = _pixels(window, place)
    widget.clearFocus()
    QApplication.processEvents()
    pairs = Counter(zip(focused, _pixels(window, place), strict=True))
    return sum(count for (one, other), count in pairs.items() if one != other and contrast(one, other) >= _CONTRAST)


def _pixels(window: QWidget, place: QRect) -> memoryview:
    image = window.grab(place).toImage().convertToFormat(QImage.Format.Format_RGB32)
    return memoryview(bytes(image.constBits())).cast("I")


def test_what_has_the_keyboard_is_seen_in_light_and_dark(demo: DemoWindow) -> None:
    weak, seen = [], set()
    for state in demo.states():
        if state.name not in _STATES:
            continue
        window = state.widget.window()
        window.activateWindow()
        QApplication.processEvents()
        start = QApplication.focusWidget()
        assert start is not None, state.name
        for stop in stops_from(start):
            name = name_of(stop)
            is_bare = bool(stop.property("bare"))  # a text without an edge: the caret shows it
            if isinstance(stop, _WITH_AN_EDGE) and not is_bare and name not in seen:
                seen.add(name)
                stop.setFocus()  # which brings it into sight
                pixels = marked_pixels(stop)
                weak += [f"{state.name}: {name}: {pixels}"] if pixels < _PIXELS else []
        start.setFocus()
    assert len(seen) > 25
    assert not weak, "\n".join(weak)
