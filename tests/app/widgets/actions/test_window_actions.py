import re
from collections.abc import Iterator

import msgspec
import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from app.models.notice import Notice
from app.models.sidebar_model import SidebarModel
from app.models.transcript_model import TranscriptEntry
from app.settings.schema import Settings
from app.settings.schema import Theme as ThemeChoice
from app.widgets.actions.action_table import ROWS
from tests.app.widgets.conftest import Shown
from tests.app.widgets.demo_conversation import PLAN, answer, conversations, entries, user

CONTROL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
_MNEMONIC = re.compile(r"(?<!&)&([^&\s])")


def fill(shown: Shown) -> None:
    shown.conversations.set_conversations(conversations())
    shown.transcript.set_entries(entries([user(1, "Hi"), answer(2, "Hello")]))
    shown.window.show_conversation(conversations()[0])
    shown.window.set_plan(PLAN)
    shown.window.activateWindow()
    QApplication.processEvents()


def menus_of(shown: Shown) -> Iterator[tuple[str, list[QAction]]]:
    """Every menu of the bar with its entries, the bar itself first."""
    waiting = [("the bar", list(shown.window.menuBar().actions()))]
    for name, entries_of_it in waiting:  # grows while it is walked
        yield name, [each for each in entries_of_it if not each.isSeparator()]
        for each in entries_of_it:
            menu = each.menu()
            if isinstance(menu, QMenu):
                waiting.append((each.text(), list(menu.actions())))


def test_each_action_has_words_a_place_and_a_letter_of_its_own_in_its_menu(shown: Shown) -> None:
    placed: list[QAction] = []
    for name, actions in menus_of(shown):
        letters = [found[1].casefold() for action in actions if (found := _MNEMONIC.search(action.text()))]
        assert len(letters) == len(actions), f"{name}: {[each.text() for each in actions]}"
        assert len(letters) == len(set(letters)), f"{name}: {sorted(letters)}"
        placed += [action for action in actions if action.menu() is None]
    assert sorted(each.objectName() for each in placed) == sorted(ROWS)
    for action in placed:
        assert re.sub(r"[&…]", "", action.text()).strip(), action.objectName()
        assert shown.window.actions_by_name.by_name[action.objectName()] is action


def test_no_key_belongs_to_two_actions(shown: Shown) -> None:
    owners: dict[str, str] = {}
    for action in shown.window.actions_by_name.all:
        for key in action.shortcuts():
            assert key.toString(), f"{action.objectName()} has a key that Qt can't read"
            assert owners.setdefault(key.toString(), action.objectName()) == action.objectName()


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.is_in_chat])
@pytest.mark.parametrize("page", ["show_models", "show_first_start"])
def test_what_is_done_in_the_conversation_is_seen_there(shown: Shown, name: str, page: str) -> None:
    fill(shown)
    again = TranscriptEntry(answer(2, "Hello"), version=2, versions=3)
    shown.transcript.set_entries([*entries([user(1, "Hi")]), again])
    shown.window.show_state()
    pages = shown.window.pages
    getattr(pages, page)()
    shown.window.actions_by_name.by_name[name].trigger()
    QApplication.processEvents()
    assert pages.currentWidget() is shown.window.page
    focused = QApplication.focusWidget()
    assert focused is not None
    assert focused.isVisible()


def test_the_menu_unloads_a_model_or_stops_a_load(shown: Shown) -> None:
    unload = shown.window.actions_by_name.unload
    shown.window.set_plan(None)
    assert not unload.isEnabled()
    shown.window.set_loading("Loading A model after this answer")
    assert unload.isEnabled()
    assert unload.text().replace("&", "") == "Stop loading"
    shown.window.set_loading("")
    assert not unload.isEnabled()
    shown.window.set_plan(PLAN)
    assert unload.isEnabled()
    assert unload.text().replace("&", "") == "Unload"


@pytest.mark.parametrize("name", ["rename", "new_folder"])
def test_a_name_is_not_edited_in_a_list_that_a_first_start_hides(shown: Shown, name: str) -> None:
    fill(shown)
    shown.window.pages.show_first_start()
    assert not shown.window.sidebar.isVisible()
    shown.window.actions_by_name.by_name[name].trigger()
    assert shown.window.sidebar.isVisible()


