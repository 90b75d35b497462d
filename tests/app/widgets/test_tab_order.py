"""The way of the Tab key through a window in which one part is a single stop."""

import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QLineEdit, QMainWindow, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.widgets.tab_order import next_stop


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


def test_one_part_is_one_stop_in_both_directions(qtbot: QtBot) -> None:
    window = Window()
    qtbot.addWidget(window)
    window.show()
    assert next_stop(window, window.first, window.single, True) is window.single
    assert next_stop(window, window.single, window.single, True) is window.last
    assert next_stop(window, window.inside, window.single, True) is window.last
    assert next_stop(window, window.last, window.single, True) is window.first
    assert next_stop(window, window.last, window.single, False) is window.single
    assert next_stop(window, window.first, window.single, False) is window.last
    assert next_stop(window, None, window.single, True) is window.first


def test_what_can_not_be_reached_is_no_stop(qtbot: QtBot) -> None:
    window = Window()
    qtbot.addWidget(window)
    window.show()
    window.single.hide()
    window.last.setEnabled(False)
    assert next_stop(window, window.first, window.single, True) is None


def test_the_menus_outlive_what_tab_has_passed(qtbot: QtBot) -> None:
    window = Window()
    qtbot.addWidget(window)
    window.show()
    place: QWidget | None = window.first
    for _ in range(4):
        place = next_stop(window, place, window.single, True)
    for widget in (window.label, window.last, window.first):
        shiboken6.delete(widget)
    assert shiboken6.isValid(window.menu)
    assert window.menu.title() == "File"
