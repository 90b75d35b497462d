import pytest
from PySide6.QtCore import QEvent, QPoint, QRect, Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QLineEdit, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.models.notice import Choice, Notice, Severity
from app.widgets.basics.theme import DARK, Theme
from app.widgets.text.plain_text_view import PlainTextView
from app.widgets.window.notice_bar import NoticeBar
from tests.app.widgets.conftest import Shown


@pytest.fixture
def bar(qtbot: QtBot, theme: Theme) -> NoticeBar:
    widget = NoticeBar(theme)
    qtbot.addWidget(widget)
    widget.resize(700, 200)
    return widget


def keys(bar: NoticeBar) -> list[str]:
    return [row.notice.key for row in bar.rows]


def test_the_button_says_what_to_do_and_takes_the_notice_away(qtbot: QtBot, bar: NoticeBar) -> None:
    bar.show_notice(Notice(key="k", text="“Plans” was deleted.", action="Undo", action_key="undo:c"))
    assert bar.isVisible()
    with qtbot.waitSignal(bar.action_requested) as asked:
        qtbot.mouseClick(bar.rows[0].action_button, Qt.MouseButton.LeftButton)
    assert asked.args == ["undo:c"]
    assert not bar.isVisible()


def test_a_notice_replaces_the_one_with_its_key(bar: NoticeBar) -> None:
    bar.show_notice(Notice(key="a", text="1"))
    bar.show_notice(Notice(key="b", text="2"))
    bar.show_notice(Notice(key="a", text="3"))
    assert [row.text.text() for row in bar.rows] == ["2", "3"]
    bar.clear_notice("b")
    bar.clear_notice("unknown")
    assert keys(bar) == ["a"]


def test_no_more_than_three(bar: NoticeBar) -> None:
    for key in "abcd":
        bar.show_notice(Notice(key=key, text=key))
    assert keys(bar) == ["b", "c", "d"]


def test_what_offers_something_or_went_wrong_is_not_pushed_out(bar: NoticeBar) -> None:
    bar.show_notice(Notice(key="error", text="Not saved.", severity=Severity.ERROR))
    bar.show_notice(Notice(key="info", text="Copied."))
    for key in "abcd":
        bar.show_notice(Notice(key=key, text="“Plans” was deleted.", action="Undo", action_key=f"undo:{key}"))
    assert keys(bar) == ["error", "a", "b", "c", "d"]
    for number in range(50):
        bar.show_notice(Notice(key=str(number), text="Wrong.", severity=Severity.ERROR))
    assert len(bar.rows) == 20


def test_details_are_folded_and_can_be_copied(qtbot: QtBot, bar: NoticeBar) -> None:
    bar.show_notice(Notice(key="e", text="It broke.", severity=Severity.ERROR, details="Traceback <b>x</b>"))
    row = bar.rows[0]
    assert row.details is None
    qtbot.mouseClick(row.details_button, Qt.MouseButton.LeftButton)
    assert row.details is not None
    row._on_copy()
    assert QGuiApplication.clipboard().text() == "It broke.\n\nTraceback <b>x</b>"
    qtbot.mouseClick(row.details_button, Qt.MouseButton.LeftButton)
    assert not row.details.isVisible()


def test_foreign_text_is_plain(bar: NoticeBar) -> None:
    bar.show_notice(Notice(key="x", text="<img src=x> & <b>bold</b>", action="A & B"))
    assert bar.rows[0].text.textFormat() is Qt.TextFormat.PlainText
    assert bar.rows[0].action_button.text() == "A && B"


@pytest.mark.parametrize("severity", list(Severity))
def test_only_information_goes_by_itself(qtbot: QtBot, bar: NoticeBar, severity: Severity) -> None:
    bar.show_notice(Notice(key="k", text="Words.", severity=severity))
    timer = bar.rows[0].findChild(QTimer)
    assert isinstance(timer, QTimer)
    assert timer.isActive() is (severity is Severity.INFO)
    timer.stop()


def test_it_closes_and_is_drawn_in_both_themes(qtbot: QtBot, bar: NoticeBar) -> None:
    bar.show_notice(Notice(key="k", text="Words.", severity=Severity.WARNING))
    bar.set_theme(DARK)
    qtbot.mouseClick(bar.rows[0].close_button, Qt.MouseButton.LeftButton)
    assert keys(bar) == []


def test_a_very_long_sentence_does_not_fill_the_window(qtbot: QtBot, bar: NoticeBar) -> None:
    bar.show_notice(Notice(key="k", text="far too long " * 500, severity=Severity.ERROR))
    row = bar.rows[0]
    assert row.heightForWidth(700) < 200
    assert row.details_button.isVisible()
    qtbot.mouseClick(row.details_button, Qt.MouseButton.LeftButton)
    assert row.details is not None
    assert "far too long " * 500 in row.details.findChild(PlainTextView).toPlainText()


