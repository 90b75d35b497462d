import os
import subprocess
import sys

import msgspec
import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QLineEdit, QMenu, QSplitter, QWidget
from pytestqt.qtbot import QtBot

from app.conversations.records import MessageState
from app.models.attachment_item import AttachmentItem
from app.models.notice import Notice
from app.models.transcript_model import TranscriptEntry
from app.models.waiting_item import WaitingItem
from app.settings.schema import Settings
from app.settings.schema import Theme as ThemeChoice
from app.widgets.actions.keys_dialog import KeysDialog
from app.widgets.basics import theme as theme_module
from app.widgets.dialogs.link_dialog import LinkDialog
from app.widgets.transcript.assistant_message import AssistantMessage
from app.widgets.transcript.user_message import UserMessage
from engine.api.commands import WhenFull
from tests.app.widgets.conftest import Shown
from tests.app.widgets.demo_conversation import PLAN, answer, conversations, entries, long_conversation, user

CONTROL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


def fill(shown: Shown) -> None:
    shown.conversations.set_conversations(conversations())
    shown.transcript.set_entries(entries([user(1, "Hi"), answer(2, "Hello")]))
    shown.window.show_conversation(conversations()[0])
    shown.window.set_plan(PLAN)
    QApplication.processEvents()


def test_typing_and_enter_sends(qtbot: QtBot, shown: Shown) -> None:
    shown.window.show_conversation(None)
    qtbot.keyClicks(shown.window.page.composer.editor, "Hello")
    qtbot.keyClick(shown.window.page.composer.editor, Qt.Key.Key_Return)
    assert shown.asked_for("send_requested") == ["Hello"]


def test_an_example_is_sent(qtbot: QtBot, shown: Shown) -> None:
    assert shown.window.page.empty_state.isVisible()
    qtbot.mouseClick(shown.window.page.empty_state.examples[1], Qt.MouseButton.LeftButton)
    assert shown.asked_for("send_requested") == [shown.window.page.empty_state.examples[1].prompt]


def test_the_empty_state_names_model_and_phase(shown: Shown) -> None:
    empty = shown.window.page.empty_state
    shown.window.set_loading("Loading the model: 43 %")
    shown.window.set_phase("")
    assert empty.phase.text() == "Loading the model: 43 %"
    assert empty.phase.isVisible()
    shown.window.set_loading("")
    shown.window.set_plan(PLAN)
    assert not empty.phase.isVisible()
    assert empty.model_line.text().startswith("SmolLM2 135M Instruct answers.")


def test_nothing_is_asked_or_proposed_while_the_first_message_waits(shown: Shown) -> None:
    empty = shown.window.page.empty_state
    parts = [empty.greeting, *empty.examples]
    assert all(part.isVisible() for part in parts)
    shown.window.set_queue((WaitingItem("Why is the sky blue?"),))
    shown.window.resize(shown.window.size() + QSize(0, 40))
    QApplication.processEvents()
    assert not any(part.isVisible() for part in parts)
    shown.window.set_queue(())
    assert all(part.isVisible() for part in parts)


def test_a_message_whose_answer_was_deleted_is_answered_again(qtbot: QtBot, shown: Shown) -> None:
    fill(shown)
    shown.transcript.set_entries(entries([user(1, "Hi"), answer(2, "Hello"), user(3, "How are you?")]))
    QApplication.processEvents()
    first, last = (shown.window.page.transcript.view.live_widget(row) for row in (0, 2))
    assert isinstance(first, UserMessage)
    assert isinstance(last, UserMessage)
    assert not first.answer_button.isVisible()
    qtbot.mouseClick(last.answer_button, Qt.MouseButton.LeftButton)
    qtbot.keyClick(shown.window, Qt.Key.Key_R, CONTROL)
    assert shown.asked_for("regenerate_requested") == [last.message_id] * 2
    shown.transcript.append(entries([answer(4, "Fine.")])[0])
    QApplication.processEvents()
    assert not last.answer_button.isVisible()
    shown.transcript.set_entries(shown.transcript.entries(0, 3))
    QApplication.processEvents()
    assert last.answer_button.isVisible()


def test_no_example_takes_away_what_is_attached(shown: Shown) -> None:
    empty = shown.window.page.empty_state
    shown.window.page.set_attachments((AttachmentItem("1", "report.pdf"),))
    QApplication.processEvents()
    assert not any(example.isVisible() for example in empty.examples)
    assert empty.greeting.isVisible()
    shown.window.page.set_attachments(())
    assert all(example.isVisible() for example in empty.examples)


