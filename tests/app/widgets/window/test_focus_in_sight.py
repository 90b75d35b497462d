"""What gets the keyboard in a page that scrolls comes into sight, however it got it; a press moves nothing."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QListWidget, QPushButton, QScrollArea, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.widgets.window.focus_in_sight import FocusInSight


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[QWidget]:
    """A button above a page that scrolls, with twenty buttons."""
    shown = QWidget()
    qtbot.addWidget(shown)
    column = QVBoxLayout(shown)
    column.addWidget(QPushButton("above"))
    page, area = QWidget(), QScrollArea()
    inside = QVBoxLayout(page)
    for number in range(20):
        inside.addWidget(QPushButton(str(number)))
    area.setWidget(page)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    column.addWidget(area)
    watcher = FocusInSight(shown)
    shown.resize(300, 240)
    shown.show()
    shown.activateWindow()
    QApplication.processEvents()
    yield shown
    watcher.deleteLater()


def button(window: QWidget, words: str) -> QPushButton:
    return next(each for each in window.findChildren(QPushButton) if each.text() == words)


def is_whole(widget: QWidget) -> bool:
    return widget.visibleRegion().boundingRect() == widget.rect()


def test_a_tab_that_comes_from_outside(window: QWidget) -> None:
    button(window, "above").setFocus()
    QTest.keyClick(button(window, "above"), Qt.Key.Key_Backtab)
    assert QApplication.focusWidget() is button(window, "19")
    assert is_whole(button(window, "19"))


def test_focus_that_code_gives(window: QWidget) -> None:
    assert button(window, "12").visibleRegion().isEmpty()
    button(window, "12").setFocus()
    assert is_whole(button(window, "12"))
    button(window, "0").setFocus()
    assert is_whole(button(window, "0"))


def test_the_row_that_gets_the_keyboard_in_a_list_that_was_scrolled(window: QWidget) -> None:
    rows = QListWidget()
    rows.addItems([str(number) for number in range(100)])
    layout = window.layout()
    assert layout is not None
    layout.addWidget(rows)
    rows.setCurrentRow(80)
    QApplication.processEvents()
    rows.verticalScrollBar().setValue(0)  # as the wheel does
    assert not rows.viewport().rect().contains(rows.visualItemRect(rows.item(80)))
    rows.setFocus(Qt.FocusReason.TabFocusReason)
    assert rows.viewport().rect().contains(rows.visualItemRect(rows.item(80)))


def test_a_press_on_what_is_half_seen_moves_nothing(window: QWidget) -> None:
    bar = window.findChildren(QScrollArea)[0].verticalScrollBar()
    target = button(window, "3")
    bar.setValue(target.y() + target.height() // 2)
    before = bar.value()
    QTest.mousePress(target, Qt.MouseButton.LeftButton, pos=QPoint(20, target.height() - 3))
    assert (QApplication.focusWidget(), bar.value()) == (target, before)
    QTest.mouseRelease(target, Qt.MouseButton.LeftButton, pos=QPoint(20, target.height() - 3))
