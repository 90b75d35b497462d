"""Texts of mixed directions in the window's own parts, and Latin ones in a mirrored window: as they are drawn."""

from dataclasses import replace
from itertools import groupby

import msgspec
import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QAction, QColor, QGuiApplication, QImage, QPainter
from PySide6.QtWidgets import (
    QApplication,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QStyleOptionMenuItem,
    QStyleOptionViewItem,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.controllers.notices import deleted_notice
from app.conversations.excerpt import HIT_END, HIT_START
from app.models.palette_entries import Entry, Kind
from app.models.palette_model import PaletteModel
from app.widgets.basics.mirrored_style import Menu
from app.widgets.basics.theme import LIGHT, Theme, apply_theme
from app.widgets.picker.model_menu import ModelMenu
from app.widgets.window.palette_delegate import PaletteDelegate
from tests.app.reading_order import seen_order
from tests.app.widgets.conftest import Shown
from tests.app.widgets.demo_conversation import conversations

_DARK = 150


@pytest.fixture
def mirrored_look(qapp: QApplication, mirrored: None, theme: Theme) -> None:
    """The mirrored window's way of drawing."""
    apply_theme(qapp, theme)


def _picture(widget: QWidget) -> QImage:
    picture = QImage(widget.size(), QImage.Format.Format_RGB32)
    picture.fill(Qt.GlobalColor.white)
    widget.render(picture)
    return picture


def _ink(picture: QImage, part: QRect) -> QImage:
    """Return the dark part of a picture, cut to what is there."""
    xs = [x for x in range(part.left(), part.right() + 1) if _column(picture, part, x)]
    ys = [y for y in range(part.top(), part.bottom() + 1) if any(_is_dark(picture, x, y) for x in xs)]
    assert xs, "nothing is drawn here"
    return picture.copy(QRect(xs[0], ys[0], xs[-1] - xs[0] + 1, ys[-1] - ys[0] + 1))


def _is_dark(picture: QImage, x: int, y: int) -> bool:
    return picture.pixelColor(x, y).lightness() < _DARK


def _column(picture: QImage, part: QRect, x: int) -> int:
    return sum(_is_dark(picture, x, y) for y in range(part.top(), part.bottom() + 1))


def test_a_hebrew_title_turns_no_word_of_a_notice(shown: Shown) -> None:
    title = "דוח 2024 (\u202egpj.exe"
    conversation = msgspec.structs.replace(conversations()[0], title=title)
    shown.window.show_notice(deleted_notice([conversation], 30))
    row = shown.window.page.notices.rows[0]

    assert seen_order(row.text.text(), ["“", "was", "30", "seconds"]) == ["“", "was", "30", "seconds"]
    shown.window.show_conversation(conversation)
    assert shown.window.windowTitle() == "דוח 2024 (gpj.exe — Hearth"


@pytest.mark.usefixtures("mirrored_look")
def test_a_mirrored_button_keeps_its_dots_at_the_end_of_its_words(qtbot: QtBot, qapp: QApplication) -> None:
    button, icon_button = QPushButton("Save…"), QPushButton(" Save…")
    for each in (button, icon_button):
        qtbot.addWidget(each)
        each.resize(160, 40)
        ink = _ink(_picture(each), QRect(20, 8, 120, 24))
        heights = [_column(ink, ink.rect(), x) for x in range(ink.width())]
        assert max(heights[-3:]) <= 2 < max(heights[:4])  # a dot is flat, an S is not


@pytest.mark.usefixtures("mirrored_look")
def test_a_mirrored_label_begins_on_the_right(qtbot: QtBot) -> None:
    place = QWidget()
    qtbot.addWidget(place)
    place.resize(300, 40)
    for side, begins_right in ((Qt.AlignmentFlag.AlignLeft, True), (Qt.AlignmentFlag.AlignRight, False)):
        for words in ("Words", "מילים"):
            label = QLabel(words, place)
            label.setAlignment(side)
            label.setGeometry(0, 0, 300, 40)
            picture = _picture(label)
            middle = [x for x in range(300) if _column(picture, picture.rect(), x)]
            assert (min(middle) > 150) is begins_right, (words, side)


@pytest.mark.usefixtures("mirrored_look")
def test_what_stands_at_the_end_of_a_mirrored_menus_line_is_not_torn_apart(qtbot: QtBot) -> None:
    menu = Menu()
    qtbot.addWidget(menu)
    action = menu.addAction("Open a file…\t270 MB · Fits")
    option = QStyleOptionMenuItem()
    menu.initStyleOption(option, action)

    for part, words in zip(option.text.split("\t"), (["Open", "file", "…"], ["270", "MB", "Fits"]), strict=True):
        assert seen_order(f"\u200f{part}", words) == words  # the mark: a menu draws from right to left
    assert action.text() == "Open a file…\t270 MB · Fits"  # what others read has nothing in it


def test_menus_of_the_window_are_all_drawn_so(shown: Shown) -> None:
    menus = [action.menu() for action in shown.window.menuBar().actions()]
    assert menus
    assert all(isinstance(menu, Menu) for menu in menus)
    assert all(isinstance(each, Menu) for menu in menus for each in _inner(menu))
    assert issubclass(ModelMenu, Menu)


def _inner(menu: Menu) -> list[QWidget]:
    actions: list[QAction] = menu.actions()
    return [each.menu() for each in actions if each.menu() is not None]


@pytest.mark.parametrize("direction", [Qt.LayoutDirection.LeftToRight, Qt.LayoutDirection.RightToLeft])
@pytest.mark.parametrize(
    ("words", "first_is_left"), [("{}אבגדהוזחט{} Latin {}מה{}", False), ("{}Reading{} מה {}it{}", True)]
)
def test_what_was_found_is_marked_where_it_is_read(
    qapp: QApplication, theme: Theme, direction: Qt.LayoutDirection, words: str, first_is_left: bool
) -> None:
    qapp.setLayoutDirection(direction)
    try:
        picture = _drawn(theme, words.format(HIT_START, HIT_END, HIT_START, HIT_END), direction)
    finally:
        qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
    mark = QColor(LIGHT.colors.match)
    marked = [any(picture.pixelColor(x, y) == mark for y in range(picture.height())) for x in range(picture.width())]
    widths = [len(list(run)) for is_marked, run in groupby(marked) if is_marked]

    assert len(widths) == 2
    assert (widths[0] > widths[1]) is first_is_left  # the longer one is read first
    left, right = marked.index(True), picture.width() - 1 - marked[::-1].index(True)
    begins_left = left < picture.width() - right
    assert begins_left is (direction is Qt.LayoutDirection.LeftToRight)


def _drawn(theme: Theme, detail: str, direction: Qt.LayoutDirection) -> QImage:
    model = PaletteModel()
    model.set_entries([Entry(Kind.MESSAGE, "key", "Title", detail)])
    place = model.place_of((Kind.MESSAGE, "key"))
    assert place is not None
    index = model.index(place, 0)
    delegate, option = PaletteDelegate(theme), QStyleOptionViewItem()
    option.rect, option.direction = QRect(0, 0, 500, 60), direction
    picture = QImage(500, 60, QImage.Format.Format_RGB32)
    picture.fill(Qt.GlobalColor.white)
    painter = QPainter(picture)
    delegate.paint(painter, option, index)
    painter.end()
    return picture


def test_a_copied_notice_has_words_only(shown: Shown) -> None:
    title = "דוח 2024"
    notice = deleted_notice([msgspec.structs.replace(conversations()[0], title=title)], 30)
    shown.window.show_notice(replace(notice, details="trace"))
    row = shown.window.page.notices.rows[0]
    row.details_button.click()
    assert row.details is not None
    next(each for each in row.details.findChildren(QPushButton) if each.text() == "Copy details").click()

    assert QGuiApplication.clipboard().text() == f"“{title}” was deleted. It can be restored for 30 seconds.\n\ntrace"


@pytest.mark.usefixtures("mirrored_look")
@pytest.mark.parametrize("field", [QLineEdit, QSpinBox])
@pytest.mark.parametrize("words", ["", "12"])
def test_a_mirrored_field_begins_on_the_right(qtbot: QtBot, field: type[QLineEdit | QSpinBox], words: str) -> None:
    widget = field()
    qtbot.addWidget(widget)
    line = widget.lineEdit() if isinstance(widget, QSpinBox) else widget
    line.setPlaceholderText("Search")
    line.setText(words)
    widget.resize(300, 40)
    widget.show()
    inside = QRect(line.geometry() if line is not widget else line.rect()).adjusted(4, 8, -4, -8)
    half = inside.width() // 2
    picture = _picture(widget)
    assert _is_inked(picture, inside.adjusted(half, 0, 0, 0))
    assert not _is_inked(picture, inside.adjusted(0, 0, -half, 0))
    caret = line.inputMethodQuery(Qt.InputMethodQuery.ImCursorRectangle)
    assert isinstance(caret, QRect)
    assert caret.center().x() > line.width() / 2


def _is_inked(picture: QImage, part: QRect) -> bool:
    return any(_column(picture, part, x) for x in range(part.left(), part.right() + 1))


@pytest.mark.usefixtures("mirrored_look")
def test_an_empty_mirrored_composer_has_its_caret_where_its_hint_begins(shown: Shown) -> None:
    editor = shown.window.page.composer.editor
    assert editor.cursorRect().center().x() > editor.viewport().width() - 20
    editor.insertPlainText("English")
    assert editor.cursorRect().center().x() < editor.viewport().width() / 2
    editor.set_text("")
    assert editor.cursorRect().center().x() > editor.viewport().width() - 20
