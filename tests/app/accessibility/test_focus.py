"""Whatever is done by keyboard, the keyboard is somewhere afterwards: on something that is seen and can be used."""

from collections.abc import Iterator

import msgspec
import pytest
import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QWidget
from pytestqt.qtbot import QtBot

from app.conversations.attachment import Attachment
from app.conversations.records import MessageState
from app.models.attachment_item import AttachmentItem
from app.models.notice import Notice
from app.models.transcript_model import TranscriptEntry
from app.models.waiting_item import WaitingItem
from app.widgets.basics.theme import Theme
from app.widgets.window.main_window import MainWindow
from tests.app.accessibility.demo_window import DemoWindow
from tests.app.widgets.demo_conversation import answer, conversations, user

GROWING = msgspec.structs.replace(answer(8, "The moon"), state=MessageState.STREAMING)


@pytest.fixture
def demo(qtbot: QtBot, theme: Theme) -> Iterator[DemoWindow]:
    shown = DemoWindow()
    shown.window.show_chat()
    shown.fill()
    shown.window.activateWindow()
    qtbot.waitUntil(shown.window.isActiveWindow)
    yield shown
    shown.end()


def settle() -> None:
    for _ in range(5):
        QTest.qWait(1)


def holder(window: QWidget) -> QWidget:
    """Return what has the keyboard; it must be of use."""
    settle()
    focused = QApplication.focusWidget()
    assert focused is not None, "nothing has the keyboard"
    assert focused.isVisible()
    assert focused.isEnabled()
    assert focused is not window
    assert focused.window() is window
    return focused


def press(key: Qt.Key = Qt.Key.Key_Return) -> None:
    focused = QApplication.focusWidget()
    assert focused is not None
    QTest.keyClick(focused, key)
    settle()


def focus(widget: QWidget) -> None:
    widget.setFocus(Qt.FocusReason.TabFocusReason)
    assert QApplication.focusWidget() is widget


def test_a_waiting_message_that_is_removed(demo: DemoWindow) -> None:
    window, chips = demo.window, demo.window.page.composer.chips
    queue = ["One", "Two"]
    window.set_busy(True)
    window.set_queue(tuple(map(WaitingItem, queue)))

    def remove(place: int) -> None:
        del queue[place]
        window.set_queue(tuple(map(WaitingItem, queue)))

    window.queue_removed.connect(remove)
    focus(chips._chips[1].remove_button)
    press()
    assert holder(window) is chips._chips[0].remove_button
    press()
    assert holder(window) is window.page.composer.editor


def test_an_attachment_that_is_removed(demo: DemoWindow) -> None:
    composer = demo.window.page.composer
    whole = Attachment(name="a.txt", text="words", size_bytes=5)
    items = [AttachmentItem(key, f"{key}.txt", whole) for key in ("a", "b")]
    composer.set_attachments(tuple(items))

    def remove(key: str) -> None:
        items[:] = [item for item in items if item.key != key]
        composer.set_attachments(tuple(items))

    composer.attachment_removed.connect(remove)
    focus(composer.attachments.chips[1].remove_button)
    press()
    assert composer.attachments.isAncestorOf(holder(demo.window))
    focus(composer.attachments.chips[0].remove_button)
    press()
    assert holder(demo.window) is composer.editor


@pytest.mark.parametrize("key", [Qt.Key.Key_Escape, Qt.Key.Key_Return])
def test_a_notice_that_is_closed_or_answered(demo: DemoWindow, key: Qt.Key) -> None:
    demo.window.show_notice(Notice(key="a", text="Deleted.", action="Undo", action_key="undo_x"))
    focus(demo.window.page.notices.rows[0].action_button)
    press(key)
    assert demo.window.page.notices.rows == []
    assert holder(demo.window) is demo.window.page.composer.editor


def test_the_find_bar(demo: DemoWindow) -> None:
    demo.window.actions_by_name.find.trigger()
    press(Qt.Key.Key_Escape)
    assert not demo.window.page.finder.bar.isVisible()
    holder(demo.window)


DIALOGS = ["settings", "keys", "about", "licences", "report", "memory"]


@pytest.mark.parametrize("name", DIALOGS)
def test_each_dialog_has_the_keyboard_and_gives_it_back_on_escape(demo: DemoWindow, name: str) -> None:
    window = demo.window
    focus(window.page.composer.editor)
    window.actions_by_name.by_name[name].trigger()
    dialog = opened(window)
    dialog.activateWindow()
    holder(dialog)
    for _ in range(2):  # the first may only leave what is being edited
        if shiboken6.isValid(dialog) and dialog.isVisible():
            press(Qt.Key.Key_Escape)
    assert not shiboken6.isValid(dialog) or not dialog.isVisible()
    window.activateWindow()
    assert holder(window) is window.page.composer.editor


def opened(window: MainWindow) -> QDialog:
    settle()
    return next(each for each in window.findChildren(QDialog) if each.isVisible())