@pytest.mark.parametrize("text_size_px", [15, 32])
def test_the_narrowest_sidebar_cuts_no_button(shown: Shown, text_size_px: int) -> None:
    shown.window.apply_settings(Settings(theme=ThemeChoice.LIGHT, text_size_px=text_size_px))
    sidebar = shown.window.sidebar
    splitter = shown.window.centralWidget()
    assert isinstance(splitter, QSplitter)
    splitter.setSizes([1, 1000])
    QApplication.processEvents()
    assert sidebar.isVisible()
    assert sidebar.new_button.width() >= sidebar.new_button.sizeHint().width()


def test_messages_take_the_place_of_the_invitation(shown: Shown) -> None:
    fill(shown)
    assert shown.window.page.transcript.isVisible()
    shown.transcript.clear()
    assert shown.window.page.empty_state.isVisible()


@pytest.mark.parametrize(
    ("key", "modifiers", "name"),
    [
        (Qt.Key.Key_N, CONTROL, "new_requested"),
        (Qt.Key.Key_R, CONTROL, "regenerate_requested"),
        (Qt.Key.Key_Q, CONTROL, "quit_requested"),
    ],
)
def test_keys_ask(qtbot: QtBot, shown: Shown, key: Qt.Key, modifiers: Qt.KeyboardModifier, name: str) -> None:
    fill(shown)
    shown.window.activateWindow()
    qtbot.keyClick(shown.window, key, modifiers)
    assert name in [asked for asked, _ in shown.asked]


def test_keys_that_stay_inside_the_window(qtbot: QtBot, shown: Shown) -> None:
    fill(shown)
    shown.window.activateWindow()
    qtbot.keyClick(shown.window, Qt.Key.Key_B, CONTROL)
    assert not shown.window.sidebar.isVisible()
    qtbot.keyClick(shown.window, Qt.Key.Key_B, CONTROL)
    assert shown.window.sidebar.isVisible()
    qtbot.keyClick(shown.window, Qt.Key.Key_C, CONTROL | SHIFT)
    assert QGuiApplication.clipboard().text() == "Hello"
    qtbot.keyClick(shown.window, Qt.Key.Key_Slash, CONTROL)
    keys = shown.window.findChild(KeysDialog)
    assert isinstance(keys, KeysDialog)
    assert ("New conversation", "Ctrl+N") in keys.rows
    assert ("Send the message", "Enter") in keys.rows
    keys.close()
    qtbot.keyClick(shown.window, Qt.Key.Key_Comma, CONTROL)
    assert shown.window.dialogs.settings_dialog is not None
    shown.window.dialogs.settings_dialog.close()


def test_escape_stops_from_anywhere_while_busy(qtbot: QtBot, shown: Shown) -> None:
    fill(shown)
    shown.window.activateWindow()
    shown.window.sidebar.list.setFocus()
    qtbot.keyClick(shown.window.sidebar.list, Qt.Key.Key_Escape)
    assert shown.asked_for("stop_requested") == []
    shown.window.set_busy(True)
    qtbot.keyClick(shown.window.sidebar.list, Qt.Key.Key_Escape)
    qtbot.keyClick(shown.window.page.composer.editor, Qt.Key.Key_Escape)
    assert len(shown.asked_for("stop_requested")) == 2


def test_escape_in_an_open_editor_only_leaves_it(qtbot: QtBot, shown: Shown) -> None:
    fill(shown)
    shown.window.page.edit_last()
    shown.window.set_busy(True)
    widget = shown.window.page.transcript.view.live_widget(0)
    assert isinstance(widget, UserMessage)
    assert widget.editor is not None
    qtbot.keyClick(widget.editor.editor, Qt.Key.Key_Escape)
    assert widget.editor is None
    assert shown.asked_for("stop_requested") == []


def test_up_in_the_empty_composer_edits_the_last_message(qtbot: QtBot, shown: Shown) -> None:
    fill(shown)
    qtbot.keyClick(shown.window.page.composer.editor, Qt.Key.Key_Up)
    widget = shown.window.page.transcript.view.live_widget(0)
    assert isinstance(widget, UserMessage)
    assert widget.editor is not None
    widget.editor.editor.setPlainText("Hi again")
    qtbot.mouseClick(widget.editor.save_button, Qt.MouseButton.LeftButton)
    assert shown.asked_for("edit_requested") == [("u1", "Hi again")]


def test_what_is_typed_at_a_message_goes_to_the_composer(qtbot: QtBot, shown: Shown) -> None:
    fill(shown)
    editor = shown.window.page.composer.editor
    qtbot.keyClick(editor, Qt.Key.Key_Up)
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Escape)
    assert QApplication.focusWidget() is not editor
    for key in "Next":
        qtbot.keyClicks(QApplication.focusWidget(), key)
    assert QApplication.focusWidget() is editor
    assert editor.text == "Next"


