"""What had the keyboard goes away: what stands around gets it, also where a menu was open at that moment."""

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QListWidget, QMenu, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.widgets.window.focus_keeper import FocusKeeper


class Window(QWidget):
    """A button, and a list with a name in it that is edited."""

    def __init__(self) -> None:
        super().__init__()
        self.button, self.list = QPushButton("fallback"), QListWidget()
        column = QVBoxLayout(self)
        column.addWidget(self.button)
        column.addWidget(self.list)
        self.list.addItem("name")
        self.editor = QLineEdit(self.list.viewport())
        self.keeper = FocusKeeper(self, self.button.setFocus)


@pytest.fixture
def window(qtbot: QtBot) -> Window:
    shown = Window()
    qtbot.addWidget(shown)
    shown.show()
    shown.activateWindow()
    shown.editor.setFocus()
    QApplication.processEvents()
    assert QApplication.focusWidget() is shown.editor
    return shown


def lose(window: Window) -> None:
    window.editor.clearFocus()
    window.editor.hide()


def test_the_list_gets_it_back(qtbot: QtBot, window: Window) -> None:
    lose(window)
    qtbot.waitUntil(lambda: QApplication.focusWidget() is window.list)


def test_where_nothing_around_can_take_it(qtbot: QtBot, window: Window) -> None:
    lose(window)
    window.list.hide()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is window.button)


def test_it_waits_for_a_menu_that_is_open(qtbot: QtBot, window: Window) -> None:
    menu = QMenu(window)
    menu.addAction("one")
    menu.popup(window.mapToGlobal(window.rect().center()))
    lose(window)
    QTest.qWait(60)
    assert QApplication.activePopupWidget() is menu
    menu.close()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is window.list)


def test_whoever_knows_a_better_place_is_left_alone(window: Window) -> None:
    lose(window)
    window.button.setFocus()
    QTest.qWait(10)
    assert QApplication.focusWidget() is window.button
