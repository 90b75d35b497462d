"""What the keyboard does in the whole window: Tab around the messages, and keys that an editor leaves to the window."""

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from app.widgets.transcript.message_widget import MessageWidget
from app.widgets.transcript.statistics_line import StatisticsDetails
from tests.app.widgets.conftest import Shown
from tests.app.widgets.demo_conversation import conversations, long_conversation

CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def long(shown: Shown) -> Shown:
    """The window with more messages than it can show, at the newest one."""
    shown.conversations.set_conversations(conversations())
    shown.transcript.set_entries(long_conversation(40))
    shown.window.show_conversation(conversations()[0])
    shown.window.activateWindow()
    shown.window.page.composer.take_focus()
    QApplication.processEvents()
    assert at_the_end(shown)
    return shown


def at_the_end(shown: Shown) -> bool:
    bar = shown.window.page.transcript.view.verticalScrollBar()
    return bar.maximum() > 0 and bar.value() == bar.maximum()


def scroll_up(shown: Shown) -> None:
    shown.window.page.transcript.view.verticalScrollBar().setValue(0)
    QApplication.processEvents()
    assert not at_the_end(shown)


def after_tab(key: Qt.Key = Qt.Key.Key_Tab) -> QWidget | None:
    focused = QApplication.focusWidget()
    assert focused is not None
    QTest.keyClick(focused, key)
    return QApplication.focusWidget()


def around(widget: QWidget | None) -> QWidget | None:
    while widget is not None and not isinstance(widget, MessageWidget):
        widget = widget.parentWidget()
    return widget


def test_tab_visits_all_of_the_bar_that_finds_and_then_the_messages(long: Shown) -> None:
    page = long.window.page
    page.finder.open()
    page.finder.bar.field.setText("the")
    page.finder.bar.show_count(1, 2, False)
    bar = page.finder.bar
    assert QApplication.focusWidget() is bar.field
    for button in (bar.case_button, bar.previous_button, bar.next_button, bar.close_button):
        assert after_tab() is button
    assert around(after_tab()) is not None
    while around(QApplication.focusWidget()) is not None:
        after_tab()
    assert QApplication.focusWidget() is page.composer.attach_button
    while around(after_tab(Qt.Key.Key_Backtab)) is not None:
        pass
    assert QApplication.focusWidget() is bar.close_button


def test_the_way_to_the_newest_message_is_a_stop_and_gives_the_keyboard_to_it(long: Shown) -> None:
    page = long.window.page
    scroll_up(long)
    page.composer.attach_button.setFocus()
    assert after_tab(Qt.Key.Key_Backtab) is page.transcript.newest_button
    QTest.keyClick(page.transcript.newest_button, Qt.Key.Key_Space)
    assert at_the_end(long)
    assert not page.transcript.newest_button.isVisible()
    assert around(QApplication.focusWidget()) is page.transcript.view.live_widget(long.transcript.rowCount() - 1)


def test_the_key_for_the_newest_message_works_while_writing(qtbot: QtBot, long: Shown) -> None:
    editor = long.window.page.composer.editor
    scroll_up(long)
    qtbot.keyClick(editor, Qt.Key.Key_End, CONTROL)
    assert at_the_end(long), "with nothing written"
    qtbot.keyClicks(editor, "two words")
    qtbot.keyClick(editor, Qt.Key.Key_Home)
    scroll_up(long)
    qtbot.keyClick(editor, Qt.Key.Key_End, CONTROL)
    assert editor.textCursor().atEnd(), "the cursor goes first"
    assert not at_the_end(long)
    qtbot.keyClick(editor, Qt.Key.Key_End, CONTROL)
    assert at_the_end(long)


def test_pages_are_turned_while_writing(qtbot: QtBot, long: Shown) -> None:
    page = long.window.page
    page.composer.set_text("two\nlines")
    qtbot.keyClick(page.composer.editor, Qt.Key.Key_PageUp)
    assert not at_the_end(long)
    assert not page.transcript.view.is_following
    before = page.transcript.view.verticalScrollBar().value()
    qtbot.keyClick(page.composer.editor, Qt.Key.Key_PageDown)
    assert page.transcript.view.verticalScrollBar().value() > before
    assert QApplication.focusWidget() is page.composer.editor


def test_a_text_longer_than_the_composer_turns_its_own_pages(qtbot: QtBot, long: Shown) -> None:
    page = long.window.page
    page.composer.set_text("\n".join(str(line) for line in range(100)))
    QApplication.processEvents()
    qtbot.keyClick(page.composer.editor, Qt.Key.Key_PageUp)
    assert at_the_end(long)
    assert not page.composer.editor.textCursor().atEnd()


def test_what_is_known_about_an_answer_is_shown_where_it_is_seen(long: Shown) -> None:
    """The menu's entry is about the last answer, which may be far below what is shown."""
    bar = long.window.page.transcript.view.verticalScrollBar()
    bar.setValue(bar.maximum() - bar.pageStep())
    QApplication.processEvents()
    long.window.actions_by_name.about_answer.trigger()
    QApplication.processEvents()
    details = QApplication.activePopupWidget()
    assert isinstance(details, StatisticsDetails)
    assert long.window.screen().availableGeometry().contains(details.geometry())
    assert long.window.geometry().intersects(details.geometry())
    details.close()


@pytest.mark.parametrize(
    ("versions", "asked"),
    [
        ((1, 2, 1), "question"),  # as after it was edited: the answer below is a new one
        ((1, 2, 3), "answer"),
        ((1, 1, 1), ""),
        ((2, 1, 1), ""),  # further up nothing is changed without a look
    ],
)
def test_another_version_is_shown_of_the_last_answer_or_of_its_question(
    shown: Shown, versions: tuple[int, int, int], asked: str
) -> None:
    entries = [msgspec.structs.replace(each, version=1, versions=1) for each in long_conversation(4)][-3:]
    entries = [
        msgspec.structs.replace(each, version=count, versions=count)
        for each, count in zip(entries, versions, strict=True)
    ]
    shown.transcript.set_entries(entries)
    shown.window.show_conversation(conversations()[0])
    action = shown.window.actions_by_name.by_name["previous_version"]
    assert action.isEnabled() == bool(asked)
    action.trigger()
    ids = {"question": [(entries[1].message.id, -1)], "answer": [(entries[2].message.id, -1)], "": []}
    assert shown.asked_for("version_requested") == ids[asked]


def test_f2_renames_what_was_clicked_although_the_composer_has_the_keyboard(qtbot: QtBot, long: Shown) -> None:
    editor = long.window.page.composer.editor
    assert editor.hasFocus()
    qtbot.keyClick(editor, Qt.Key.Key_F2)
    field = QApplication.focusWidget()
    assert isinstance(field, QLineEdit)
    assert field.text() == conversations()[0].title