def test_asking_again_brings_the_keyboard_back_to_the_composer(qtbot: QtBot, shown: Shown) -> None:
    shown.transcript.set_entries(entries([user(1, "Hi"), answer(2, "Half", MessageState.STOPPED)]))
    shown.window.show_conversation(conversations()[0])
    QApplication.processEvents()
    page = shown.window.page
    for ask in (page.transcript.continue_requested, page.transcript.regenerate_requested):
        page.transcript.setFocus()
        ask.emit("a2")
        assert QApplication.focusWidget() is page.composer.editor


def test_the_draft_is_handed_over_before_another_conversation_opens(qtbot: QtBot, shown: Shown) -> None:
    fill(shown)
    qtbot.keyClicks(shown.window.page.composer.editor, "half")
    shown.window.sidebar.open_requested.emit("c3")
    assert shown.asked[-2:] == [("draft_changed", "half"), ("open_requested", "c3")]


def test_actions_are_enabled_only_where_they_do_something(shown: Shown) -> None:
    actions = shown.window.actions_by_name
    for action in (actions.rename, actions.delete, actions.regenerate, actions.copy_answer, actions.stop):
        assert not action.isEnabled()
    fill(shown)
    for action in (actions.rename, actions.delete, actions.regenerate, actions.copy_answer, actions.reload):
        assert action.isEnabled()
    shown.window.set_busy(True)
    assert actions.stop.isEnabled()
    assert not actions.regenerate.isEnabled()


def test_every_action_is_in_a_menu_and_no_key_is_taken_twice(shown: Shown) -> None:
    in_menus: list[QAction] = []
    waiting = list(shown.window.menuBar().actions())
    for action in waiting:  # grows while it is walked
        menu = action.menu()
        if isinstance(menu, QMenu):
            waiting += menu.actions()
        elif not action.isSeparator():
            in_menus.append(action)
    assert set(in_menus) == set(shown.window.actions_by_name.all)
    keys = [action.shortcut().toString() for action in in_menus if not action.shortcut().isEmpty()]
    assert len(keys) == len(set(keys))


def test_rename_and_delete_from_the_menu(qtbot: QtBot, shown: Shown) -> None:
    fill(shown)
    shown.window.actions_by_name.delete.trigger()
    assert shown.asked_for("delete_requested") == ["c"]
    shown.window.actions_by_name.sidebar.setChecked(False)
    shown.window.actions_by_name.rename.trigger()
    assert shown.window.sidebar.isVisible()
    assert shown.window.sidebar.list.state() == shown.window.sidebar.list.State.EditingState


def test_a_changed_title_takes_no_focus(qtbot: QtBot, shown: Shown) -> None:
    fill(shown)
    shown.window.activateWindow()
    shown.window.sidebar.list.setFocus()
    shown.window.show_conversation(conversations()[0])
    assert shown.window.sidebar.list.hasFocus()
    shown.window.show_conversation(conversations()[1])
    assert shown.window.page.composer.editor.hasFocus()


