import itertools
import math
from functools import partial

import msgspec
import pytest
from PySide6.QtCore import QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.conversations.records import Message, MessageState
from app.models.transcript_model import TranscriptEntry, TranscriptModel
from app.widgets.basics.faded_edges import FADE_PX, FadedEdge
from app.widgets.basics.theme import LIGHT, theme_for
from app.widgets.text.block_column import ThinkingBlock
from app.widgets.text.formula_process import FormulaProcess
from app.widgets.text.formulas import formulas
from app.widgets.transcript import message_body
from app.widgets.transcript.assistant_message import AssistantMessage
from app.widgets.transcript.message_arrows import MessageArrows
from app.widgets.transcript.message_rows import estimate_height, make_row
from app.widgets.transcript.message_widget import MessageWidget, RowStyle
from app.widgets.transcript.transcript import Transcript
from app.widgets.transcript.transcript_view import TranscriptView
from app.widgets.transcript.user_message import UserMessage
from tests.app.widgets.demo_conversation import CODE_ANSWER, answer, entries, long_conversation, user
from tests.work import work_of

pytestmark = pytest.mark.usefixtures("theme")
LIVE_LIMIT = 60
PARAGRAPH = "The quick brown fox jumps over the lazy dog. " * 6 + "\n\n"


def on_screen(qtbot: QtBot, width: int, height: int) -> tuple[Transcript, TranscriptModel]:
    """Show an empty transcript of so many pixels."""
    model = TranscriptModel()
    page = Transcript(model, LIGHT)
    qtbot.addWidget(page)
    page.resize(width, height)
    with qtbot.waitExposed(page):
        page.show()
    return page, model


def settle() -> None:
    for _ in range(20):
        QApplication.processEvents()


def wheel(view: TranscriptView, steps: int) -> None:
    """Turn the wheel; positive steps go up."""
    middle = QPointF(view.viewport().rect().center())
    event = QWheelEvent(
        middle,
        view.viewport().mapToGlobal(middle),
        QPoint(0, 0),
        QPoint(0, 120 * steps),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view.viewport(), event)


def at_bottom(page: Transcript) -> bool:
    bar = page.view.verticalScrollBar()
    return bar.value() == bar.maximum()


def streaming(content: str) -> Message:
    return answer(9_999, content, MessageState.STREAMING)


def top_of(view: TranscriptView, widget: MessageWidget) -> int:
    return widget.mapTo(view.viewport(), QPoint(0, 0)).y()


def first_visible(view: TranscriptView) -> MessageWidget:
    """The topmost message whose beginning is in view."""
    inside = [row for row in view.live_rows if 0 <= top_of(view, row) < view.viewport().height()]
    return min(inside, key=lambda row: top_of(view, row))


def assert_rows_touch(page: Transcript, model: TranscriptModel) -> None:
    """The visible messages follow each other without gap or overlap."""
    rows = sorted(page.view.live_rows, key=lambda row: model.row_of(row.message_id) or 0)
    for above, below in itertools.pairwise(rows):
        numbers = model.row_of(above.message_id), model.row_of(below.message_id)
        if numbers[0] is not None and numbers[1] == numbers[0] + 1:
            assert above.geometry().bottom() + 1 == below.geometry().top()


def test_the_page_fades_where_it_goes_on_and_nothing_found_is_left_there(
    page: Transcript, page_model: TranscriptModel
) -> None:
    page_model.set_entries(long_conversation(40))
    settle()
    view = page.view
    above, below = view.findChildren(FadedEdge)
    assert (above.isVisible(), below.isVisible()) == (True, False)
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum() // 2)
    settle()
    assert (above.isVisible(), below.isVisible()) == (True, True)
    row = view.first_row
    message = view.live_widget(row)
    assert message is not None
    found = FADE_PX // 2 - top_of(view, message)
    view.show_part(row, found, 10)
    settle()
    assert top_of(view, message) + found >= FADE_PX


