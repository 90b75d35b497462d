"""Each action is done by keys alone: by its key, by the letters of its menus, and in the menus of rows and messages."""

import re
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import SIGNAL, Qt
from PySide6.QtGui import QAction, QContextMenuEvent, QGuiApplication, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QWidget
from pytestqt.qtbot import QtBot

from app.models.thinking_switch import ThinkingSwitch
from app.models.transcript_model import TranscriptEntry
from app.widgets.actions.action_table import MENUS, ROWS, MenuRow
from app.widgets.basics.theme import Theme
from engine.api.sampling import ThinkingChoice
from tests.app.accessibility.demo_window import TRAVEL, DemoWindow
from tests.app.widgets.demo_conversation import PLAN, answer, entries, user

_LETTER = re.compile(r"(?<!&)&([^&\s])")
_ALT = Qt.KeyboardModifier.AltModifier
Done = set[str]


@pytest.fixture
def demo(qtbot: QtBot, theme: Theme) -> Iterator[DemoWindow]:
    shown = DemoWindow()
    shown.window.show_chat()
    shown.fill()
    shown.window.set_plan(PLAN)
    shown.window.actions_by_name.show_thinking(ThinkingSwitch(tuple(ThinkingChoice), ThinkingChoice.ON, None))
    shown.window.activateWindow()
    qtbot.waitUntil(shown.window.isActiveWindow)
    yield shown
    shown.end()


@pytest.fixture
def done(demo: DemoWindow) -> Done:
    """The names of the actions that were done; doing one has no effect, so that one state lasts for all of them."""
    names: Done = set()
    for action in demo.window.actions_by_name.all:
        watch(action, names)
    return names


def watch(action: QAction, names: Done) -> None:
    if action.receivers(SIGNAL("triggered(bool)")):
        action.triggered.disconnect()
    if action.receivers(SIGNAL("toggled(bool)")):
        action.toggled.disconnect()
    action.triggered.connect(lambda: names.add(action.objectName() or action.text()))


def writing(demo: DemoWindow) -> QWidget:
    """Something is written, and can be cut, taken back and put in again."""
    editor = demo.window.page.composer.editor
    editor.setFocus()
    editor.clear()
    for letter in "ab":
        QTest.keyClick(editor, letter)
    editor.undo()
    QTest.keyClick(editor, "c")
    editor.selectAll()
    QGuiApplication.clipboard().setText("words")
    return editor


def writing_again(demo: DemoWindow) -> QWidget:
    """Something was taken back."""
    editor = writing(demo)
    demo.window.page.composer.editor.undo()
    return editor


def at_message(demo: DemoWindow, row: int) -> QWidget:
    message = demo.window.page.transcript.view.reveal(row)
    message.setFocus(Qt.FocusReason.TabFocusReason)
    return message


def at_second_version(demo: DemoWindow) -> QWidget:
    demo.transcript.set_entries(entries([user(1, "Hi"), answer(2, "Hello")]))
    demo.transcript.append(TranscriptEntry(answer(3, "Hello again"), version=2, versions=2))
    return at_message(demo, 2)


def beginning(demo: DemoWindow) -> QWidget:
    """Nothing is written yet: keys that would move in a text do something else."""
    editor = demo.window.page.composer.editor
    editor.clear()
    editor.setFocus()
    return editor


def answering(demo: DemoWindow) -> QWidget:
    """An answer is being written."""
    editor = writing(demo)
    demo.window.set_busy(True)
    return editor


SITUATIONS: tuple[Callable[[DemoWindow], QWidget], ...] = (
    writing,
    writing_again,
    lambda demo: at_message(demo, 0),
    lambda demo: at_message(demo, 1),  # has two versions
    lambda demo: at_message(demo, 5),  # was stopped, so that it can be continued
    answering,
    beginning,
    at_second_version,
)


Path = tuple[str, ...]


def menu_paths(rows: tuple[MenuRow, ...] = MENUS, before: Path = ()) -> Iterator[tuple[str, Path]]:
    """Return each action with the names of the menus that lead to it."""
    for menu in rows:
        path = (*before, menu.name)
        for entry in menu.entries:
            if isinstance(entry, MenuRow):
                yield from menu_paths((entry,), path)
            elif entry is not None:
                yield entry.name, path


def letter_of(action: QAction) -> str:
    found = _LETTER.search(action.text())
    assert found is not None, action.text()
    return found[1]