def test_every_action_that_can_be_done_is_reached_with_the_keyboard_alone(qtbot: QtBot, shown: Shown) -> None:
    """Alt, Right to each menu, Down to each entry: what is highlighted then is what Enter would do."""
    fill(shown)
    bar, reached = shown.window.menuBar(), set()
    for place, top in enumerate(bar.actions()):
        bar.setActiveAction(top)
        menu = top.menu()
        assert isinstance(menu, QMenu)
        QApplication.processEvents()
        for _ in menu.actions():
            qtbot.keyClick(menu, Qt.Key.Key_Down)
            current = menu.activeAction()
            assert current is not None, place
            inner = current.menu()
            if isinstance(inner, QMenu):
                qtbot.keyClick(menu, Qt.Key.Key_Right)
                for _ in inner.actions():
                    active = inner.activeAction()
                    reached.add(active.objectName() if active is not None else "")
                    qtbot.keyClick(inner, Qt.Key.Key_Down)
                qtbot.keyClick(inner, Qt.Key.Key_Left)
            else:
                reached.add(current.objectName())
        qtbot.keyClick(menu, Qt.Key.Key_Escape)
        menu.close()
    wanted = {each.objectName() for each in shown.window.actions_by_name.all if each.isEnabled()}
    assert wanted - reached <= {"redo", "cut", "paste", "undo"}  # what is chosen needs something to work on


def test_a_name_that_is_in_no_table_is_an_error(shown: Shown) -> None:
    with pytest.raises(AttributeError, match="no action is called fly"):
        _ = shown.window.actions_by_name.fly


def test_the_edit_menu_works_on_the_text_that_has_the_keyboard(qtbot: QtBot, shown: Shown) -> None:
    fill(shown)
    actions, editor = shown.window.actions_by_name, shown.window.page.composer.editor
    qtbot.keyClicks(editor, "Hello")
    menu = actions.menus["edit"]
    menu.popup(shown.window.mapToGlobal(shown.window.rect().center()))
    assert actions.paste.isEnabled()
    assert not actions.redo.isEnabled()
    menu.close()
    assert actions.redo.isEnabled()  # its key is to work in whatever is edited next
    actions.select_all.trigger()
    actions.cut.trigger()
    assert editor.text == ""
    assert QGuiApplication.clipboard().text() == "Hello"
    actions.paste.trigger()
    actions.paste.trigger()
    assert editor.text == "HelloHello"
    actions.undo.trigger()
    assert editor.text == "Hello"
    actions.redo.trigger()
    assert editor.text == "HelloHello"


def test_undo_with_nothing_typed_brings_back_what_was_deleted(qtbot: QtBot, shown: Shown) -> None:
    fill(shown)
    shown.window.show_notice(Notice(key="d", text="Deleted.", action="Undo", action_key="undo_delete:c"))
    editor = shown.window.page.composer.editor
    qtbot.keyClicks(editor, "x")
    qtbot.keyClick(editor, Qt.Key.Key_Z, CONTROL)
    assert editor.text == ""
    assert shown.asked_for("notice_action_requested") == []
    qtbot.keyClick(editor, Qt.Key.Key_Z, CONTROL)
    assert shown.asked_for("notice_action_requested") == ["undo_delete:c"]
    assert shown.window.page.notices.rows == []


def test_keys_go_from_conversation_to_conversation_and_round(qtbot: QtBot, shown: Shown) -> None:
    fill(shown)
    ids = [conversation.id for conversation in conversations()]
    qtbot.keyClick(shown.window, Qt.Key.Key_PageDown, CONTROL)
    qtbot.keyClick(shown.window, Qt.Key.Key_PageUp, CONTROL)
    qtbot.keyClick(shown.window, Qt.Key.Key_Tab, CONTROL)
    here = ids.index("c")
    assert shown.asked_for("open_requested") == [ids[(here + 1) % len(ids)], ids[here - 1], ids[(here + 1) % len(ids)]]


def test_f6_goes_round_the_parts_of_the_window(qtbot: QtBot, shown: Shown) -> None:
    fill(shown)
    window = shown.window
    window.page.composer.take_focus()
    parts = [window.sidebar, window.model_button, window.page.transcript, window.page.composer]
    for part in parts:
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_F6)
        focused = QApplication.focusWidget()
        assert part is focused or part.isAncestorOf(focused), part
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_F6, SHIFT)
    assert window.page.transcript.isAncestorOf(QApplication.focusWidget())
    window.actions_by_name.sidebar.setChecked(False)
    window.page.composer.take_focus()
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_F6)
    assert window.model_button.hasFocus()