def test_ten_thousand_messages_open_with_the_widgets_of_those_in_view(
    page: Transcript, page_model: TranscriptModel
) -> None:
    def open_all(messages: list[TranscriptEntry]) -> None:
        page_model.set_entries(messages)
        QApplication.processEvents()

    messages = long_conversation(5_000)
    open_all(messages[:100])  # what is made once
    half, whole = [work_of(partial(open_all, messages[:count])) for count in (5_000, 10_000)]
    assert whole.total() < 2.2 * half.total()
    assert 0 < whole["setHtml"] < LIVE_LIMIT
    assert 0 < len(page.view.live_rows) < LIVE_LIMIT
    assert at_bottom(page)
    assert page.view.live_widget(9_999) is not None
    assert_rows_touch(page, page_model)


def test_scrolling_anywhere_keeps_few_widgets(page: Transcript, page_model: TranscriptModel) -> None:
    page_model.set_entries(long_conversation(5_000))
    bar = page.view.verticalScrollBar()
    for step in range(30):
        bar.setValue(int(bar.maximum() * (step * 7 % 30) / 30))
        settle()
        assert 0 < len(page.view.live_rows) < LIVE_LIMIT
        assert_rows_touch(page, page_model)
    bar.setValue(0)
    settle()
    assert page.view.live_widget(0) is not None
    assert first_visible(page.view).message_id == "u0"


def test_small_steps_up_never_jump(page: Transcript, page_model: TranscriptModel) -> None:
    """Rows above are only guessed until they are reached; what is in view moves by exactly one step."""
    page_model.set_entries(long_conversation(300))
    settle()
    bar = page.view.verticalScrollBar()
    for _ in range(100):
        widget = first_visible(page.view)
        before = top_of(page.view, widget)
        bar.setValue(bar.value() - 40)
        assert top_of(page.view, widget) == before + 40
        settle()
        assert top_of(page.view, widget) == before + 40
        assert_rows_touch(page, page_model)


def test_it_follows_while_at_the_bottom(page: Transcript, page_model: TranscriptModel) -> None:
    page_model.set_entries(entries([user(1, "Go")]))
    page_model.append(TranscriptEntry(streaming("")))
    for length in range(1, 30):
        page_model.update_message(streaming(PARAGRAPH * length))
        settle()
        assert page.view.is_following
        assert at_bottom(page)
    assert not page.newest_button.isVisible()


def test_any_upward_scroll_stops_following(page: Transcript, page_model: TranscriptModel) -> None:
    page_model.set_entries(entries([user(1, "Go")]))
    page_model.append(TranscriptEntry(streaming(PARAGRAPH * 20)))
    settle()
    wheel(page.view, 1)
    assert not page.view.is_following
    assert page.newest_button.isVisible()
    value = page.view.verticalScrollBar().value()
    for length in range(21, 30):
        page_model.update_message(streaming(PARAGRAPH * length))
        settle()
        assert page.view.verticalScrollBar().value() == value
    assert not page.view.is_following


@pytest.mark.parametrize("width", [1100, 640])
def test_the_newest_button_stands_beside_the_messages_where_there_is_room(
    page: Transcript, page_model: TranscriptModel, width: int
) -> None:
    page.resize(width, 600)
    page_model.set_entries(long_conversation(20))
    settle()
    wheel(page.view, 3)
    button = page.newest_button
    column = first_visible(page.view)
    end = column.mapTo(page, column.rect().topRight()).x()
    scroll_bar = page.view.verticalScrollBar()
    assert scroll_bar.maximum() > 0
    assert button.geometry().right() < scroll_bar.mapTo(page, QPoint()).x()
    assert (button.x() > end) is (width == 1100)
    assert button.geometry().right() > end - 16, "over what few lines reach"