def settle() -> None:
    for _ in range(3):
        QApplication.processEvents()


def close_menus() -> None:
    while (menu := QApplication.activePopupWidget()) is not None:
        menu.close()
        settle()


def test_each_action_is_done_by_the_letters_of_its_menus(demo: DemoWindow, done: Done) -> None:
    actions = demo.window.actions_by_name
    for situation in SITUATIONS:
        for name, path in menu_paths():
            action = actions.by_name[name]
            if name in done:
                continue
            place = situation(demo)
            settle()
            QTest.keyClick(place, letter_of(actions.menus[path[0]].menuAction()), _ALT)
            settle()
            for menu in path[1:]:
                QTest.keyClick(popup(), letter_of(actions.menus[menu].menuAction()))
                settle()
            if action.isEnabled():
                QTest.keyClick(popup(), letter_of(action))
                settle()
                assert name in done, f"{name} in {situation.__name__}"
            close_menus()
            demo.window.set_busy(False)
    assert set(ROWS) - done == set()


def popup() -> QWidget:
    menu = QApplication.activePopupWidget()
    assert menu is not None
    return menu


def test_each_action_that_has_a_key_is_done_by_it(demo: DemoWindow, done: Done) -> None:
    """But for those of a text, and Esc, which goes to what is open first: they have tests of their own."""
    keys = {name: row.all_keys for name, row in ROWS.items() if not row.is_fixed}
    missing = {(name, key) for name in keys for key in keys[name]}
    for situation in SITUATIONS:
        for name, key in sorted(missing):
            place = situation(demo)
            settle()
            done.clear()
            press(place, key)
            assert done <= {name}
            missing -= {(each, key) for each in done}
            demo.window.set_busy(False)
    assert missing == set()


def press(place: QWidget, key: str) -> None:
    combination = QKeySequence(key)[0]
    QTest.keyClick(place, combination.key(), combination.keyboardModifiers())
    settle()


def not_done(open_menu: Callable[[], QMenu]) -> list[str]:
    """Return the lines of a menu that Down and Enter don't do, or don't open where they have a menu of their own."""
    found: list[str] = []
    places = range(len(lines_of(open_menu())))
    assert len(places) > 2
    for place in places:
        close_menus()
        names: Done = set()
        menu = open_menu()
        line = lines_of(menu)[place]
        words, inner = line.text(), line.menu()
        if not isinstance(inner, QMenu):
            watch(line, names)
        for _ in menu.actions():
            if menu.activeAction() is line:
                break
            QTest.keyClick(menu, Qt.Key.Key_Down)
        QTest.keyClick(menu, Qt.Key.Key_Return)
        settle()
        is_done = inner.isVisible() if isinstance(inner, QMenu) else bool(names)
        found += [] if is_done else [words]
    close_menus()
    return found


def lines_of(menu: QMenu) -> list[QAction]:
    return [each for each in menu.actions() if not each.isSeparator() and each.isEnabled() and each.isVisible()]


def opened_by_key(place: QWidget) -> QMenu:
    """Return the menu that the key for menus opens (the system makes that event of the key)."""
    target = place.focusWidget() or place
    middle = target.rect().center()
    event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, middle, target.mapToGlobal(middle))
    QApplication.sendEvent(target, event)
    settle()
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


@pytest.mark.parametrize("key", ["c", "folder:f", ""])
def test_each_line_of_the_menu_of_a_row_is_done_by_keys(demo: DemoWindow, key: str) -> None:
    listing = demo.window.sidebar.list
    demo.listed.set_folders([TRAVEL])
    listing.setFocus()
    if key:
        listing.setCurrentIndex(listing.index_of(key))
    else:
        listing.selectAll()
    assert not_done(lambda: opened_by_key(listing)) == []


@pytest.mark.parametrize("row", [0, 1, 5])
def test_each_line_of_the_menu_of_a_message_is_done_by_keys(demo: DemoWindow, row: int) -> None:
    assert not_done(lambda: opened_by_key(at_message(demo, row))) == []


def test_each_line_of_the_menu_of_models_is_done_by_keys(demo: DemoWindow) -> None:
    def opened() -> QMenu:
        press(demo.window.page.composer.editor, "Ctrl+L")
        menu = popup()
        assert isinstance(menu, QMenu)
        return menu

    assert not_done(opened) == []
