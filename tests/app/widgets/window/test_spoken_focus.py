"""What a screen reader is told last is what has the keyboard: the row of a list, the message of the page."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QAccessibleEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.widgets.transcript.message_widget import MessageWidget
from app.widgets.window.palette import Palette
from tests.app.widgets.conftest import Shown
from tests.app.widgets.demo_conversation import answer, conversations, entries, user


@pytest.fixture
def told(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of what gets the keyboard, as this is told beyond what Qt tells by itself."""
    names: list[str] = []

    def update(event: QAccessibleEvent) -> None:
        if event.type() == QAccessible.Event.Focus:
            names.append(event.accessibleInterface().text(QAccessible.Text.Name))

    monkeypatch.setattr(QAccessible, "updateAccessibility", update)
    shown.conversations.set_conversations(conversations())
    shown.transcript.set_entries(entries([user(1, "Hi"), answer(2, "Hello")]))
    shown.window.show_conversation(conversations()[0])
    shown.window.activateWindow()
    QAccessible.setActive(True)
    yield names
    QAccessible.setActive(False)


def focus(shown: Shown, told: list[str], name: str) -> None:
    QTest.qWait(5)
    told.clear()
    shown.window.actions_by_name.by_name[name].trigger()
    QTest.qWait(5)


def test_the_row_of_a_list_is_told(shown: Shown, told: list[str]) -> None:
    shown.window.page.composer.take_focus()
    focus(shown, told, "next_area")
    assert QApplication.focusWidget() is shown.window.sidebar.list
    assert told == ["A function that counts words"]


def test_the_message_is_told_and_not_the_page_that_passed_the_keyboard_on(shown: Shown, told: list[str]) -> None:
    shown.window.page.composer.take_focus()
    focus(shown, told, "previous_area")
    assert isinstance(QApplication.focusWidget(), MessageWidget)
    assert told[-1].endswith(": Hello")


def test_nothing_is_told_without_a_screen_reader(shown: Shown, told: list[str]) -> None:
    QAccessible.setActive(False)
    shown.window.page.composer.take_focus()
    focus(shown, told, "next_area")
    assert told == []


def test_a_palette_that_closes_gives_the_keyboard_straight_back(shown: Shown, told: list[str]) -> None:
    visited: list[str] = []
    shown.window.page.composer.take_focus()
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    palette = Palette(shown.window.theme, shown.window)
    palette.open()
    application.focusChanged.connect(lambda _, new: visited.append(new.accessibleName() if new else ""))
    QTest.keyClick(palette.field, Qt.Key.Key_Escape)
    assert palette.isHidden()
    assert visited == ["Message"]