def test_the_newest_button_brings_it_back(qtbot: QtBot, page: Transcript, page_model: TranscriptModel) -> None:
    page_model.set_entries(long_conversation(50))
    wheel(page.view, 5)
    qtbot.mouseClick(page.newest_button, Qt.MouseButton.LeftButton)
    assert page.view.is_following
    assert at_bottom(page)
    assert not page.newest_button.isVisible()
    page_model.append(TranscriptEntry(streaming(PARAGRAPH * 5)))
    settle()
    assert at_bottom(page)


def test_scrolling_back_to_the_bottom_follows_again(page: Transcript, page_model: TranscriptModel) -> None:
    page_model.set_entries(long_conversation(50))
    wheel(page.view, 3)
    assert not page.view.is_following
    wheel(page.view, -10)
    assert page.view.is_following


def test_text_that_grows_above_moves_nothing(page: Transcript, page_model: TranscriptModel) -> None:
    page_model.set_entries(long_conversation(50))
    page.view.verticalScrollBar().setValue(3_000)
    settle()
    widget = first_visible(page.view)
    before = top_of(page.view, widget)
    row = page_model.row_of(widget.message_id)
    assert row is not None
    for above in (row - 1, row - 2, row - 10):
        message = page_model.entry(above).message
        page_model.update_message(msgspec.structs.replace(message, content=message.content + PARAGRAPH * 3))
        settle()
        assert top_of(page.view, widget) == before
    assert_rows_touch(page, page_model)


def test_a_narrower_window_keeps_the_place(page: Transcript, page_model: TranscriptModel) -> None:
    page_model.set_entries(long_conversation(200))
    page.view.verticalScrollBar().setValue(8_000)
    settle()
    widget = first_visible(page.view)
    before = top_of(page.view, widget)
    page.resize(560, 600)
    settle()
    assert abs(top_of(page.view, widget) - before) < 200
    assert widget.width() == page.view.column_width < 560
    assert_rows_touch(page, page_model)


def test_at_the_bottom_a_resize_stays_there(page: Transcript, page_model: TranscriptModel) -> None:
    page_model.set_entries(long_conversation(20))
    for width, height in ((560, 400), (900, 700), (840, 200)):
        page.resize(width, height)
        settle()
        assert at_bottom(page)


def test_another_version_keeps_what_is_above(page: Transcript, page_model: TranscriptModel) -> None:
    before = long_conversation(20)
    page_model.set_entries(before)
    settle()
    kept = page.view.live_widget(len(before) - 2)
    other = msgspec.structs.replace(before[-1], message=answer(777, CODE_ANSWER), version=2, versions=2)
    page_model.set_entries([*before[:-1], other])
    settle()
    assert page.view.live_widget(len(before) - 2) is kept
    last = page.view.live_widget(len(before) - 1)
    assert last is not None
    assert last.message_id == "a777"
    assert at_bottom(page)
    assert_rows_touch(page, page_model)


def test_only_the_last_answer_shows_its_actions_unasked(page: Transcript, page_model: TranscriptModel) -> None:
    page_model.set_entries(entries([user(1, "Hi"), answer(2, "Hello", MessageState.STOPPED)]))
    settle()
    first = page.view.live_widget(1)
    assert first is not None
    assert first.is_last
    page_model.append(TranscriptEntry(user(3, "More")))
    settle()
    assert not first.is_last


def test_folding_at_the_end_does_not_move_the_top(page: Transcript, page_model: TranscriptModel) -> None:
    page_model.set_entries(entries([answer(1, PARAGRAPH * 12), user(2, "many words " * 1_000)]))
    settle()
    widget = page.view.live_widget(1)
    assert isinstance(widget, UserMessage)
    before = top_of(page.view, widget)
    widget.fold_button.click()
    settle()
    assert top_of(page.view, widget) == before
    assert not page.view.is_following


