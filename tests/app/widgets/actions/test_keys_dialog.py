from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QApplication, QTreeWidgetItem
from pytestqt.qtbot import QtBot

from app.settings.schema import Settings
from app.settings.schema import Theme as ThemeChoice
from app.widgets.actions.action_table import ROWS
from app.widgets.actions.keys_dialog import KeysDialog
from app.widgets.actions.shortcuts import refusal
from tests.app.widgets.conftest import Shown

CONTROL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def opened(qtbot: QtBot, shown: Shown) -> Callable[[], KeysDialog]:
    """Opens the dialog; what is changed in it becomes the window's settings at once, as in the application."""

    def change(asked: object) -> None:
        assert isinstance(asked, tuple)
        shown.window.apply_settings(Settings(theme=ThemeChoice.LIGHT, **{asked[0]: asked[1]}))

    shown.window.settings_changed.connect(change)

    def open_dialog() -> KeysDialog:
        qtbot.keyClick(shown.window, Qt.Key.Key_Slash, CONTROL)
        dialog = shown.window.findChild(KeysDialog)
        assert isinstance(dialog, KeysDialog)
        qtbot.waitExposed(dialog)
        dialog.activateWindow()
        qtbot.waitUntil(dialog.isActiveWindow)
        return dialog

    return open_dialog


def key_of(dialog: KeysDialog, words: str) -> str:
    return dict(dialog.rows)[words]


def test_the_invitation_to_choose_has_the_line_for_itself(opened: Callable[[], KeysDialog]) -> None:
    dialog = opened()
    assert dialog.title.height() < 2 * dialog.title.fontMetrics().height()
    height = dialog.editor.height()
    dialog.select("new")
    QApplication.processEvents()
    assert dialog.key_edit.isVisible()
    assert dialog.editor.height() == height


def test_an_action_gets_another_key_by_keyboard_alone(
    qtbot: QtBot, shown: Shown, opened: Callable[[], KeysDialog]
) -> None:
    dialog = opened()
    assert QApplication.focusWidget() is dialog.search
    qtbot.keyClicks(dialog.search, "new conv")
    qtbot.keyClick(dialog.search, Qt.Key.Key_Down)
    assert dialog.selected_name == "new"
    qtbot.keyClick(dialog.list, Qt.Key.Key_Return)
    qtbot.keyClick(dialog.key_edit, Qt.Key.Key_J, CONTROL)
    assert shown.asked_for("settings_changed") == [("keys", {"new": "Ctrl+J"})]
    assert key_of(dialog, "New conversation") == "Ctrl+J"
    assert dialog.list.hasFocus()
    assert "Ctrl+J" in shown.window.sidebar.new_button.toolTip()
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    shown.window.activateWindow()
    qtbot.waitUntil(shown.window.isActiveWindow)
    qtbot.keyClick(shown.window, Qt.Key.Key_N, CONTROL)
    assert shown.asked_for("new_requested") == []
    qtbot.keyClick(shown.window, Qt.Key.Key_J, CONTROL)
    assert shown.asked_for("new_requested") == [None]


def test_a_key_that_is_taken_names_its_action_and_is_taken_from_it(
    qtbot: QtBot, shown: Shown, opened: Callable[[], KeysDialog]
) -> None:
    dialog = opened()
    dialog.select("new")
    qtbot.keyClick(dialog.list, Qt.Key.Key_Return)
    qtbot.keyClick(dialog.key_edit, Qt.Key.Key_R, CONTROL)
    assert shown.asked_for("settings_changed") == []
    assert dialog.message.text() == "Ctrl+R is the key of “Answer again”."
    assert dialog.take_button.text() == "Take it from “Answer again”"
    assert dialog.take_button.hasFocus()
    qtbot.keyClick(dialog.take_button, Qt.Key.Key_Return)
    assert shown.asked_for("settings_changed") == [("keys", {"new": "Ctrl+R", "regenerate": ""})]
    assert key_of(dialog, "New conversation") == "Ctrl+R"
    assert key_of(dialog, "Answer again") == ""
    assert not dialog.take_button.isVisible()
    dialog.select("regenerate")
    qtbot.mouseClick(dialog.reset_button, Qt.MouseButton.LeftButton)
    assert key_of(dialog, "Answer again") == "Ctrl+R"
    assert key_of(dialog, "New conversation") == ""
    qtbot.mouseClick(dialog.reset_all_button, Qt.MouseButton.LeftButton)
    assert key_of(dialog, "New conversation") == "Ctrl+N"
    assert not dialog.reset_all_button.isEnabled()
    assert shown.asked_for("settings_changed")[-1] == ("keys", {})


def test_a_key_is_taken_away_and_escape_only_leaves(
    qtbot: QtBot, shown: Shown, opened: Callable[[], KeysDialog]
) -> None:
    dialog = opened()
    dialog.select("sidebar")
    qtbot.keyClick(dialog.list, Qt.Key.Key_Return)
    qtbot.keyClick(dialog.key_edit, Qt.Key.Key_Escape)
    assert dialog.isVisible()
    assert dialog.key_edit.text() == "Ctrl+B"
    qtbot.keyClick(dialog.list, Qt.Key.Key_Return)
    qtbot.keyClick(dialog.key_edit, Qt.Key.Key_Backspace)
    assert shown.asked_for("settings_changed") == [("keys", {"sidebar": ""})]
    assert shown.window.actions_by_name.sidebar.shortcuts() == []