WAYS_OUT = (Choice("Load in INT8", "remedy:8"), Choice("Use <b>4,096</b> & less", "remedy:4"))


def test_every_way_out_is_a_button_for_mouse_and_keyboard(qtbot: QtBot, bar: NoticeBar) -> None:
    for press in (
        lambda button: qtbot.mouseClick(button, Qt.MouseButton.LeftButton),
        lambda button: qtbot.keyClick(button, Qt.Key.Key_Space),
    ):
        bar.show_notice(Notice(key="m", text="Memory ran out.", choices=WAYS_OUT))
        buttons = bar.rows[0].choice_buttons
        assert [button.accessibleName() for button in buttons] == ["Load in INT8", "Use <b>4,096</b> & less"]
        assert all(button.focusPolicy() & Qt.FocusPolicy.TabFocus for button in buttons)
        assert all(button.isVisible() for button in buttons)
        with qtbot.waitSignal(bar.action_requested) as asked:
            press(buttons[1])
        assert asked.args == ["remedy:4"]
        assert bar.rows == []


def test_short_details_take_no_more_room_than_they_need(qtbot: QtBot, bar: NoticeBar) -> None:
    heights = []
    for details in ("KeyError", "one\ntwo\nthree", "a line\n" * 100, "far too long " * 500):
        bar.show_notice(Notice(key="m", text="It broke.", details=details))
        (row,) = bar.rows
        qtbot.mouseClick(row.details_button, Qt.MouseButton.LeftButton)
        assert row.details is not None
        QApplication.processEvents()
        text = row.details.findChild(PlainTextView)
        assert isinstance(text, PlainTextView)
        heights.append(text.height())
        assert text.verticalScrollBar().isVisible() == (text.height() == 120)
    line = bar.fontMetrics().lineSpacing()
    assert line <= heights[0] < 3 * line
    assert heights[0] < heights[1] < heights[2] == heights[3] == 120


def test_long_details_begin_at_the_first_line_and_are_not_cut(qtbot: QtBot, shown: Shown) -> None:
    shown.window.resize(720, 640)
    notices = shown.window.page.notices
    details = "Traceback:\n  File x\n" + "KeyError and more words of it that go on " * 12
    notices.show_notice(Notice(key="m", text="It broke.", action="Choose another model", details=details))
    notices.rows[0].details_button.setChecked(True)
    qtbot.wait(100)
    text = notices.findChild(PlainTextView)
    assert isinstance(text, PlainTextView)
    assert text.verticalScrollBar().isVisible()
    assert text.verticalScrollBar().value() == 0
    assert text.document().size().width() <= text.viewport().width()


def test_ways_out_and_details_do_not_cover_each_other(qtbot: QtBot, bar: NoticeBar) -> None:
    bar.show_notice(Notice(key="m", text="Memory ran out.", choices=WAYS_OUT, details="CUDA out of memory"))
    row = bar.rows[0]
    qtbot.mouseClick(row.details_button, Qt.MouseButton.LeftButton)
    QApplication.processEvents()
    assert row.details is not None
    assert not any(row.details.geometry().intersects(button.geometry()) for button in row.choice_buttons)


def test_a_narrow_notice_has_its_buttons_under_the_sentence(qtbot: QtBot, bar: NoticeBar) -> None:
    sentence = "The model's chat template could not be used. Choose another model."
    bar.show_notice(Notice(key="m", text=sentence, action="Choose another model", details="KeyError"))
    (row,) = bar.rows
    for width, is_beside in ((1000, True), (440, False), (1000, True)):
        bar.resize(width, 200)
        QApplication.processEvents()
        assert (row.action_button.y() < row.text.geometry().bottom()) == is_beside
        assert row.text.width() >= 240
        assert row.text.height() >= row.text.heightForWidth(row.text.width())
        assert row.action_button.geometry().bottom() <= row.height()
        assert not row.details_button.geometry().intersects(row.action_button.geometry())
    bar.show_notice(Notice(key="m", text="Deleted.", action="Undo"))
    bar.resize(440, 200)
    QApplication.processEvents()
    assert bar.rows[0].action_button.y() < bar.rows[0].text.geometry().bottom()


@pytest.mark.parametrize(("choices", "action"), [(WAYS_OUT, ""), ((), "Undo")])
def test_what_offers_something_stays(bar: NoticeBar, choices: tuple[Choice, ...], action: str) -> None:
    bar.show_notice(Notice(key="k", text="?", choices=choices, action=action))
    timer = bar.rows[0].findChild(QTimer)
    assert isinstance(timer, QTimer)
    QApplication.sendEvent(bar.rows[0], QEvent(QEvent.Type.Leave))
    assert not timer.isActive()


