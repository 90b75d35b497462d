"""A message of a million characters opens, scrolls, is searched and copied like a short one."""

import time

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtGui import QGuiApplication, QTextCursor
from PySide6.QtWidgets import QApplication, QTextEdit
from pytestqt.qtbot import QtBot

from app.conversations.records import MessageState
from app.models.transcript_model import TranscriptModel
from app.widgets.basics.theme import DARK
from app.widgets.text.block_column import ThinkingBlock
from app.widgets.text.code_block import CodeBlock
from app.widgets.text.page_texts import leaves_in, number_in, numbered_leaves, pending_in
from app.widgets.text.text_selection import Moves
from app.widgets.text.text_view import TextView
from app.widgets.transcript import message_body
from app.widgets.transcript.assistant_message import AssistantMessage
from app.widgets.transcript.message_body import MessageBody
from app.widgets.transcript.transcript import Transcript
from app.widgets.transcript.transcript_find import TranscriptFind
from tests.app.widgets.demo_conversation import answer, entries, user
from tests.work import work_of

pytestmark = pytest.mark.usefixtures("theme")
WORDS = "The quick brown fox jumps over the lazy dog and sleeps. " * 8
PARAGRAPHS = "\n\n".join(f"Paragraph {number}. {WORDS}" for number in range(2_000))
FORMULAS = "\n\n".join(f"Then\n\n$$x = {number}$$" for number in range(600))
CODES = "\n\n".join(f"Step {number}:\n\n```python\nvalue = {number}\n```" for number in range(300))
FEW_WIDGETS = 30
NEAR_CHARACTERS = 200_000  # of HTML: some pages, of a million characters of text