@pytest.mark.parametrize("name", ["copy", "stop"])
def test_keys_of_the_system_stay_as_they_are(
    qtbot: QtBot, shown: Shown, opened: Callable[[], KeysDialog], name: str
) -> None:
    dialog = opened()
    dialog.select(name)
    assert dialog.selected_name == name
    assert dialog.message.text() == "This key can't be changed."
    qtbot.keyClick(dialog.list, Qt.Key.Key_Return)
    assert not dialog.key_edit.hasFocus()
    assert not dialog.reset_button.isEnabled()


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("A", "A alone is for writing: take Ctrl or Alt with it."),
        ("Shift+A", "Shift+A alone is for writing: take Ctrl or Alt with it."),
        ("Ctrl+C", "Ctrl+C always means “Copy”."),
        ("Return", "Return has its own meaning where you write and in lists."),
        ("Ctrl+K, Ctrl+C", "One key at a time, please."),
        ("F5", ""),
        ("Ctrl+Alt+Y", ""),
        ("Alt+Left", ""),
    ],
)
def test_which_keys_can_be_had(shown: Shown, key: str, problem: str) -> None:
    assert refusal(QKeySequence(key)) == problem


def test_the_list_is_searched_by_words_and_by_key(qtbot: QtBot, opened: Callable[[], KeysDialog]) -> None:
    dialog = opened()
    dialog.search.setText("ctrl+shift+c")
    assert [item.text(0) for item in dialog._items() if not item.isHidden()] == ["Copy last answer"]
    dialog.search.setText("no such thing")
    assert dialog.nothing.isVisible()
    assert not dialog.list.isVisible()
    dialog.search.clear()
    assert {name for name, _ in dialog.rows} >= {"New conversation", "Send the message", "Full screen"}
    assert len(dialog.rows) > len(ROWS)


def test_what_stands_in_the_settings_by_hand(shown: Shown) -> None:
    keys = {
        "new": "Ctrl+R",  # taken from "Answer again", which is not in the settings
        "sidebar": "nonsense",
        "memory": "Ctrl+R",  # twice
        "copy": "Ctrl+J",
        "of a later version": "Ctrl+1",
        "unload": "Ctrl+U",
    }
    shown.window.apply_settings(Settings(theme=ThemeChoice.LIGHT, keys=keys))
    actions, shortcuts = shown.window.actions_by_name, shown.window.actions_by_name.shortcuts
    assert [each.toString() for each in actions.new.shortcuts()] == ["Ctrl+R"]
    assert actions.regenerate.shortcuts() == []
    assert actions.sidebar.shortcut().toString() == "Ctrl+B"
    assert actions.memory.shortcut().toString() == "Ctrl+Shift+M"
    assert actions.copy.shortcut().toString() == "Ctrl+C"
    assert actions.unload.shortcut().toString() == "Ctrl+U"
    assert shortcuts.with_key("quit", "Ctrl+2")["of a later version"] == "Ctrl+1"
    told = shown.window.page.notices.rows[0].notice.text
    for words in ("“nonsense”", "“Conversation memory”", "“Copy”"):
        assert words in told
    owned = [key.toString() for action in actions.all for key in action.shortcuts()]
    assert len(owned) == len(set(owned))


def test_the_settings_lead_to_the_keys_and_say_how_many_are_changed(qtbot: QtBot, shown: Shown) -> None:
    shown.window.apply_settings(Settings(theme=ThemeChoice.LIGHT, keys={"new": "Ctrl+J"}))
    shown.window.open_settings()
    dialog = shown.window.dialogs.settings_dialog
    assert dialog is not None
    row = dialog.row("keys")
    assert row.reset_button.isVisible()
    button = row.control.widget
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    keys = shown.window.findChild(KeysDialog)
    assert isinstance(keys, KeysDialog)
    keys.close()
    dialog.close()


def test_a_screen_reader_hears_of_no_row_but_those_that_change(
    qtbot: QtBot, opened: Callable[[], KeysDialog], shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_sight: list[str] = []
    set_text = QTreeWidgetItem.setText

    def count(item: QTreeWidgetItem, column: int, text: str) -> None:
        if item.treeWidget() is not None:
            in_sight.append(text)
        set_text(item, column, text)

    monkeypatch.setattr(QTreeWidgetItem, "setText", count)
    dialog = opened()
    assert in_sight == [], "rows are complete before they are put into the list"
    changes: list[object] = []
    dialog.list.model().dataChanged.connect(lambda *place: changes.append(place))
    shown.window.apply_settings(Settings(theme=ThemeChoice.LIGHT, keys={"new": "Ctrl+J"}))
    assert in_sight == ["Ctrl+J"]
    assert len(changes) <= 4