def test_an_open_editor_survives_scrolling_away(page: Transcript, page_model: TranscriptModel) -> None:
    page_model.set_entries(long_conversation(100))
    settle()
    page.edit_last()
    settle()
    widget = page.view.live_widget(198)
    assert isinstance(widget, UserMessage)
    assert widget.editor is not None
    widget.editor.editor.setPlainText("half written")
    page.view.verticalScrollBar().setValue(0)
    settle()
    page.view.follow()
    settle()
    assert page.view.live_widget(198) is widget
    assert widget.editor.editor.toPlainText() == "half written"


def test_streaming_costs_what_is_new_however_long_answer_and_conversation_are(
    page: Transcript, page_model: TranscriptModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_body, "_SHARE", 0)  # nothing is put off: each update is drawn in its own turn
    monkeypatch.setattr(message_body, "_SHORTEST_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(message_body, "_READING_SECONDS", math.inf)

    def update(text: str) -> None:
        page_model.update_message(streaming(text))
        QApplication.processEvents()

    costs = []
    for turns, length in ((5, 1), (500, 4)):
        page_model.set_entries(long_conversation(turns))
        page_model.append(TranscriptEntry(streaming("")))
        settle()
        before, text = CODE_ANSWER * (length - 1), CODE_ANSWER * length
        update(before)
        settle()
        costs.append([work_of(partial(update, text[:end])).total() for end in range(len(before), len(text), 24)])
    short, long = costs
    assert sum(long) < 1.3 * sum(short)
    assert max(long) < 2 * max(short)
    assert len(page.view.live_rows) < LIVE_LIMIT


def test_the_keyboard_goes_from_message_to_message(qtbot: QtBot, page: Transcript, page_model: TranscriptModel) -> None:
    page_model.set_entries(long_conversation(50))
    settle()
    page.activateWindow()
    page.setFocus(Qt.FocusReason.TabFocusReason)
    last = page.view.live_widget(99)
    assert last is not None
    qtbot.waitUntil(last.hasFocus)
    for number in range(98, 80, -1):
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Up)
        widget = page.view.live_widget(number)
        assert widget is not None
        assert widget.hasFocus()
        assert 0 <= top_of(page.view, widget) < page.view.viewport().height()
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Down)
    focused = QApplication.focusWidget()
    assert isinstance(focused, MessageWidget)
    qtbot.keyClick(focused, Qt.Key.Key_Tab)
    inside = QApplication.focusWidget()
    assert inside is not None
    assert focused.isAncestorOf(inside)


def test_intents_carry_the_message(qtbot: QtBot, page: Transcript, page_model: TranscriptModel) -> None:
    page_model.set_entries(entries([user(1, "Hi"), answer(2, "Half", MessageState.STOPPED)]))
    settle()
    row = page.view.live_widget(1)
    assert row is not None
    with qtbot.waitSignal(page.regenerate_requested) as again:
        row.regenerate_requested.emit(row.message_id)
    assert again.args == ["a2"]
    page.set_busy(True)
    assert row.row_style.busy


def test_nothing_to_show_and_back(page: Transcript, page_model: TranscriptModel) -> None:
    page_model.set_entries(long_conversation(20))
    settle()
    page_model.clear()
    settle()
    assert page.view.live_rows == []
    assert page.view.verticalScrollBar().maximum() == 0
    page_model.set_entries(long_conversation(3))
    settle()
    assert at_bottom(page)


def test_no_line_is_cut_at_any_width(page: Transcript, page_model: TranscriptModel) -> None:
    page_model.set_entries(entries([user(1, "Hi"), answer(2, CODE_ANSWER)]))
    for width in (840, 471, 700, 380):
        page.resize(width, 600)
        settle()
        widget = page.view.live_widget(1)
        assert isinstance(widget, AssistantMessage)
        assert widget.body.height() >= widget.body.heightForWidth(widget.body.width())