def test_keys_change_the_size_of_the_text_within_its_bounds(qtbot: QtBot, shown: Shown) -> None:
    fill(shown)
    for key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
        qtbot.keyClick(shown.window, key, CONTROL)
    qtbot.keyClick(shown.window, Qt.Key.Key_0, CONTROL)
    assert shown.asked_for("settings_changed") == [("text_size_px", 16), ("text_size_px", 16), ("text_size_px", 14)]
    shown.window.apply_settings(Settings(theme=ThemeChoice.LIGHT, text_size_px=32))
    qtbot.keyClick(shown.window, Qt.Key.Key_Plus, CONTROL)
    qtbot.keyClick(shown.window, Qt.Key.Key_0, CONTROL)
    assert shown.asked_for("settings_changed")[3:] == [("text_size_px", 15)]


def test_enter_presses_the_button_that_has_the_keyboard_in_a_dialog(qtbot: QtBot, shown: Shown) -> None:
    shown.window.open_settings()
    dialog = shown.window.dialogs.settings_dialog
    assert dialog is not None
    dialog.activateWindow()
    qtbot.waitUntil(dialog.isActiveWindow)
    box = dialog.row("show_statistics").control.widget
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert shown.asked_for("settings_changed") == [("show_statistics", False)]
    assert dialog.isVisible()
    dialog.close()


def test_f11_fills_the_screen_and_gives_it_back(qtbot: QtBot, shown: Shown) -> None:
    action = shown.window.actions_by_name.full_screen
    qtbot.keyClick(shown.window, Qt.Key.Key_F11)
    assert shown.window.isFullScreen()
    assert action.isChecked()
    shown.window.setWindowState(Qt.WindowState.WindowNoState)
    qtbot.waitUntil(lambda: not action.isChecked())
    assert not shown.window.isFullScreen()


def test_f6_reaches_a_notice_and_escape_closes_it_without_stopping_the_answer(qtbot: QtBot, shown: Shown) -> None:
    fill(shown)
    shown.window.set_busy(True)
    shown.window.show_notice(Notice(key="d", text="Deleted.", action="Undo", action_key="undo_delete:c"))
    QApplication.processEvents()
    shown.window.page.composer.take_focus()
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_F6, SHIFT)
    row = shown.window.page.notices.rows[0]
    assert row.isAncestorOf(QApplication.focusWidget())
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Escape)
    assert shown.window.page.notices.rows == []
    assert shown.asked_for("stop_requested") == []
    assert shown.window.page.composer.editor.hasFocus()


def test_in_the_smallest_window_the_newest_of_several_notices_is_seen_whole(shown: Shown) -> None:
    shown.window.resize(720, 480)
    for number in range(3):
        text = f"Notice {number}: something went wrong, and this sentence is long enough for two lines of text."
        shown.window.show_notice(Notice(key=str(number), text=text, action="Try again", action_key="again"))
    for _ in range(3):
        QApplication.processEvents()
    newest = shown.window.page.notices.rows[-1]
    assert not newest.visibleRegion().isEmpty()
    assert newest.visibleRegion().boundingRect().height() == newest.height()


def test_the_next_of_thousands_is_found_without_asking_for_each(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [msgspec.structs.replace(conversations()[0], id=f"c{n}", updated_at=1e9 - n) for n in range(3_000)]
    shown.conversations.set_conversations(many)
    shown.window.show_conversation(many[1_000])
    asked: list[int] = []
    data = SidebarModel.data

    def counting(self: SidebarModel, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        asked.append(index.row())
        return data(self, index, role)

    monkeypatch.setattr(SidebarModel, "data", counting)
    shown.window.actions_by_name.next_conversation.trigger()
    shown.window.actions_by_name.previous_conversation.trigger()
    assert shown.asked_for("open_requested") == ["c1001", "c999"]
    assert len(asked) < 1_000


def test_an_ellipsis_says_that_more_is_asked_for_before_anything_is_done(shown: Shown) -> None:
    asking = {name for name, action in shown.window.actions_by_name.by_name.items() if action.text().endswith("…")}
    files = {"attach", "open_folder", "open_file", "import_conversations"}
    files |= {"export_markdown", "export_json", "export_all"}
    assert asking == files | {"search", "find", "report"}
