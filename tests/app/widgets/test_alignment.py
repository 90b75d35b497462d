"""What stands on one edge or beside one line is seen there, counted in the pixels that are drawn."""

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.conversations.records import Message
from app.models.conversation_list_model import ConversationListModel
from app.models.notice import Notice, Severity
from app.models.transcript_model import TranscriptEntry, TranscriptModel
from app.settings.schema import DOWNLOADS, MEMORY, PAGES, Settings
from app.widgets.basics.mirrored_style import Menu
from app.widgets.basics.theme import LIGHT, Theme
from app.widgets.models.connection_row import ConnectionRow
from app.widgets.settings.memory_row import MemoryRow
from app.widgets.settings.settings_dialog import SettingsDialog
from app.widgets.sidebar.sidebar import Sidebar
from app.widgets.transcript.message_rows import make_row
from app.widgets.transcript.message_widget import RowStyle
from app.widgets.transcript.user_message import UserMessage
from app.widgets.window.conversation_page import ConversationPage
from app.widgets.window.empty_state import EmptyState
from app.widgets.window.notice_bar import NoticeBar
from app.widgets.window.notice_row import NoticeRow
from tests.app.widgets.demo_conversation import long_conversation, user

pytestmark = pytest.mark.usefixtures("theme")
_EDGE_PX = 5  # frames and focus rings
_DARK = 110


def first_ink(picture: QImage, top: int, bottom: int, left: int = _EDGE_PX) -> int:
    """Return the first column from the left where something as dark as a letter is drawn."""
    columns = range(left, picture.width())
    return next(x for x in columns for y in range(top, bottom) if QColor(picture.pixel(x, y)).lightness() < _DARK)


@pytest.mark.parametrize("focused", [False, True], ids=["", "focused"])
def test_words_begin_on_one_edge_in_all_fields(qtbot: QtBot, theme: Theme, focused: bool) -> None:
    dialog = SettingsDialog(Settings(system_prompt="Help", checkpoint="Help"))
    qtbot.addWidget(dialog)
    with qtbot.waitExposed(dialog):
        dialog.show()
    dialog.activateWindow()
    begins = []
    for key in ("theme", "text_size_px", "checkpoint", "system_prompt"):
        dialog.show_field(key)
        field = dialog.row(key).control.widget
        if focused:
            qtbot.waitUntil(field.hasFocus)
        else:
            dialog.search.setFocus()
        QApplication.processEvents()
        begins.append(first_ink(field.grab().toImage(), 8, 26))
    assert max(begins) - min(begins) <= 2, "letters differ by so much themselves"
    assert 12 <= min(begins) <= 14


def test_a_title_stays_in_its_place_while_it_is_renamed(
    qtbot: QtBot, theme: Theme, listed: ConversationListModel
) -> None:
    sidebar = Sidebar(listed, theme)
    qtbot.addWidget(sidebar)
    sidebar.resize(248, 600)
    with qtbot.waitExposed(sidebar):
        sidebar.show()
    place = sidebar.list.visualRect(sidebar.list.index_of("c3"))
    place.moveTopLeft(sidebar.list.viewport().mapTo(sidebar, place.topLeft()))

    def begin() -> int:
        QApplication.processEvents()
        picture = sidebar.grab().toImage()
        return first_ink(picture, place.top() + 8, place.bottom() - 8, left=10)

    before = begin()
    sidebar.rename("c3")
    editor = sidebar.list.findChild(QLineEdit)
    assert isinstance(editor, QLineEdit)
    editor.deselect()
    editor.end(False)
    assert abs(begin() - before) <= 1


@pytest.fixture
def paper(qtbot: QtBot, theme: Theme) -> QWidget:
    """A page for one message."""
    page = QWidget()
    qtbot.addWidget(page)
    page.resize(640, 800)
    page.show()
    return page


@pytest.mark.parametrize("text_size_px", [12, 15, 32])
@pytest.mark.parametrize("text", ["One line.", "Words that need several lines. " * 12])
def test_what_can_be_done_with_a_message_stands_beside_its_last_line(
    qtbot: QtBot, paper: QWidget, text: str, text_size_px: int
) -> None:
    look = Theme(LIGHT.name, LIGHT.dark, LIGHT.colors, text_size_px)
    message: Message = user(1, text)
    row = make_row(TranscriptEntry(message), RowStyle(look), paper)
    assert isinstance(row, UserMessage)
    row.show_entry(TranscriptEntry(message), True)
    row.resize(600, row.height_at(600))
    row.show()
    QApplication.processEvents()
    end = row.text_view.mapTo(row, QPoint(0, row.text_view.height())).y()
    button = row.edit_button
    assert abs(button.mapTo(row, button.rect().center()).y() - (end - row.text_view.line_px / 2)) <= 2


