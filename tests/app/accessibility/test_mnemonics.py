"""Each line of a menu has a letter of its own, in English and in German; Enter in a field presses nothing by chance."""

import re
from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt, QTranslator
from PySide6.QtWidgets import QApplication, QDialog, QMenu, QPushButton
from pytestqt.qtbot import QtBot

from app import language
from app.settings.values import Language
from app.widgets.basics import languages
from app.widgets.basics.theme import Theme
from tests.app.accessibility.demo_window import TRAVEL, DemoWindow

_LETTER = re.compile(r"(?<!&)&([^&\s])")
_ENDING = {"Close", "Cancel", "Use this token", "Use another token"}  # what a dialog calls its default by itself


@pytest.fixture(params=[Language.ENGLISH, Language.GERMAN])
def demo(request: pytest.FixtureRequest, qtbot: QtBot, qapp: QApplication, theme: Theme) -> Iterator[DemoWindow]:
    before = set(qapp.findChildren(QTranslator))
    languages.install(qapp, request.param)
    shown = DemoWindow()
    shown.window.show_chat()
    shown.fill()
    yield shown
    shown.end()
    for translator in set(qapp.findChildren(QTranslator)) - before:
        qapp.removeTranslator(translator)
        translator.deleteLater()
    qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
    languages.install(qapp, Language.ENGLISH)
    language.use(None)


def faults(menu: QMenu, name: str) -> list[str]:
    """Return the lines of a menu, and of those inside it, that have no letter or one that another line has."""
    found, letters = [], set()
    for action in menu.actions():
        if action.isSeparator():
            continue
        letter = _LETTER.search(action.text())
        if letter is None or letter[1].casefold() in letters:
            found.append(f"{name}: {action.text()}")
        letters.add(letter[1].casefold() if letter else "")
        inner = action.menu()
        if isinstance(inner, QMenu) and inner.objectName() != "folders":  # which have the names that people gave
            found += faults(inner, f"{name} > {action.text()}")
    return found


def test_each_line_of_a_menu_has_a_letter_of_its_own(demo: DemoWindow) -> None:
    window, listing = demo.window, demo.window.sidebar.list
    demo.listed.set_folders([TRAVEL])
    found = [fault for name, menu in window.actions_by_name.menus.items() for fault in faults(menu, name)]
    for key in ("c", "folder:f"):
        menu = listing.build_menu(listing.index_of(key))
        found += faults(menu, key)
        menu.close()
    listing.selectAll()
    menu = listing.build_menu(listing.index_of("c"))
    found += faults(menu, "several")
    menu.close()
    for row in range(2):
        menu = window.page.transcript.view.reveal(row).make_menu()
        found += [fault for fault in faults(menu, f"message {row}") if " > " not in fault]  # names of models
        menu.close()
    assert not found, "\n".join(found)


def test_enter_in_a_field_presses_only_what_a_dialog_calls_its_default(qtbot: QtBot, theme: Theme) -> None:
    """Qt would take the first button of any dialog: Enter in the search of the settings set one of them back."""
    demo, found = DemoWindow(), []
    for state in demo.states():
        dialog = state.widget.window()
        if isinstance(dialog, QDialog):
            buttons = dialog.findChildren(QPushButton)
            wrong = [each for each in buttons if each.isDefault() and each.text() not in _ENDING]
            has_own = any(each.isDefault() for each in buttons)
            wrong += [each for each in buttons if each.autoDefault() and not has_own]
            found += [f"{state.name}: {each.text()}" for each in wrong]
    demo.end()
    assert not found, "\n".join(found)
