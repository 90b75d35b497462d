import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.conversations.excerpt import HIT_END, HIT_START
from app.models.palette_entries import Entry, Kind
from app.widgets.basics.theme import DARK, Theme
from app.widgets.window.palette import Palette
from tests.app.widgets.conftest import Shown

FOUND = [
    Entry(Kind.CONVERSATION, "c1", "Tides", end="Today"),
    Entry(Kind.CONVERSATION, "c2", "The moon", end="Yesterday"),
    Entry(Kind.MESSAGE, "m1", "Bread", f"Flour and {HIT_START}tides{HIT_END} of water", "Today", "c3"),
    Entry(Kind.COMMAND, "new", "File: New conversation", end="Ctrl+N"),
]


@pytest.fixture
def palette(qtbot: QtBot, shown: Shown, theme: Theme) -> Palette:
    shown.window.activateWindow()
    shown.window.page.composer.take_focus()
    QApplication.processEvents()
    made = Palette(theme, shown.window)
    made.opened.connect(lambda: made.set_entries(FOUND))
    return made


def current(palette: Palette) -> str:
    entry = palette.model.entry(palette.lines.currentIndex().row())
    return entry.key if entry is not None else ""


def test_it_takes_the_keyboard_and_gives_it_back(qtbot: QtBot, shown: Shown, palette: Palette) -> None:
    before = QApplication.focusWidget()
    palette.open()
    assert QApplication.focusWidget() is palette.field
    qtbot.keyClicks(palette.field, "tid")
    qtbot.keyClick(palette.field, Qt.Key.Key_Escape)
    assert not palette.isVisible()
    assert QApplication.focusWidget() is before
    assert shown.asked_for("stop_requested") == []


def test_closing_it_twice_does_nothing_more(palette: Palette, recwarn: pytest.WarningsRecorder) -> None:
    palette.open()
    palette.leave()
    palette.leave()
    assert not palette.isVisible()
    assert not list(recwarn)


def test_keys_walk_over_names_of_sections_and_choose(qtbot: QtBot, palette: Palette) -> None:
    palette.open()
    visited = [current(palette)]
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Tab, Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_Up):
        qtbot.keyClick(palette.field, key)
        visited.append(current(palette))
    assert visited == ["c1", "c2", "m1", "new", "c1", "new", "m1"]
    with qtbot.waitSignal(palette.chosen) as chosen:
        qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert chosen.args == [FOUND[2]]
    assert not palette.isVisible()


def test_a_click_chooses_and_one_beside_it_closes(qtbot: QtBot, palette: Palette) -> None:
    palette.open()
    place = palette.lines.visualRect(palette.model.index(2)).center()
    with qtbot.waitSignal(palette.chosen) as chosen:
        qtbot.mouseClick(palette.lines.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert chosen.args == [FOUND[1]]
    palette.open()
    with qtbot.assertNotEmitted(palette.chosen):
        qtbot.mouseClick(palette, Qt.MouseButton.LeftButton, pos=palette.rect().bottomRight())
    assert not palette.isVisible()


def test_what_was_gone_to_stays_current_while_more_is_found(qtbot: QtBot, palette: Palette) -> None:
    palette.open()
    qtbot.keyClick(palette.field, Qt.Key.Key_Down)
    palette.set_entries([Entry(Kind.CONVERSATION, "c0", "Newer"), *FOUND])
    assert current(palette) == "c2"
    palette.set_entries(FOUND[2:])
    assert current(palette) == "m1"


def test_a_hint_is_typed_for_one(qtbot: QtBot, palette: Palette) -> None:
    palette.open()
    palette.set_entries([Entry(Kind.HINT, ">", "Commands", end=">")])
    with qtbot.waitSignal(palette.typed) as typed:
        qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert typed.args == ["> "]
    assert palette.isVisible()


def test_it_says_that_nothing_was_found(qtbot: QtBot, palette: Palette) -> None:
    palette.open()
    palette.set_entries([])
    assert palette.nothing.isVisible()
    qtbot.keyClick(palette.field, Qt.Key.Key_Down)
    with qtbot.assertNotEmitted(palette.chosen):
        qtbot.keyClick(palette.field, Qt.Key.Key_Return)


def test_it_closes_when_something_else_takes_the_keyboard(qtbot: QtBot, shown: Shown, palette: Palette) -> None:
    palette.open()
    shown.window.page.composer.take_focus()
    assert not palette.isVisible()
    palette.open()
    assert palette.isVisible()
    palette.leave()


def test_it_stays_inside_a_small_window(shown: Shown, palette: Palette) -> None:
    palette.open()
    shown.window.resize(720, 480)
    QApplication.processEvents()
    palette.set_entries(FOUND * 20)
    assert palette.rect().contains(palette.card.geometry())
    palette.leave()


@pytest.mark.parametrize(
    "text", ["\u202egnp.exe", "a\nb" * 90, "😀" * 300, "<b>x</b>", f"{HIT_START}😀{HIT_END}", "مرحبا"]
)
def test_any_text_is_drawn(shown: Shown, palette: Palette, text: str) -> None:
    palette.open()
    palette.set_entries([Entry(kind, "k", text, text, text) for kind in Kind])
    for direction in (Qt.LayoutDirection.RightToLeft, Qt.LayoutDirection.LeftToRight):
        palette.setLayoutDirection(direction)
        light = palette.grab().toImage()
    palette.set_theme(DARK)
    assert palette.grab().toImage() != light
    palette.leave()