def hold_still(page: Transcript, page_model: TranscriptModel) -> None:
    """What is seen stays where it is while the answer below grows and ends."""
    assert not page.view.is_following
    widget = first_visible(page.view)
    before = top_of(page.view, widget)
    for length in range(21, 28):
        page_model.update_message(streaming(PARAGRAPH * length))
        settle()
        assert top_of(page.view, widget) == before
    page_model.update_message(answer(9_999, PARAGRAPH * 28))
    settle()
    assert top_of(page.view, widget) == before
    assert not page.view.is_following


@pytest.fixture
def growing(page: Transcript, page_model: TranscriptModel) -> Transcript:
    """A page that follows an answer below others."""
    page_model.set_entries(entries([*(answer(n, f"Answer {n}. " * 60) for n in range(1, 8)), user(8, "Go")]))
    page_model.append(TranscriptEntry(streaming(PARAGRAPH * 20)))
    settle()
    assert page.view.is_following
    return page


def test_page_up_stops_following(qtbot: QtBot, growing: Transcript, page_model: TranscriptModel) -> None:
    qtbot.keyClick(growing.view, Qt.Key.Key_PageUp)
    qtbot.keyClick(growing.view, Qt.Key.Key_PageUp)
    settle()
    hold_still(growing, page_model)


def test_dragging_the_scroll_bar_up_stops_following(growing: Transcript, page_model: TranscriptModel) -> None:
    bar = growing.view.verticalScrollBar()
    bar.setSliderDown(True)
    bar.setSliderPosition(300)
    settle()
    bar.setSliderDown(False)
    hold_still(growing, page_model)