def test_the_look_changes_while_it_runs(qtbot: QtBot, shown: Shown) -> None:
    fill(shown)
    light = shown.window.grab().toImage()
    shown.window.apply_settings(Settings(theme=ThemeChoice.DARK, text_size_px=20))
    QApplication.processEvents()
    assert shown.window.theme.dark
    dark = shown.window.grab().toImage()
    assert dark.pixelColor(dark.width() // 2, dark.height() // 2).lightness() < 80
    assert light.pixelColor(dark.width() // 2, dark.height() // 2).lightness() > 200
    shown.window.actions_by_name.themes[ThemeChoice.LIGHT].trigger()
    assert shown.asked_for("settings_changed") == [("theme", ThemeChoice.LIGHT)]


def test_notices_and_the_queue_reach_their_places(qtbot: QtBot, shown: Shown) -> None:
    fill(shown)
    shown.window.show_notice(Notice(key="k", text="Deleted.", action="Undo", action_key="undo"))
    qtbot.mouseClick(shown.window.page.notices.rows[0].action_button, Qt.MouseButton.LeftButton)
    assert shown.asked_for("notice_action_requested") == ["undo"]
    shown.window.set_queue((WaitingItem("next"),))
    assert shown.window.page.composer.chips.queue == ("next",)
    shown.window.set_draft("kept")
    assert shown.window.page.composer.text == "kept"


def test_a_link_is_shown_in_full_before_it_is_opened(qtbot: QtBot, shown: Shown) -> None:
    fill(shown)
    shown.window.page.transcript.link_activated.emit("https://example.org/<b>?a=1&b=2")
    dialog = shown.window.findChild(LinkDialog)
    assert isinstance(dialog, LinkDialog)
    assert dialog.address.toPlainText() == "https://example.org/<b>?a=1&b=2"
    assert dialog.open_button.isEnabled()
    qtbot.mouseClick(dialog.copy_button, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "https://example.org/<b>?a=1&b=2"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "javascript:alert(1)", "not a link"])
def test_nothing_but_the_web_and_mail_can_be_opened(qtbot: QtBot, shown: Shown, url: str) -> None:
    dialog = LinkDialog(url, shown.window)
    assert not dialog.open_button.isEnabled()
    dialog.deleteLater()


def test_tab_reaches_every_part_and_the_page_once(qtbot: QtBot, shown: Shown) -> None:
    shown.conversations.set_conversations(conversations())
    shown.transcript.set_entries(long_conversation(100))
    shown.window.show_conversation(conversations()[0])
    shown.window.activateWindow()
    QApplication.processEvents()
    for key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
        shown.window.page.composer.take_focus()
        visited: list[QWidget] = []
        for _ in range(40):
            focused = QApplication.focusWidget()
            assert focused is not None
            if visited and focused is visited[0]:
                break
            visited.append(focused)
            qtbot.keyClick(focused, key)
        assert shown.window.sidebar.list in visited
        assert shown.window.sidebar.new_button in visited
        assert shown.window.model_button in visited
        inside = [widget for widget in visited if shown.window.page.transcript.isAncestorOf(widget)]
        assert 1 <= len(inside) <= 7
        assert len(visited) < 40


def test_everything_that_can_be_pressed_has_a_name(shown: Shown) -> None:
    fill(shown)
    for button in shown.window.findChildren(QAbstractButton):
        if button.isVisible() and not button.objectName().startswith("qt_"):
            assert button.accessibleName() or button.text(), button


def test_at_its_smallest_nothing_is_cut(shown: Shown) -> None:
    fill(shown)
    stopped = answer(3, "Half", MessageState.STOPPED)
    shown.transcript.append(TranscriptEntry(stopped))
    for settings in (Settings(theme=ThemeChoice.LIGHT), Settings(theme=ThemeChoice.DARK, text_size_px=20)):
        shown.window.apply_settings(settings)
        shown.window.resize(QSize(720, 480))
        QApplication.processEvents()
        assert shown.window.size() == QSize(720, 480)
        parts = [*shown.window.findChildren(QAbstractButton), *shown.window.findChildren(QLabel)]
        for part in parts:
            if part.isVisible() and part.width() > 0:
                right = part.mapTo(shown.window, part.rect().topRight()).x()
                assert right <= 720, part


@pytest.mark.parametrize("scale", ["1.25", "4"])
def test_nothing_is_cut_at_another_scale_either(scale: str) -> None:
    """Qt reads the scale once, so the test above runs in a process of its own."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", "at_its_smallest"]
    environment = {**os.environ, "QT_SCALE_FACTOR": scale}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "1 passed" in done.stdout


def test_it_looks_as_at_the_last_time(qtbot: QtBot, shown: Shown) -> None:
    shown.window.resize(760, 600)
    geometry = bytes(shown.window.saveGeometry().data())
    shown.window.resize(730, 500)
    shown.window.restore_window(geometry, 300, False)
    assert shown.window.size() == QSize(760, 600)
    assert not shown.window.sidebar.isVisible()
    shown.window.restore_window(b"garbage", None, True)
    assert shown.window.sidebar.isVisible()
    assert shown.window.sidebar_width == 300


def test_what_happens_when_a_conversation_is_full_is_chosen_in_the_menu(shown: Shown) -> None:
    chosen: list[object] = []
    shown.window.when_full_requested.connect(chosen.append)
    choices = shown.window.actions_by_name.when_full
    assert not choices[WhenFull.STOP].isEnabled()
    fill(shown)
    assert choices[None].isChecked()
    assert choices[None].text() == "As in the &settings (leave out the oldest messages)"
    choices[WhenFull.STOP].trigger()
    assert chosen == [WhenFull.STOP]
    shown.window.show_conversation(msgspec.structs.replace(conversations()[0], when_full=WhenFull.STOP))
    assert choices[WhenFull.STOP].isChecked()
    shown.window.apply_settings(Settings(when_full=WhenFull.STOP))
    assert choices[None].text() == "As in the &settings (stop and say so)"


def test_an_answer_is_branched_by_its_button_and_by_the_menu(qtbot: QtBot, shown: Shown) -> None:
    assert not shown.window.actions_by_name.branch.isEnabled()
    fill(shown)
    last = shown.window.page.transcript.view.live_widget(1)
    assert isinstance(last, AssistantMessage)
    qtbot.mouseClick(last.branch_button, Qt.MouseButton.LeftButton)
    shown.window.actions_by_name.branch.trigger()
    assert shown.asked_for("branch_requested") == [last.message_id] * 2
    assert last.branch_button.accessibleName() == "Branch into a new conversation"


def test_a_private_conversation_is_marked_on_its_page_and_above_its_messages(qtbot: QtBot, shown: Shown) -> None:
    page = shown.window.page
    asked: list[bool] = []
    shown.window.new_private_requested.connect(lambda: asked.append(True))
    qtbot.keyClick(shown.window, Qt.Key.Key_N, CONTROL | SHIFT)
    assert asked == [True]
    shown.window.set_private(True)
    assert page.empty_state.private_icon.isVisible()
    assert page.empty_state.greeting.text() == "A private conversation"
    assert "gone when you delete it or quit Hearth" in page.empty_state.model_line.text()
    assert not page.private_mark.isVisible()
    fill(shown)
    assert page.private_mark.isVisible()
    assert page.private_mark.text == "Private conversation: it is not saved"
    shown.window.set_private(False)
    assert not page.private_mark.isVisible()
    shown.transcript.clear()
    assert not page.empty_state.private_icon.isVisible()
    assert page.empty_state.greeting.text() == "What would you like to know?"


def test_a_click_on_the_open_conversation_lets_one_type(qtbot: QtBot, shown: Shown) -> None:
    fill(shown)
    titles = shown.window.sidebar.list
    titles.setFocus()
    titles.chosen.emit("c")
    assert shown.window.page.composer.editor.hasFocus()


@pytest.mark.parametrize("by_key", [False, True])
def test_after_a_title_was_edited_one_types_where_one_was(qtbot: QtBot, shown: Shown, by_key: bool) -> None:
    fill(shown)
    shown.window.activateWindow()
    titles = shown.window.sidebar.list
    if by_key:
        titles.setFocus()
        qtbot.keyClick(titles, Qt.Key.Key_F2)
    else:
        shown.window.actions_by_name.rename.trigger()
    line = titles.findChild(QLineEdit)
    assert isinstance(line, QLineEdit)
    line.setFocus()
    line.setText("Another")
    qtbot.keyClick(line, Qt.Key.Key_Return)
    QApplication.processEvents()
    assert shown.asked_for("rename_requested") == [("c", "Another")]
    assert titles.hasFocus() is by_key
    assert shown.window.page.composer.editor.hasFocus() is not by_key


def test_a_notice_that_is_answered_gives_the_keyboard_back(qtbot: QtBot, shown: Shown) -> None:
    fill(shown)
    shown.window.show_notice(Notice(key="k", text="?", action="Yes", action_key="yes"))
    button = shown.window.page.notices.rows[0].action_button
    button.setFocus()
    qtbot.keyClick(button, Qt.Key.Key_Space)
    assert shown.asked_for("notice_action_requested") == ["yes"]
    assert shown.window.page.composer.editor.hasFocus()


def test_the_last_answer_is_copied_without_its_thinking(shown: Shown) -> None:
    shown.transcript.set_entries(entries([user(1, "Hi"), answer(2, "<think>\nA greeting.\n</think>\n\nHello")]))
    shown.window.show_conversation(conversations()[0])
    shown.window.actions_by_name.copy_answer.trigger()
    assert QGuiApplication.clipboard().text() == "Hello"


def test_the_look_follows_the_desktop_while_it_runs(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    hints = QGuiApplication.styleHints()
    shown.window.apply_settings(Settings(theme=ThemeChoice.SYSTEM))
    for is_dark, scheme in ((True, Qt.ColorScheme.Dark), (False, Qt.ColorScheme.Light)):
        monkeypatch.setattr(theme_module, "system_is_dark", lambda is_dark=is_dark: is_dark)
        hints.colorSchemeChanged.emit(scheme)
        assert shown.window.theme.dark is is_dark
        page = QApplication.palette().color(QPalette.ColorRole.Window)
        assert page == QColor(theme_module.theme_for("system").colors.page)
    shown.window.apply_settings(Settings(theme=ThemeChoice.LIGHT))
    monkeypatch.setattr(theme_module, "system_is_dark", lambda: True)
    hints.colorSchemeChanged.emit(Qt.ColorScheme.Dark)
    assert not shown.window.theme.dark  # who has chosen keeps what was chosen