def test_an_editor_in_a_messages_place_has_the_paperclip_below_its_words(qtbot: QtBot, paper: QWidget) -> None:
    entry = TranscriptEntry(user(1, "Hello"))
    row = make_row(entry, RowStyle(LIGHT), paper)
    row.show_entry(entry, True)
    assert isinstance(row, UserMessage)

    def lay_out() -> None:
        row.show()
        for _ in range(5):
            QApplication.processEvents()
            row.resize(600, row.height_at(600))

    lay_out()
    usual = row.height() - row.bubble.geometry().bottom()
    row.begin_editing()
    lay_out()
    editor = row.editor
    assert editor is not None
    picture = editor.grab().toImage()
    clip, line = (each.geometry() for each in (editor.attach_button, editor.editor))
    ends = [first_ink(picture, each.top() + 6, each.bottom() - 6) for each in (clip, line)]
    assert abs(ends[0] - ends[1]) <= 2
    assert row.height() - editor.geometry().bottom() == usual, "what comes after it keeps its distance"


@pytest.mark.parametrize("width", [470, 852, 1400])
def test_the_bar_that_finds_ends_where_the_composer_ends(qtbot: QtBot, width: int) -> None:
    model = TranscriptModel()
    page = ConversationPage(model, LIGHT)
    qtbot.addWidget(page)
    page.resize(width, 700)
    page.show()
    model.set_entries(long_conversation(2))
    page.finder.open()
    QApplication.processEvents()
    bar, frame = page.finder.bar, page.composer.frame
    ends = [each.mapTo(page, each.rect().topRight()).x() for each in (bar, frame)]
    scroll_bar_px = page.transcript.view.verticalScrollBar().sizeHint().width()
    if width < 852:
        assert ends[0] < width - scroll_bar_px
    else:
        assert abs(ends[0] - ends[1]) <= 1


def test_what_stands_among_the_settings_looks_like_one(qtbot: QtBot, theme: Theme) -> None:
    dialog = SettingsDialog(Settings())
    qtbot.addWidget(dialog)
    with qtbot.waitExposed(dialog):
        dialog.show()

    def step(row: QWidget) -> int:
        """Return how far the second line of words begins below the first."""
        column = row.layout()
        assert column is not None
        return column.itemAt(1).geometry().top() - column.itemAt(0).geometry().top()

    dialog.pages.setCurrentRow(PAGES.index(DOWNLOADS))
    QApplication.processEvents()
    usual = step(dialog.row("work_offline"))
    assert step(dialog.findChildren(ConnectionRow)[0]) == usual
    dialog.pages.setCurrentRow(PAGES.index(MEMORY))
    QApplication.processEvents()
    assert step(dialog.findChildren(MemoryRow)[0]) == usual


@pytest.fixture
def notices(qtbot: QtBot, theme: Theme) -> NoticeBar:
    """Notices at the bottom of a window of 720 x 480."""
    window = QWidget()
    qtbot.addWidget(window)
    bar = NoticeBar(theme)
    column = QVBoxLayout(window)
    column.addStretch(1)
    column.addWidget(bar)
    window.resize(720, 480)
    window.show()
    return bar


def settle() -> None:
    """Let layouts come to rest: a height may follow a width."""
    for _ in range(10):
        QApplication.processEvents()


def test_buttons_stand_in_the_middle_of_a_notice_of_two_lines(notices: NoticeBar) -> None:
    notices.show_notice(Notice(key="k", text="Some words of one sentence. " * 4, details="why", action="Undo"))
    settle()
    row = notices.rows[0]
    assert row.text.height() > 2 * row.text.fontMetrics().lineSpacing(), "two lines"
    buttons = (row.details_button, row.action_button, row.close_button)
    middles = [each.geometry().center().y() for each in (row.text, *buttons)]
    assert max(middles) - min(middles) <= 1
    assert abs(middles[0] - row.rect().center().y()) <= 1