def test_a_resize_while_it_streams_keeps_following(growing: Transcript, page_model: TranscriptModel) -> None:
    for width, height in ((500, 300), (900, 500), (700, 640)):
        growing.resize(width, height)
        settle()
        assert growing.view.is_following
        page_model.update_message(streaming(PARAGRAPH * (20 + width // 100)))
        settle()
        assert at_bottom(growing)


def test_thoughts_unfolded_above_move_nothing_below_the_eye(page: Transcript, page_model: TranscriptModel) -> None:
    thought = "<think>\n" + PARAGRAPH * 5 + "</think>\nSo it is."
    page_model.set_entries(entries([answer(n, thought) for n in range(1, 20)]))
    page.view.reveal(9)
    settle()
    page.view.verticalScrollBar().setValue(page.view.verticalScrollBar().value() + 150)
    settle()
    widget = first_visible(page.view)
    before = top_of(page.view, widget)
    row = page_model.row_of(widget.message_id)
    assert row is not None
    for above in (row - 2, row - 3):
        for block in page.view.widget_of(above).findChildren(ThinkingBlock):
            block.unfold()
            settle()
    assert top_of(page.view, widget) == before


def test_another_version_above_moves_nothing(page: Transcript, page_model: TranscriptModel) -> None:
    page_model.set_entries(long_conversation(30))
    page.view.verticalScrollBar().setValue(2_500)
    settle()
    widget = first_visible(page.view)
    before = top_of(page.view, widget)
    row = page_model.row_of(widget.message_id)
    assert row is not None
    shown = [page_model.entry(number) for number in range(page_model.rowCount())]
    longer = msgspec.structs.replace(shown[row - 1].message, content=PARAGRAPH * 9)
    shown[row - 1] = msgspec.structs.replace(shown[row - 1], message=longer, version=2, versions=2)
    page_model.set_entries(shown)
    settle()
    assert top_of(page.view, widget) == before


def test_the_column_stays_where_it_is_when_a_scroll_bar_comes(qtbot: QtBot) -> None:
    for direction in (Qt.LayoutDirection.LeftToRight, Qt.LayoutDirection.RightToLeft):
        model = TranscriptModel()
        page = Transcript(model, LIGHT)
        qtbot.addWidget(page)
        page.setLayoutDirection(direction)
        page.resize(500, 400)
        page.show()
        places = []
        for turns in (1, 40):
            model.set_entries(long_conversation(turns))
            settle()
            last = page.view.live_widget(model.rowCount() - 1)
            assert last is not None
            places.append((page.view.column_width, last.mapTo(page, QPoint(0, 0)).x(), last.width()))
        assert page.view.verticalScrollBar().isVisible()
        assert places[0] == places[1]


def test_a_thousand_messages_are_taken_in_one_turn_and_drawn_from_the_next_on(
    page: Transcript, page_model: TranscriptModel
) -> None:
    page_model.set_entries(long_conversation(3))
    settle()
    page_model.set_entries(entries([answer(number, "Words") for number in range(1_000)]))
    assert page.view.is_filling, "what was there before stays on screen"
    assert not page.view.live_rows
    settle()
    assert not page.view.is_filling
    assert page.view.live_widget(999) is not None


def test_a_bubble_holds_its_text_at_any_width(qtbot: QtBot) -> None:
    model = TranscriptModel()
    page = Transcript(model, LIGHT)
    qtbot.addWidget(page)
    page.show()
    model.set_entries(entries([user(1, "What else could we see on the way home?")]))
    for width in range(240, 700, 20):
        page.resize(width, 400)
        settle()
        row = page.view.widget_of(0)
        assert isinstance(row, UserMessage)
        place = QRect(row.text_view.mapTo(row, QPoint(0, 0)), row.text_view.size())
        assert row.bubble.geometry().contains(place), f"at {width} px"
        assert row.rect().contains(row.bubble.geometry()), f"at {width} px"


def test_formulas_drawn_late_leave_the_reader_at_the_end(
    qtbot: QtBot, page: Transcript, page_model: TranscriptModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    matrix = r"\begin{pmatrix} " + r" \\ ".join("abcdefgh") + r" \end{pmatrix}"
    text = "\n\n".join(rf"Number {number}: $${matrix}_{{{number}}}$$ and \({matrix}\)" for number in range(12))
    with monkeypatch.context() as patched:
        patched.setattr(FormulaProcess, "_start", lambda process: None)  # none is drawn before all is laid out
        page_model.set_entries(entries([user(1, "Show"), answer(2, text)]))
        settle()
    before = page.view.verticalScrollBar().maximum()
    formulas()._process._start()
    qtbot.waitUntil(lambda: page.view.verticalScrollBar().maximum() > before)
    qtbot.waitUntil(lambda: not formulas()._pending and not formulas()._tell.isActive())
    settle()
    assert page.view.is_following
    assert at_bottom(page)
    assert not page.newest_button.isVisible()


def test_heights_are_guessed_anew_only_where_the_text_wraps_otherwise(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, model = on_screen(qtbot, 1000, 600)
    model.set_entries(long_conversation(300))
    settle()
    guessed: list[str] = []

    def guess(entry: TranscriptEntry, style: RowStyle, width: int) -> int:
        guessed.append(entry.message.id)
        return estimate_height(entry, style, width)

    monkeypatch.setattr("app.widgets.transcript.transcript.estimate_height", guess)
    page.set_theme(theme_for("dark"))
    page.resize(1200, 700)
    settle()
    assert guessed == [], "the column is as wide as before, and the letters as large"
    page.resize(500, 600)
    settle()
    assert len(guessed) > 200
    guessed.clear()
    page.set_theme(theme_for("dark", 20))
    settle()
    assert len(guessed) > 200
    assert_rows_touch(page, model)


def test_a_conversation_opens_in_small_turns_and_is_drawn_as_a_whole(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is seen is made two messages in a turn, the newest first; until then the page before it stays on screen."""
    page, model = on_screen(qtbot, 700, 900)
    made: list[str] = []

    def make(entry: TranscriptEntry, style: RowStyle, parent: QWidget) -> MessageWidget:
        made.append(entry.message.id)
        return make_row(entry, style, parent)

    monkeypatch.setattr("app.widgets.transcript.transcript.make_row", make)
    counts = [0]
    page.view.arranged.connect(lambda: counts.append(len(made)))
    model.set_entries(entries([user(number, "A line") for number in range(500)]))
    assert made == ["u499", "u498"]
    assert page.view.is_filling
    assert not page.view.viewport().updatesEnabled()
    qtbot.waitUntil(lambda: not page.view.is_filling)
    assert page.view.viewport().updatesEnabled()
    assert len(made) > 8
    assert max(after - before for before, after in itertools.pairwise(counts)) <= 2
    assert_rows_touch(page, model)
    seen = [
        row for row in page.view.live_rows if row.y() < page.view.viewport().height() and row.y() + row.height() > 0
    ]
    assert min(row.y() for row in seen) <= 0
    assert page.view.is_following
    model.set_entries(entries([answer(1, "Another")]))
    assert not page.view.is_filling
    assert page.view.viewport().updatesEnabled()


def test_a_message_that_cannot_be_made_leaves_no_other_conversation_on_screen(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, model = on_screen(qtbot, 700, 900)

    def make(entry: TranscriptEntry, style: RowStyle, parent: QWidget) -> MessageWidget:
        if entry.message.id == "u495":
            raise RuntimeError("a bug")
        return make_row(entry, style, parent)

    monkeypatch.setattr("app.widgets.transcript.transcript.make_row", make)
    with qtbot.captureExceptions() as bugs:
        model.set_entries(entries([user(number, "A line") for number in range(500)]))
        qtbot.waitUntil(lambda: bool(bugs))
        settle()
    assert not page.view.is_filling
    assert page.view.viewport().updatesEnabled()


def test_screen_readers_find_messages_in_their_order(qtbot: QtBot) -> None:
    """The order of widgets is theirs; messages are made from the last one up, and where one scrolls."""
    page, model = on_screen(qtbot, 700, 900)
    model.set_entries(entries([user(number, "A line") for number in range(100)]))
    for scrolled in (0, -300, -400, 500, -2_000):
        page.scroll_by(scrolled)
        settle()
        rows = [model.row_of(each.message_id) for each in page.view.viewport().findChildren(MessageWidget)]
        assert len(rows) > 8
        assert rows == sorted(rows, key=lambda row: -1 if row is None else row)


def test_who_goes_elsewhere_while_a_page_fills_gets_there(qtbot: QtBot) -> None:
    page, model = on_screen(qtbot, 700, 900)
    model.set_entries(entries([user(number, "A line") for number in range(500)]))
    assert page.view.is_filling
    assert page.view.reveal(250).message_id == "u250"
    assert not page.view.is_filling
    assert 0 <= page.view.reveal(250).y() < page.view.viewport().height()
    settle()
    assert 0 <= page.view.reveal(250).y() < page.view.viewport().height()
    model.set_entries(entries([user(number, "Other") for number in range(1_000, 1_500)]))
    assert page.view.is_filling
    page.scroll_by(-120)
    assert not page.view.is_filling
    assert not page.view.is_following
    assert_rows_touch(page, model)


def test_far_heights_are_guessed_later_and_the_page_does_not_move(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten thousand guesses took a tenth of a second: at each opening, and at each step of a changing width."""
    page, model = on_screen(qtbot, 700, 500)
    guessed: list[str] = []

    def guess(entry: TranscriptEntry, style: RowStyle, width: int) -> int:
        guessed.append(entry.message.id)
        return estimate_height(entry, style, width)

    monkeypatch.setattr("app.widgets.transcript.transcript.estimate_height", guess)
    counts = [0]
    page.view.arranged.connect(lambda: counts.append(len(guessed)))
    model.set_entries(entries([user(number, "A line\n" * (1 + number % 5)) for number in range(2_000)]))
    assert len(guessed) == 200
    rows = {row.message_id: row.y() for row in page.view.live_rows}
    qtbot.waitUntil(lambda: len(guessed) >= 1_980)
    assert max(after - before for before, after in itertools.pairwise(counts)) <= 200
    assert {row.message_id: row.y() for row in page.view.live_rows if row.message_id in rows} == rows
    settle()
    known = page.view.verticalScrollBar().maximum()
    page.scroll_by(-known // 2)
    settle()
    row = page.view.first_row
    counts.append(len(guessed))
    page.resize(500, 500)
    assert page.view.first_row == row
    qtbot.waitUntil(lambda: len(guessed) >= 2 * 1_960)
    settle()
    assert page.view.first_row == row
    assert max(after - before for before, after in itertools.pairwise(counts)) <= 200
    assert_rows_touch(page, model)


def test_tab_visits_each_link_and_enter_asks_for_it(qtbot: QtBot) -> None:
    page, model = on_screen(qtbot, 500, 300)
    page.activateWindow()
    text = f"[one](https://one.example/)\n\n{PARAGRAPH * 12}[two](https://two.example/)\n\n[bad](javascript:1)"
    model.set_entries(entries([user(1, "Where?"), answer(2, text)]))
    settle()
    asked: list[object] = []
    page.link_activated.connect(asked.append)
    page._focus_row(1)
    page.view.verticalScrollBar().setValue(0)
    settle()
    for _ in range(2):  # the text, then its first link
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
    text_view = QApplication.focusWidget()
    for url in ("https://one.example/", "https://two.example/"):
        settle()
        assert QApplication.focusWidget() is text_view
        place = text_view.viewport().mapToGlobal(text_view.cursorRect().center())
        assert page.view.viewport().rect().contains(page.view.viewport().mapFromGlobal(place))
        qtbot.keyClick(text_view, Qt.Key.Key_Return)
        assert asked[-1] == url
        qtbot.keyClick(text_view, Qt.Key.Key_Tab)
    assert QApplication.focusWidget() is not text_view
    assert len(asked) == 2


def test_arrows_on_a_button_stay_on_the_page(qtbot: QtBot) -> None:
    model = TranscriptModel()
    page = Transcript(model, LIGHT)
    arrows = MessageArrows(page)
    qtbot.addWidget(page)
    page.resize(500, 300)
    page.show()
    page.activateWindow()
    model.set_entries(entries([user(1, "Where?"), answer(2, "Here.")]))
    settle()
    question, last = page.view.widget_of(0), page.view.widget_of(1)
    qtbot.waitUntil(lambda: QApplication.activeWindow() is page)
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Right):
        last.more_button.setFocus()
        qtbot.keyClick(last.more_button, key)
        assert last.more_button.hasFocus()
    qtbot.keyClick(last.more_button, Qt.Key.Key_Left)
    left = QApplication.focusWidget()
    assert left is not last.more_button
    assert last.isAncestorOf(left)
    qtbot.keyClick(left, Qt.Key.Key_Right)
    assert last.more_button.hasFocus()
    qtbot.keyClick(last.more_button, Qt.Key.Key_Up)
    assert question.hasFocus()
    question.edit_button.setFocus()
    qtbot.keyClick(question.edit_button, Qt.Key.Key_Down)
    assert last.hasFocus()
    arrows.deleteLater()


def test_an_upward_scroll_counts_while_the_page_is_about_to_change_its_size(
    qtbot: QtBot, page: Transcript, page_model: TranscriptModel
) -> None:
    """The button that then shows makes Qt lay out what waits, which resizes the messages in the middle of it."""
    page_model.set_entries(long_conversation(50))
    for _ in range(20):
        QApplication.processEvents()
    bar = page.view.verticalScrollBar()
    page.newest_button.hide()
    page.view.following_changed.connect(lambda _: page.view.resize(page.view.width(), page.view.height() - 60))
    asked = bar.maximum() // 2
    bar.setValue(asked)
    for _ in range(20):
        QApplication.processEvents()
    assert not page.view.is_following
    assert abs(bar.value() - asked) < page.view.height()
    assert page.newest_button.isVisible()
