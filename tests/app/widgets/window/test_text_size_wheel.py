import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QWidget
from pytestqt.qtbot import QtBot

from tests.app.widgets.conftest import Shown
from tests.app.widgets.demo_conversation import conversations, long_conversation

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def turn(widget: QWidget, eighths: int, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """Turn the wheel over the middle of a widget, as the desktop tells it: to the window."""
    window = widget.window()
    place = QPointF(widget.mapTo(window, widget.rect().center()))
    QTest.wheelEvent(window.windowHandle(), place, QPoint(0, eighths), QPoint(), keys)


@pytest.fixture
def long(shown: Shown) -> Shown:
    shown.conversations.set_conversations(conversations())
    shown.transcript.set_entries(long_conversation(40))
    shown.window.show_conversation(conversations()[0])
    shown.asked.clear()
    return shown


@pytest.mark.parametrize(("eighths", "change"), [((120,), 1), ((-120,), -1), ((40, 40, 40), 1), ((240,), 2)])
def test_ctrl_and_the_wheel_change_the_size_of_the_text(
    qtbot: QtBot, long: Shown, eighths: tuple[int, ...], change: int
) -> None:
    before, bar = long.window.theme.text_size_px, long.window.page.transcript.view.verticalScrollBar()
    qtbot.waitUntil(lambda: 0 < bar.maximum() == bar.value())
    for each in eighths:
        turn(long.window.page.transcript.view.viewport(), each, CONTROL)
    qtbot.waitUntil(lambda: bool(long.asked_for("settings_changed")))
    assert long.asked_for("settings_changed") == [("text_size_px", before + change)]
    assert bar.value() == bar.maximum()


@pytest.mark.parametrize("keys", [Qt.KeyboardModifier.NoModifier, SHIFT, CONTROL | SHIFT])
def test_the_wheel_alone_changes_no_size(qtbot: QtBot, long: Shown, keys: Qt.KeyboardModifier) -> None:
    turn(long.window.page.transcript.view.viewport(), 120, keys)
    qtbot.wait(0)
    assert long.asked_for("settings_changed") == []


def test_a_choice_is_not_changed_by_a_wheel_that_passes_it(qtbot: QtBot, shown: Shown) -> None:
    shown.window.show_models()
    qtbot.wait(20)
    boxes = [box for box in shown.window.pages.findChildren(QComboBox) if box.isVisible()]
    assert len(boxes) > 1
    for box in boxes:
        before = box.currentIndex()
        turn(box, -120)
        assert box.currentIndex() == before