def test_many_notices_take_a_third_of_the_window_and_scroll(qtbot: QtBot, theme: Theme) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    bar = NoticeBar(theme)
    column = QVBoxLayout(window)
    line = QLineEdit()
    column.addWidget(line)
    column.addStretch(1)
    column.addWidget(bar)
    window.resize(470, 420)
    window.show()
    line.setFocus()
    for number in range(3):
        text = f"{number}: the file model.safetensors arrived damaged twice and was thrown away. Try again later."
        bar.show_notice(Notice(key=str(number), text=text, choices=WAYS_OUT))
    qtbot.wait(50)
    assert bar.height() <= 420 / 3 + 16
    for row in bar.rows:
        assert row.text.height() >= row.text.heightForWidth(row.text.width())
        assert all(button.geometry().bottom() <= row.height() for button in row.choice_buttons)
    newest = bar.rows[-1]
    bottom = newest.mapTo(bar, newest.rect().bottomLeft()).y()
    assert 0 < bottom <= bar.height()
    for number in (0, 1, 2):
        bar.clear_notice(str(number))
    bar.show_notice(Notice(key="short", text="Saved."))
    qtbot.wait(50)
    assert bar.height() <= 60


def test_a_low_window_shows_the_newest_notice_and_how_many_more_there_are(qtbot: QtBot, shown: Shown) -> None:
    window, bar = shown.window, shown.window.page.notices
    window.resize(720, 480)
    for key in "abc":
        window.show_notice(Notice(key=key, text=f"This is {key}.", action="Undo", action_key=f"undo:{key}"))
    QApplication.processEvents()
    low = bar.height()
    assert [row.notice.key for row in bar.rows if row.isVisible()] == ["c"]
    assert bar.more_button.text() == "Show 2 more"
    bar.more_button.setFocus()
    qtbot.keyClick(bar.more_button, Qt.Key.Key_Space)
    assert all(row.isVisible() for row in bar.rows)
    assert not bar.more_button.isVisible()
    assert bar.rows[0].isAncestorOf(QApplication.focusWidget()), "the keyboard goes to what has come"
    qtbot.waitUntil(lambda: bar.height() > low)
    for key in "abc":
        window.clear_notice(key)
    assert not bar.isVisible()


def test_what_was_hidden_comes_when_there_is_room(shown: Shown) -> None:
    window, bar = shown.window, shown.window.page.notices
    window.resize(720, 480)
    for key in "ab":
        window.show_notice(Notice(key=key, text=f"This is {key}."))
    window.clear_notice("b")
    assert [row.notice.key for row in bar.rows if row.isVisible()] == ["a"]
    window.show_notice(Notice(key="b", text="This is b."))
    assert bar.more_button.isVisible()
    window.resize(1000, 760)
    assert all(row.isVisible() for row in bar.rows)
    assert not bar.more_button.isVisible()


def test_undo_by_key_reaches_a_notice_that_is_hidden(qtbot: QtBot, shown: Shown) -> None:
    window, bar = shown.window, shown.window.page.notices
    window.resize(720, 480)
    window.show_notice(Notice(key="a", text="Deleted.", action="Undo", action_key="undo:a"))
    window.show_notice(Notice(key="b", text="Something else."))
    with qtbot.waitSignal(bar.action_requested) as asked:
        bar.undo_newest()
    assert asked.args == ["undo:a"]


@pytest.mark.parametrize("width", [380, 472, 760])
def test_many_ways_out_cut_neither_each_other_nor_the_other_buttons(qtbot: QtBot, bar: NoticeBar, width: int) -> None:
    words = ("Load in INT8", "Use 16,384 tokens of context", "Use the CPU")
    choices = tuple(Choice(each, each) for each in words)
    bar.resize(width, 480)
    bar.show_notice(Notice(key="m", text="Memory ran out.", action="Load again", details="?", choices=choices))
    row = bar.rows[0]
    buttons = [row.action_button, row.close_button, row.details_button, *row.choice_buttons]
    seen = row.parentWidget().parentWidget()  # of the scroll area
    qtbot.waitUntil(lambda: row.width() <= seen.width())
    QApplication.processEvents()
    for button in buttons:
        place = QRect(button.mapTo(row, QPoint(0, 0)), button.size())
        assert row.rect().contains(place)
        assert button.width() >= button.sizeHint().width()
    assert len({button.y() for button in row.choice_buttons}) == {380: 3, 472: 2, 760: 1}[width]