def test_a_notice_is_as_high_as_its_words_when_the_window_becomes_narrower(notices: NoticeBar) -> None:
    text = "Imported 1,234 conversations from ChatGPT. 2 were here already. Could not be read: 1."
    notices.show_notice(Notice(key="k", text=text, severity=Severity.WARNING, action="Undo"))
    row = notices.rows[0]
    for width in range(400, 700, 10):
        for px in (740, width):
            notices.window().resize(px, 480)
            settle()
        assert row.height() == row.heightForWidth(row.width()), width


def test_where_the_buttons_stand_does_not_depend_on_a_scroll_bar(
    notices: NoticeBar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else they change their place, with which the bar comes or goes, and so on until Qt's stack is full."""
    placed: list[int] = []
    place = NoticeRow._place

    def count(row: NoticeRow) -> None:
        placed.append(row.width())
        place(row)

    monkeypatch.setattr(NoticeRow, "_place", count)
    notices.show_notice(Notice(key="a", text="Some words of one sentence. " * 8, action="Try again", details="why"))
    settle()
    placed.clear()
    row = notices.rows[0]
    for width in range(720, 300, -12):
        row.resize(width, row.height())
    assert not placed


def test_notices_that_were_asked_for_are_shown_whole(notices: NoticeBar) -> None:
    for key in "abc":
        text = "The other model could not be loaded, so there is no new answer. What was there is kept. " * 2
        notices.show_notice(Notice(key=key, text=text, severity=Severity.WARNING, action="Try again"))
    notices.set_window_height(480)
    settle()
    assert not notices.more_button.isHidden()
    notices.more_button.click()
    settle()
    seen = [row.visibleRegion().boundingRect().height() for row in notices.rows]
    assert seen[-1] == notices.rows[-1].height()
    assert all(px in (0, row.height()) for px, row in zip(seen, notices.rows, strict=True)), "none is cut"
    assert seen[-2], "there is room for two"


def test_details_say_whether_they_are_open(notices: NoticeBar) -> None:
    notices.show_notice(Notice(key="k", text="It broke.", severity=Severity.ERROR, details="Traceback"))
    button = notices.rows[0].details_button
    closed = button.icon().cacheKey()
    button.click()
    assert button.isChecked(), "as a screen reader says"
    assert button.icon().cacheKey() != closed
    button.click()
    assert button.icon().cacheKey() == closed


def test_the_newest_notice_is_shown_whole_with_its_details(notices: NoticeBar) -> None:
    bar = notices
    bar.window().resize(470, 480)
    text = "The model's chat template could not be used. Choose another model."
    bar.show_notice(
        Notice(key="k", text=text, severity=Severity.ERROR, details="scripted", action="Choose another model")
    )
    row = bar.rows[0]
    row.details_button.click()
    settle()
    assert row.visibleRegion().boundingRect() == row.rect()
    ends = [each.mapTo(row, each.rect().topRight()).x() for each in row.findChildren(type(row.action_button))]
    right = row.close_button.geometry().right()
    assert sum(abs(end - right) <= 1 for end in ends) == 2, "the action and Copy details end where the cross ends"


def test_a_greeting_breaks_between_its_sentences(qtbot: QtBot, theme: Theme) -> None:
    page = EmptyState(theme)
    qtbot.addWidget(page)
    page.set_model_name("SmolLM2 135M Instruct")
    page.resize(900, 600)
    page.show()
    whole = "SmolLM2 135M Instruct answers. Nothing you write leaves this computer."
    assert page.model_line.text() == whole
    page.resize(470, 600)
    QApplication.processEvents()
    assert page.model_line.text() == whole.replace(". ", ".\n", 1)
    page.resize(900, 600)
    QApplication.processEvents()
    assert page.model_line.text() == whole


@pytest.mark.parametrize("key", ["Ctrl+Shift+N", ""])
def test_a_menu_sets_its_keys_apart_from_the_words(qtbot: QtBot, key: str) -> None:
    widths = []
    for kind in (QMenu, Menu):
        menu = kind()
        qtbot.addWidget(menu)
        menu.addAction("New private conversation").setShortcut(key)
        place = QPoint(100, 100)  # Qt moves a menu at the screen's edge, and measures its lines once more for that
        menu.popup(place)
        widths.append(menu.width())
        line = menu.actionGeometry(menu.actions()[0])
        menu.popup(place)
        assert menu.width() == widths[-1], "also when it is opened again"
        assert menu.actionGeometry(menu.actions()[0]) == line, "nor do its lines end before its side"
        menu.close()
    assert widths[1] - widths[0] == (16 if key else 0)
