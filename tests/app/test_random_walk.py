"""Any key and any action in any state: nothing raises, Qt warns of nothing, and the keyboard is always somewhere.

The steps follow from a seed, so what one run found is walked again. HEARTH_WALK="seeds x steps" walks further.
"""

import os
import random
from collections.abc import Callable, Iterator

import pytest
import shiboken6
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from tests.app.whole import Whole
from tests.engine_scripts import Script

SEEDS, STEPS = (int(part) for part in os.environ.get("HEARTH_WALK", "3 x 120").split(" x "))
FIRST = int(os.environ.get("HEARTH_WALK_FROM", "0"))
SCRIPT = Script(
    answer="# Title\n\nOne [link](https://example.org/a), `code` and $x^2$.\n\n```python\nx = 1\n```\n\n"
    "| a | b |\n|---|---|\n| 1 | 2 |\n\nThe end of it.",
    thinking="They want something.",
    delay_seconds=0.002,
)
_NONE, _SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier
_CONTROL, _ALT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier
_MOVES = [
    *[(key, _NONE) for key in (Qt.Key.Key_Tab, Qt.Key.Key_Return, Qt.Key.Key_Space, Qt.Key.Key_Escape) for _ in "12"],
    *[(getattr(Qt.Key, f"Key_{name}"), _NONE) for name in ("Up", "Down", "Left", "Right", "Home", "End")],
    *[(getattr(Qt.Key, f"Key_{name}"), _NONE) for name in ("PageUp", "PageDown", "Delete", "Backspace", "A", "E")],
    *[(getattr(Qt.Key, f"Key_{name}"), _NONE) for name in ("F2", "F3", "F6", "Menu", "Enter")],
    *[(getattr(Qt.Key, f"Key_{name}"), _SHIFT) for name in ("Tab", "F6", "F10", "Down", "Right", "Return", "End")],
    *[(getattr(Qt.Key, f"Key_{name}"), _CONTROL) for name in ("A", "C", "V", "Z", "End", "Home", "Return", "Down")],
    *[(getattr(Qt.Key, f"Key_{name}"), _ALT) for name in ("Up", "Down", "Left", "Right")],
]  # fmt: skip
_LEFT_OUT = ("quit", "full_screen")


class Walk:
    """Takes steps in one window and notes them."""

    def __init__(self, whole: Whole, seed: int) -> None:
        self.whole, self.window = whole, whole.hearth.window
        self.dice = random.Random(seed)
        self.steps: list[str] = []
        self._focused: QWidget | None = None
        self.window.activateWindow()

    def step(self) -> None:
        """Take one, then see that the keyboard is somewhere."""
        kinds: list[Callable[[], None]] = [self._press, self._act, self._say, self._wait]
        self.dice.choices(kinds, weights=(70, 20, 4, 6))[0]()
        settle()
        for dialog in self.window.findChildren(QFileDialog):  # a key there could change files
            if dialog.isVisible():
                dialog.reject()
        settle()
        self._expect_focus()

    def _press(self) -> None:
        target = QApplication.activePopupWidget() or QApplication.focusWidget()
        assert target is not None
        key, modifiers = self.dice.choice(_MOVES)
        self.steps.append(f"{modifiers.name}+{key.name} on {described(target)}")
        QTest.keyClick(target, key, modifiers)

    def _act(self) -> None:
        if QApplication.activePopupWidget() is not None or QApplication.activeWindow() is not self.window:
            return
        names = [name for name, each in self.window.actions_by_name.by_name.items() if each.isEnabled()]
        name = self.dice.choice([name for name in names if name not in _LEFT_OUT])
        self.steps.append(f"action {name}")
        self.window.actions_by_name.by_name[name].trigger()

    def _say(self) -> None:
        self.steps.append("a message")
        self.whole.say(self.dice.choice(["One", "Two words", "A\nlong\nmessage"]))

    def _wait(self) -> None:
        self.steps.append("waiting")
        QTest.qWait(self.dice.choice([10, 50, 150]))

    def _expect_focus(self) -> None:
        if QApplication.activePopupWidget() is not None:
            return
        if QApplication.activeWindow() is None:  # as a window manager does, which is missing here
            shown = [each for each in QApplication.topLevelWidgets() if each.isVisible() and each.isWindow()]
            if self.window not in shown:
                return
            (QApplication.activeModalWidget() or self.window).activateWindow()
            settle()
        focused = QApplication.focusWidget()
        assert focused is not None, f"nothing has the keyboard after {self._last()}"
        where = described(focused)
        assert focused.isVisible(), f"{where} is hidden and has the keyboard after {self._last()}"
        assert focused.isEnabled(), f"{where} is disabled and has the keyboard after {self._last()}"
        is_new, self._focused = focused is not self._focused, focused
        if is_new and not self.window.page.transcript.isAncestorOf(focused):  # else one may look elsewhere meanwhile
            assert not focused.visibleRegion().isEmpty(), f"{where} is out of sight after {self._last()}"

    def _last(self) -> str:
        return " | ".join(self.steps[-6:])


def described(widget: QWidget) -> str:
    names = [type(widget).__name__, widget.objectName(), widget.accessibleName()[:40]]
    return f"{':'.join(filter(None, names))} in {type(widget.window()).__name__}"


def settle() -> None:
    for _ in range(3):
        QTest.qWait(1)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def whole(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Whole]:
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: True)
    window = Whole(qtbot, SCRIPT)
    window.wait(lambda: window.hearth.checkpoints.plan is not None)
    yield window
    for dialog in QApplication.topLevelWidgets():
        if dialog is not window.hearth.window and dialog.isVisible():
            dialog.close()
    window.end()


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_whatever_is_pressed(whole: Whole, qtlog: object, seed: int) -> None:
    walk = Walk(whole, seed)
    for _ in range(STEPS):
        walk.step()
        if not walk.window.isVisible():
            return  # Quit can be found by keyboard as well
        assert shiboken6.isValid(walk.window)
        said = [str(each.message) for each in qtlog.records if "This plugin does not" not in each.message]
        assert not said, f"{said} after {walk._last()}"
