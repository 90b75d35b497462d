"""The way of the Tab key through a window in which one part is a single stop."""

import pytest
import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QMainWindow, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.widgets.access.tab_order import put_in_order, step_past


class Window(QMainWindow):
    """A menu, a field, a part with two fields, and a label with a button behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.menu = self.menuBar().addMenu("File")
        inner = QWidget()
        self.first, self.single, self.label, self.last = QLineEdit(), QWidget(), QLabel("x"), QPushButton("y")
        self.single.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        column = QVBoxLayout(inner)
        for widget in (self.first, self.single, self.label, self.last):
            column.addWidget(widget)
        inside = QVBoxLayout(self.single)
        self.inside = QLineEdit()
        inside.addWidget(self.inside)
        self.setCentralWidget(inner)

    def focusNextPrevChild(self, forward: bool) -> bool:  # noqa: N802  Qt's name
        return step_past(self.single, forward, super().focusNextPrevChild)

    def after(self, start: QWidget, forward: bool = True) -> QWidget | None:
        """Return what has the keyboard after Tab was pressed at a widget."""
        start.setFocus()
        QTest.keyClick(start, Qt.Key.Key_Tab if forward else Qt.Key.Key_Backtab)
        return QApplication.focusWidget()


@pytest.fixture
def window(qtbot: QtBot) -> Window:
    shown = Window()
    qtbot.addWidget(shown)
    with qtbot.waitExposed(shown):
        shown.show()
    shown.activateWindow()
    return shown


def test_one_part_is_one_stop_in_both_directions(window: Window) -> None:
    assert window.after(window.first) is window.single
    assert window.after(window.single) is window.last
    assert window.after(window.inside) is window.last
    assert window.after(window.last) is window.first
    assert window.after(window.last, forward=False) is window.single
    assert window.after(window.first, forward=False) is window.last
    assert window.after(window.inside, forward=False) is window.single
    assert window.inside.focusPolicy() is Qt.FocusPolicy.StrongFocus


def test_what_can_not_be_reached_is_no_stop(window: Window) -> None:
    window.single.hide()
    window.last.setEnabled(False)
    assert window.after(window.first) is window.first


def test_the_menus_outlive_what_tab_has_passed(window: Window) -> None:
    for stop in (window.first, window.single, window.last, window.first):
        window.after(stop)
    for widget in (window.label, window.last, window.first):
        shiboken6.delete(widget)
    assert shiboken6.isValid(window.menu)
    assert window.menu.title() == "File"


def test_an_order_that_was_given_is_kept(window: Window) -> None:
    put_in_order([window.last, window.first, window.single])
    assert window.after(window.last) is window.first
    assert window.after(window.first) is window.single
    assert window.after(window.single) is window.last