def test_an_answer_that_ends_while_stop_has_the_keyboard(demo: DemoWindow) -> None:
    window = demo.window
    demo.transcript.append(TranscriptEntry(user(7, "Why?")))
    demo.transcript.append(TranscriptEntry(GROWING))
    window.set_busy(True)
    focus(window.page.composer.button)
    demo.transcript.update_message(answer(8, "The moon."))
    window.set_busy(False)
    assert holder(window) is window.page.composer.editor


def test_a_conversation_that_is_opened_while_a_message_has_the_keyboard(demo: DemoWindow) -> None:
    focus(demo.window.page.transcript.view.reveal(2))
    demo.transcript.set_entries([TranscriptEntry(user(20, "Another one"))])
    demo.window.show_conversation(conversations()[3])
    assert holder(demo.window) is demo.window.page.composer.editor


def test_a_message_that_goes_while_it_has_the_keyboard(demo: DemoWindow) -> None:
    page = demo.window.page.transcript
    focus(page.view.reveal(3))
    entries = [demo.transcript.entry(row) for row in range(3)]
    demo.transcript.set_entries(entries)
    assert page.isAncestorOf(holder(demo.window))


def test_a_conversation_that_is_deleted_in_the_list(demo: DemoWindow) -> None:
    window = demo.window
    focus(window.sidebar.list)
    window.sidebar.list.setCurrentIndex(window.sidebar.list.index_of("c1"))
    demo.listed.remove("c1")
    assert holder(window) is window.sidebar.list
    assert window.sidebar.list.currentIndex().isValid()


def test_the_sidebar_that_is_hidden(demo: DemoWindow) -> None:
    focus(demo.window.sidebar.list)
    demo.window.actions_by_name.sidebar.setChecked(False)
    assert not demo.window.sidebar.isAncestorOf(holder(demo.window))


def test_a_model_that_is_loaded_while_its_menu_is_open(demo: DemoWindow) -> None:
    window = demo.window
    focus(window.page.composer.editor)
    window.choose_model()
    settle()
    menu = QApplication.activePopupWidget()
    assert menu is not None
    window.set_loading("Loading 40 %")
    window.set_plan(None)
    window.set_loading("")
    QTest.keyClick(menu, Qt.Key.Key_Escape)
    assert holder(window) is window.page.composer.editor


def test_a_first_start_that_is_over(demo: DemoWindow) -> None:
    window = demo.window
    window.show_first_start(True)
    window.first_start.take_focus()
    assert holder(window) is window.first_start.starter_button
    window.first_start.set_loading("Loading 40 %")
    holder(window)
    window.show_first_start(False)
    assert holder(window) is window.page.composer.editor


def test_a_page_that_goes_hands_the_keyboard_to_nothing_beside_it(demo: DemoWindow, qapp: QApplication) -> None:
    window, went = demo.window, []
    window.show_first_start(True)
    window.first_start.take_focus()
    settle()

    def note(_old: QWidget | None, new: QWidget | None) -> None:
        went.append(new)

    qapp.focusChanged.connect(note)
    window.show_chat()
    window.show_models()
    window.show_chat()
    qapp.focusChanged.disconnect(note)
    assert all(each is None or window.pages.isAncestorOf(each) for each in went)
    assert went[-1] is window.page.composer.editor


def test_the_find_bar_goes_after_the_keyboard(demo: DemoWindow, qapp: QApplication) -> None:
    went: list[QWidget | None] = []
    focus(demo.window.page.composer.editor)
    demo.window.actions_by_name.find.trigger()
    qapp.focusChanged.connect(lambda _old, new: went.append(new))
    press(Qt.Key.Key_Escape)
    assert went == [demo.window.page.composer.editor]


def test_a_dialog_that_was_opened_out_of_the_menu_bar(demo: DemoWindow) -> None:
    bar = demo.window.menuBar()
    bar.setFocus(Qt.FocusReason.MenuBarFocusReason)
    bar.setActiveAction(bar.actions()[0])
    settle()
    assert QApplication.focusWidget() is bar
    demo.window.open_settings()
    dialog = opened(demo.window)
    dialog.activateWindow()
    holder(dialog)
    press(Qt.Key.Key_Escape)
    demo.window.activateWindow()
    assert holder(demo.window) is demo.window.page.composer.editor


def test_python_keeps_hold_of_the_menus_whatever_tab_went_over(demo: DemoWindow) -> None:
    composer, menus = demo.window.page.composer, demo.window.actions_by_name.menus
    whole = Attachment(name="a.txt", text="words", size_bytes=5)
    composer.set_attachments((AttachmentItem("a", "a.txt", whole),))
    for stop in (composer.attachments.chips[0].remove_button, composer.attachments.chips[0].name_button):
        for key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
            focus(stop)
            press(key)
    composer.set_attachments(())
    settle()
    assert all(shiboken6.isValid(menu) for menu in menus.values())