@pytest.fixture
def laid_out(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many characters each text was given that was laid out since."""
    characters: list[int] = []
    set_html = TextView.setHtml

    def counted(view: TextView, html: str) -> None:
        characters.append(len(html))
        set_html(view, html)

    monkeypatch.setattr(TextView, "setHtml", counted)
    return characters


def settle(page: Transcript | None = None) -> None:
    """Let what is due happen; with a page, until its messages are read to their ends."""
    bodies = [] if page is None else page.findChildren(MessageBody)
    end = time.monotonic() + 30
    while any(body.is_behind for body in bodies) and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.001)
    for _ in range(60):
        QApplication.processEvents()


def shown(page: Transcript, model: TranscriptModel, text: str) -> AssistantMessage:
    model.set_entries(entries([user(1, "Go"), answer(2, text)]))
    settle(page)
    row = page.view.live_widget(1)
    assert isinstance(row, AssistantMessage)
    return row


def seen_text(page: Transcript, row: AssistantMessage, height: int, left: int = 20) -> str:
    """The line at a height of the viewport."""
    for leaf in leaves_in(row):
        inside = leaf.viewport().mapFrom(page.view.viewport(), QPoint(left, height))
        if 0 <= inside.y() < leaf.viewport().height():
            assert isinstance(leaf, QTextEdit)
            cursor = leaf.cursorForPosition(inside)
            cursor.select(QTextCursor.SelectionType.LineUnderCursor)
            return cursor.selectedText()
    return ""


@pytest.mark.parametrize("text", [PARAGRAPHS, "x" * 1_000_000, FORMULAS, "- an item\n" * 30_000, WORDS * 2_000])
def test_it_opens_with_few_widgets_and_lays_out_what_is_near(
    page: Transcript, page_model: TranscriptModel, laid_out: list[int], text: str
) -> None:
    row = shown(page, page_model, text)
    assert 0 < len(row.body.block_widgets) < FEW_WIDGETS
    assert sum(laid_out) < NEAR_CHARACTERS
    assert pending_in(row)
    assert page.view.is_following


def test_a_table_of_some_hundred_rows_has_widgets_where_it_is_seen(
    page: Transcript, page_model: TranscriptModel
) -> None:
    table = "| a | b |\n|---|---|\n" + "".join(f"| row {row} | text |\n" for row in range(300))
    row = shown(page, page_model, table)
    pieces = row.body.pending_pieces()
    assert len(row.body.block_widgets) == 1, "the last part, which is more than the page shows"
    assert pieces
    page.view.verticalScrollBar().setValue(0)
    settle(page)
    assert row.body.pending_pieces() != pieces


def test_a_new_message_is_laid_out_once_at_its_own_width(page: Transcript, page_model: TranscriptModel) -> None:
    said = entries([answer(1, "\n\n".join(["# Words", WORDS, "- one\n- two", WORDS]))])
    work = work_of(lambda: (page_model.set_entries(said), settle(page)))
    assert work["setHtml"] == 1
    assert work["setTextWidth"] == 0, "Qt lays it out as it gets its text"


def test_scrolling_anywhere_shows_text_and_keeps_few_widgets(page: Transcript, page_model: TranscriptModel) -> None:
    row = shown(page, page_model, PARAGRAPHS)
    bar = page.view.verticalScrollBar()
    for step in range(20):
        bar.setValue(bar.maximum() * (step * 7 % 20) // 20)
        settle()
        assert any(seen_text(page, row, 100 + gap) for gap in (0, 20, 40))
        assert len(row.body.block_widgets) < FEW_WIDGETS


def test_code_far_away_goes_unless_the_reader_did_something_to_it(
    page: Transcript, page_model: TranscriptModel
) -> None:
    row = shown(page, page_model, CODES)
    bar = page.view.verticalScrollBar()
    below = [widget for widget in row.body.block_widgets if isinstance(widget, CodeBlock)]
    wrapped = below[-1]
    wrapped.wrap_button.click()
    settle()
    bar.setValue(0)
    settle()
    above = [widget for widget in row.body.block_widgets if isinstance(widget, CodeBlock)]
    assert len(above) < FEW_WIDGETS
    assert [widget for widget in above if widget in below] == [wrapped]
    bar.setValue(bar.maximum())
    settle()
    again = [widget for widget in row.body.block_widgets if isinstance(widget, CodeBlock)]
    assert again[-1] is wrapped
    assert [widget.view.toPlainText() for widget in again[-3:]] == ["value = 297", "value = 298", "value = 299"]


def test_small_steps_up_never_jump(page: Transcript, page_model: TranscriptModel) -> None:
    row = shown(page, page_model, PARAGRAPHS)
    bar = page.view.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    settle()
    for _ in range(150):
        before = seen_text(page, row, 200)
        bar.setValue(bar.value() - 40)
        assert seen_text(page, row, 240) == before
        settle()
        assert seen_text(page, row, 240) == before


def test_it_follows_while_it_grows(page: Transcript, page_model: TranscriptModel) -> None:
    page_model.set_entries(entries([user(1, "Go"), answer(2, "", MessageState.STREAMING)]))
    for end in range(20_000, 200_000, 20_000):
        page_model.update_message(answer(2, PARAGRAPHS[:end], MessageState.STREAMING))
        row = page.view.live_widget(1)
        assert isinstance(row, AssistantMessage)
        row.body.draw_now()
        settle(page)
        bar = page.view.verticalScrollBar()
        assert bar.value() == bar.maximum()
        last = leaves_in(row)[-1]
        assert isinstance(last, QTextEdit)
        assert last.toPlainText().split()[-4:] == PARAGRAPHS[:end].split()[-4:]


def test_find_goes_to_what_has_no_widget(qtbot: QtBot, page: Transcript, page_model: TranscriptModel) -> None:
    finder = TranscriptFind(page, page_model, page._style.theme)
    row = shown(page, page_model, PARAGRAPHS)
    finder.open()
    finder.bar.field.setText("Paragraph 777.")
    qtbot.waitUntil(lambda: finder.search.total == 1 and not finder.search.is_searching)
    settle()
    third = page.view.height() // 3 - page.view.viewport().y()
    assert any(seen_text(page, row, third + gap).startswith("Paragraph 777.") for gap in (0, 10, 20))
    finder.close()


def test_a_huge_table_is_searched_and_copied_as_one(
    qtbot: QtBot, page: Transcript, page_model: TranscriptModel
) -> None:
    rows = "".join(f"| row {number} | text |\n" for number in range(3_000))
    table = f"| heading | other |\n|---|---|\n{rows}"
    finder = TranscriptFind(page, page_model, page._style.theme)
    row = shown(page, page_model, f"{table}\nThe end.")
    finder.open()
    for words, count in (("heading", 1), ("row 2", 1111), ("text", 3000)):
        finder.bar.field.setText(words)
        qtbot.waitUntil(lambda: not finder.search.is_searching)
        assert finder.search.total == count
    finder.bar.field.setText("row 1777")
    qtbot.waitUntil(lambda: finder.search.total == 1 and not finder.search.is_searching)
    settle()
    third = page.view.height() // 3 - page.view.viewport().y()
    assert any(seen_text(page, row, third + gap, 80) == "row 1777" for gap in (0, 10, 20))
    finder.close()
    page.selection.select_row(1)
    assert page.selected_text().startswith("heading\tother\nrow 0\ttext\nrow 1\ttext\n")
    assert page.selected_text().count("heading") == 1
    page.copy_markdown()
    assert QGuiApplication.clipboard().text() == f"{table}\nThe end."


def test_a_huge_table_is_copied_the_same_wherever_the_reader_is(page: Transcript, page_model: TranscriptModel) -> None:
    rows = "".join(f"| row {number} | $x_{{{number}}}$ |\n" for number in range(1_000))
    shown(page, page_model, f"| heading | other |\n|---|---|\n{rows}")
    page.selection.select_row(1)
    bar = page.view.verticalScrollBar()
    expected = ["heading\tother", *(f"row {number}\t$x_{{{number}}}$" for number in range(1_000))]
    for tenth in (10, 0, 5):
        bar.setValue(bar.maximum() * tenth // 10)
        settle(page)
        assert page.selected_text().split("\n") == expected


def test_all_of_it_is_copied(page: Transcript, page_model: TranscriptModel) -> None:
    row = shown(page, page_model, PARAGRAPHS)
    page.selection.select_row(1)
    assert page.selected_text().split() == PARAGRAPHS.split()
    page.copy_markdown()
    assert QGuiApplication.clipboard().text() == PARAGRAPHS
    page.view.verticalScrollBar().setValue(0)
    settle()
    assert all(leaf.textCursor().hasSelection() for leaf in leaves_in(row))
    page.selection.clear()
    assert page.selected_text() == ""


def test_formulas_without_widgets_are_copied_as_latex(page: Transcript, page_model: TranscriptModel) -> None:
    shown(page, page_model, FORMULAS)
    page.selection.select_row(1)
    assert page.selected_text().count("$$x = 5$$") == page.selected_text().count("$$x = 599$$") == 1


def test_a_selection_stays_when_what_is_above_is_built(page: Transcript, page_model: TranscriptModel) -> None:
    row = shown(page, page_model, PARAGRAPHS)
    upper, lower = leaves_in(row)[-2:]
    cursor = upper.textCursor()
    cursor.setPosition(upper.document().characterCount() - 20)
    upper.setTextCursor(cursor)
    page.selection.begin(upper)
    page.selection.extend_to(lower, 10)
    before = page.selected_text()
    assert len(before) == 19 + 1 + 10
    page.view.verticalScrollBar().setValue(0)
    settle()
    assert page.selected_text() == before
    page.view.follow()
    settle()
    assert page.selected_text() == before


def test_the_keyboard_selects_into_what_has_no_widget(page: Transcript, page_model: TranscriptModel) -> None:
    row = shown(page, page_model, PARAGRAPHS)
    number, leaf = numbered_leaves(row)[0]
    above = max(piece.number for piece in pending_in(row) if piece.number < number)
    cursor = leaf.textCursor()
    cursor.setPosition(0)
    leaf.setTextCursor(cursor)
    page.selection.begin(leaf)
    assert page.selection.extend(leaf, Moves.Left)
    built = numbered_leaves(row)[0]
    assert built[0] == above
    assert page.selection.extend(leaf, Moves.Left)
    assert built[1].textCursor().selectedText() == page.selected_text().rstrip("\n") != ""


def test_numbers_of_texts_stay(page: Transcript, page_model: TranscriptModel) -> None:
    row = shown(page, page_model, f"<think>{PARAGRAPHS[:60_000]}</think>\n\nIntro\n\n" + PARAGRAPHS)
    last = leaves_in(row)[-1]
    before = number_in(row, last)
    row.findChildren(ThinkingBlock)[0].unfold()
    for piece in pending_in(row):
        piece.build()
    assert number_in(row, last) == before
    numbers = [number for number, _ in numbered_leaves(row)]
    assert numbers == sorted(set(numbers))
    assert not pending_in(row)


def test_unfolded_thoughts_of_many_pages_have_few_widgets(page: Transcript, page_model: TranscriptModel) -> None:
    row = shown(page, page_model, f"<think>{PARAGRAPHS}</think>\n\nDone")
    row.findChildren(ThinkingBlock)[0].unfold()
    settle()
    assert 0 < len(row.findChildren(TextView)) < FEW_WIDGETS
    assert any(seen_text(page, row, 300 + gap) for gap in (0, 20, 40))


def test_another_look_keeps_the_place(page: Transcript, page_model: TranscriptModel, laid_out: list[int]) -> None:
    row = shown(page, page_model, PARAGRAPHS)
    bar = page.view.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    settle()
    height = next(height for height in range(30, 90, 10) if seen_text(page, row, height))
    before = seen_text(page, row, height)
    laid_out.clear()
    page.set_theme(DARK)
    settle()
    assert seen_text(page, row, height) == before
    page.resize(page.width() - 150, page.height())
    settle()
    assert sum(laid_out) < NEAR_CHARACTERS
    assert seen_text(page, row, 100) or seen_text(page, row, 120)


@pytest.fixture
def slow_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn reads no more than the least, however fast the machine is."""
    monkeypatch.setattr(message_body, "_FIRST_SECONDS", 0.0)
    monkeypatch.setattr(message_body, "_READING_SECONDS", 0.0)


def opened(page: Transcript, model: TranscriptModel, text: str) -> AssistantMessage:
    """Open a long answer and return its row while most of it is still to be read."""
    model.set_entries(entries([user(1, "Go"), answer(2, text)]))
    row = page.view.live_widget(1)
    assert isinstance(row, AssistantMessage)
    assert row.body.is_behind
    return row


def paragraph_seen(page: Transcript, row: AssistantMessage) -> int:
    """Return the number of the paragraph in the middle of what is seen."""
    for leaf in leaves_in(row):
        inside = leaf.viewport().mapFrom(page.view.viewport(), QPoint(20, 300))
        if 0 <= inside.y() < leaf.viewport().height() + 12:
            assert isinstance(leaf, QTextEdit)
            above = leaf.toPlainText()[: leaf.cursorForPosition(inside).position()]
            if "Paragraph" in above:
                return int(above.rsplit("Paragraph ", 1)[1].split(".")[0])
    return -1


@pytest.mark.usefixtures("slow_reading")
def test_who_scrolls_while_it_is_read_keeps_the_place(page: Transcript, page_model: TranscriptModel) -> None:
    text = PARAGRAPHS[:200_000].replace("quick", "**quick**")
    row = opened(page, page_model, text)
    bar = page.view.verticalScrollBar()
    bar.setValue(bar.maximum() * 2 // 3)
    before = paragraph_seen(page, row)
    assert before > 100
    while row.body.is_behind:
        QApplication.processEvents()
        assert abs(paragraph_seen(page, row) - before) <= 2  # a few lines, not pages; and never blank
    assert leaves_in(row)
    settle(page)
    assert abs(paragraph_seen(page, row) - before) <= 2
    assert "*" not in "".join(leaf.toPlainText() for leaf in leaves_in(row))


@pytest.mark.usefixtures("slow_reading")
def test_what_is_selected_while_it_is_read_stays(page: Transcript, page_model: TranscriptModel) -> None:
    row = opened(page, page_model, PARAGRAPHS[:100_000].replace("quick", "**quick**"))
    leaf = max(leaves_in(row), key=lambda leaf: leaf.document().characterCount())
    page.selection.begin(leaf)
    cursor = leaf.textCursor()
    cursor.setPosition(50)
    cursor.setPosition(400, QTextCursor.MoveMode.KeepAnchor)
    leaf.setTextCursor(cursor)
    before = page.selected_text()
    assert "**quick**" in before
    settle(page)
    assert not row.body.is_behind
    assert page.selected_text() == before
    page.selection.clear()
    deadline = time.monotonic() + 30
    while any("**" in leaf.toPlainText() for leaf in leaves_in(row)) and time.monotonic() < deadline:
        QApplication.processEvents()
    assert not any("**" in leaf.toPlainText() for leaf in leaves_in(row))
