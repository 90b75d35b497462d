"""Answers in Hebrew and Arabic, mixed with code, numbers and Latin names: where on screen each part stands."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QImage, QTextCursor
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QToolButton
from pytestqt.qtbot import QtBot

from app.rendering.markdown import render
from app.rendering.shown_text import count_in, search_pattern, shown_lines
from app.widgets.basics.theme import LIGHT
from app.widgets.text.block_column import ThinkingBlock
from app.widgets.text.chosen_blocks import text_of
from app.widgets.text.code_block import CodeBlock
from app.widgets.text.code_view import CodeView
from app.widgets.text.match_marks import Search
from app.widgets.text.table_text import markdown_of, table_at, values_of
from app.widgets.text.text_view import TextView
from app.widgets.transcript.message_body import MessageBody
from tests.app.reading_order import seen_order
from tests.app.widgets.message_probe import MakeBody, stream

_TABLE = "| שם | גודל |\n|---|---:|\n| Qwen3-8B | 16.4 GB |\n| `llama` | קטן |\n"
_WIDE = "|" + " עמודה |" * 8 + "\n|" + "---|" * 8 + "\n|" + " הטקסט הזה ארוך מאוד |" * 8


MakeView = Callable[[str], TextView]


@pytest.fixture
def make_view(make_body: MakeBody) -> MakeView:
    """Return the first text of a message, which stays as long as the test."""
    bodies: list[MessageBody] = []

    def make(text: str) -> TextView:
        bodies.append(make_body(text))
        return _view(bodies[-1])

    return make


def _view(body: MessageBody) -> TextView:
    view = body.findChild(TextView)
    assert view is not None
    return view


def _beside(view: TextView, words: str) -> TextView:
    """Return the text of the same message that has these words: a table is a text of its own."""
    around = view.parentWidget()
    assert around is not None
    return next(other for other in around.findChildren(TextView) if not other.document().find(words).isNull())


def _found(view: TextView, words: str) -> QTextCursor:
    cursor = view.document().find(words)
    assert not cursor.isNull(), words
    return cursor


def _left(view: TextView, position: int) -> int:
    """Return the x of the caret before a character."""
    cursor = view.textCursor()
    cursor.setPosition(position)
    return view.cursorRect(cursor).left()


def _span(view: TextView, words: str) -> tuple[int, int]:
    """Return from where to where words of one direction reach, in pixels."""
    found = _found(view, words)
    ends = [_left(view, found.selectionStart()), _left(view, found.selectionEnd())]
    return min(ends), max(ends)


def _ink(view: TextView, rows: range, columns: range) -> list[int]:
    """Return how many dark pixels each column has between two heights."""
    picture = QImage(view.size(), QImage.Format.Format_RGB32)
    picture.fill(Qt.GlobalColor.white)
    view.render(picture)
    return [sum(picture.pixelColor(x, y).lightness() < 160 for y in rows) for x in columns]


def _rows_of(view: TextView, words: str) -> range:
    place: QRect = view.cursorRect(_found(view, words))
    return range(place.top(), place.bottom())


def test_the_columns_of_a_hebrew_table_stand_from_right_to_left(make_view: MakeView) -> None:
    view = make_view(_TABLE)

    assert _span(view, "שם")[0] > _span(view, "גודל")[1]
    assert _span(view, "Qwen3-8B")[0] > _span(view, "16.4 GB")[1]
    assert view.viewport().width() - 40 < _span(view, "שם")[1] <= view.viewport().width()
    assert abs(_span(view, "Qwen3-8B")[1] - _span(view, "שם")[1]) <= 2  # both begin where reading begins
    assert abs(_span(view, "קטן")[1] - _span(view, "16.4 GB")[1]) <= 2  # ---: is the right side in any language


def test_a_table_is_read_as_most_of_its_head(make_view: MakeView) -> None:
    mostly = make_view("| CPU | גודל | זמן |\n|---|---|---|\n| a | b | c |")
    assert _span(mostly, "CPU")[0] > _span(mostly, "זמן")[1]
    english = make_view("| Name | Size |\n|---|---|\n| שלום | five |\n| hello | six |")
    assert _span(english, "Name")[1] < _span(english, "Size")[0]
    assert abs(_span(english, "שלום")[0] - _span(english, "hello")[0]) <= 2
    arabic = make_view("|  |  |\n|---|---|\n| اسم | حجم |")
    assert _span(arabic, "اسم")[0] > _span(arabic, "حجم")[1]


def test_what_follows_a_hebrew_part_keeps_its_own_direction(make_view: MakeView) -> None:
    view = make_view(f"- פריט עם `code`\n- English item\n\n{_TABLE}\nEnglish text\n\n> ציטוט `x`\n\nMore text")

    for words in ("English item", "English text", "More text"):
        assert _span(_beside(view, words), words)[0] < 60, words
    assert _span(view, "פריט")[1] > view.viewport().width() - 60


def test_inline_code_is_read_from_left_to_right(make_view: MakeView) -> None:
    view = make_view("הפונקציה `print()` מדפיסה `x[0] = 5`.")
    code = _found(view, "print()").selectionStart()
    places = [_left(view, code + step) for step in range(1, len("print()"))]  # inside of it
    assert places == sorted(places)
    assert _span(view, "הפונקציה")[0] >= _left(view, code + len("print()"))


def test_a_hebrew_sentence_may_begin_with_code(make_view: MakeView) -> None:
    view = make_view("`print()` מדפיסה טקסט\n\n- `len()` מחזירה אורך")
    width = view.viewport().width()
    assert _span(view, "print()")[1] > width - 4
    assert _span(view, "len()")[1] > width - 40
    assert _span(view, "מחזירה")[1] <= _span(view, "len()")[0]


def test_markers_of_a_hebrew_list_stand_on_the_right(make_view: MakeView) -> None:
    view = make_view("1. צעד\n\n- [x] משימה")
    width = view.viewport().width()

    edge = _span(view, "צעד")[1]
    marker = _ink(view, _rows_of(view, "צעד"), range(edge + 2, width))
    dark = [place for place, count in enumerate(marker) if count]
    assert marker[dark[0]] <= 3 < marker[dark[-1] - 1]  # the point is between the words and the number

    edge = _span(view, "משימה")[1]
    gap = _ink(view, _rows_of(view, "משימה"), range(edge - 12, width))
    first = next(place for place in range(12, len(gap)) if gap[place] > 6)  # the side of the box
    assert 0 in gap[:first]


def test_the_bar_of_a_hebrew_quotation_stands_on_the_right(make_view: MakeView) -> None:
    view = make_view("> ציטוט\n>\n> and English inside\n\nafter")
    picture = view.grab().toImage()
    y = view.cursorRect(_found(view, "ציטוט")).center().y()

    assert picture.pixelColor(view.viewport().width() - 2, y).name() == LIGHT.colors.hairline
    assert picture.pixelColor(1, y).name() != LIGHT.colors.hairline
    assert _span(view, "ציטוט")[1] <= view.viewport().width() - 16
    english = view.cursorRect(_found(view, "and English")).center().y()
    assert picture.pixelColor(view.viewport().width() - 2, english).name() == LIGHT.colors.hairline


def test_code_in_a_hebrew_list_is_indented_from_the_right(make_body: MakeBody) -> None:
    body = make_body("- פריט:\n\n  ```sh\n  ls -l\n  ```\n\n- item:\n\n  ```sh\n  ls -l\n  ```")
    hebrew, english = body.findChildren(CodeBlock)
    assert hebrew.x() == 0
    assert hebrew.geometry().right() < english.geometry().right()
    assert english.x() > 0


def test_a_wide_hebrew_table_begins_at_its_first_column(make_body: MakeBody) -> None:
    body = make_body(_WIDE)
    bar = _view(body).horizontalScrollBar()
    assert bar.maximum() > 0
    assert bar.value() == bar.maximum()

    bar.triggerAction(bar.SliderAction.SliderToMinimum)
    body.resize(body.width() - 20, body.height())
    assert bar.value() == 0  # where the reader went


@pytest.mark.usefixtures("mirrored")
def test_a_wide_english_table_begins_at_its_first_column_in_a_mirrored_window(make_view: MakeView) -> None:
    view = make_view(_WIDE.replace("עמודה", "column").replace("הטקסט הזה ארוך מאוד", "a rather long text here"))
    assert view.horizontalScrollBar().maximum() > 0
    assert _span(view, "column")[0] < 40


def test_copied_text_is_what_was_written(make_view: MakeView) -> None:
    view = make_view(f"הפונקציה `print()` מדפיסה\n\n- [ ] משימה עם `x`\n\n{_TABLE}")
    cursor = _found(view, "הפונקציה")
    cursor.setPosition(_found(view, "משימה עם").selectionEnd(), QTextCursor.MoveMode.KeepAnchor)
    assert text_of(cursor).split("\n") == ["הפונקציה print() מדפיסה", "משימה עם"]

    view = _beside(view, "גודל")
    cells = _found(view, "גודל")
    cells.setPosition(_found(view, "Qwen3-8B").selectionEnd(), QTextCursor.MoveMode.KeepAnchor)
    assert text_of(cells).split("\n") == ["שם", "גודל", "Qwen3-8B", "16.4 GB"]
    table = table_at(cells)
    assert table is not None
    assert values_of(table) == "שם\tגודל\nQwen3-8B\t16.4 GB\nllama\tקטן"
    assert markdown_of(table).startswith("| שם | גודל |\n")


def test_words_are_found_across_the_edge_of_code(make_view: MakeView) -> None:
    text = "הפונקציה `print()` מדפיסה"
    view, pattern = make_view(text), search_pattern("הפונקציה print() מדפיסה", False)
    view.marks.show(Search(pattern, LIGHT.colors))

    assert view.marks.count == 1
    assert sum(count_in(shown_lines(block), pattern) for block in render(text, LIGHT.render_theme())) == 1
    assert view.extraSelections()[0].cursor.selectedText().startswith("הפונקציה")
    view.marks.show(Search(search_pattern("()", False), LIGHT.colors))
    assert view.extraSelections()[0].cursor.selectedText() == "()"


@pytest.mark.usefixtures("mirrored")
def test_thoughts_stand_on_the_right_in_a_mirrored_window(make_body: MakeBody, qapp: QApplication) -> None:
    body = make_body("<think>\nA thought.\n</think>\nAn answer.")
    thinking = body.findChild(ThinkingBlock)
    assert thinking is not None
    toggle = thinking.findChild(QToolButton)
    assert toggle is not None
    toggle.click()
    qapp.processEvents()

    assert toggle.geometry().right() == thinking.width() - 1
    picture = thinking.grab().toImage()
    line = [x for x in range(thinking.width()) if picture.pixelColor(x, 50).name() == LIGHT.colors.hairline]
    assert line
    assert min(line) > thinking.width() - 20
    assert thinking.layoutDirection() is Qt.LayoutDirection.RightToLeft


def test_hebrew_words_turn_nothing_of_the_code_around_them(make_body: MakeBody, qtbot: QtBot) -> None:
    source = 'f("שלום", (3, 4), ["אב", "גד"]) # הערה, ועוד 5'
    body = make_body(f'```python\n{source}\n```\n\nקוד: `g("אב", 7)`')
    code = body.findChild(CodeView)
    assert code is not None

    shown = code.document().toPlainText()
    assert seen_order(f"\u200e{shown}", ["f(", "שלום", "(3", "4)", "אב", "גד", "#"]) == [
        "f(", "שלום", "(3", "4)", "אב", "גד", "#",
    ]  # fmt: skip
    assert seen_order(f"\u200e{shown}", ["הערה", "ועוד"]) == ["ועוד", "הערה"]  # words side by side are read as such
    inline = _view(body).document().toPlainText()
    assert seen_order(inline, ["(", "אב", "7"]) == ["(", "אב", "7"]

    QPlainTextEdit.selectAll(code)
    assert code.selected_text() == source
    comment = shown.index("#")
    qtbot.waitUntil(lambda: bool(_format_at(code, comment)))  # a busy machine comes to it in a later turn
    look = _format_at(code, comment)
    assert look == _format_at(code, len(shown) - 1)
    assert look != _format_at(code, shown.index("(3"))
    code.marks.show(Search(search_pattern('"שלום", (3', False), LIGHT.colors))
    assert code.marks.count == 1


def _format_at(code: CodeView, place: int) -> str:
    formats = code.document().firstBlock().layout().formats()
    here = [each for each in formats if each.start <= place < each.start + each.length]
    return here[0].format.foreground().color().name() if here else ""


def test_code_that_grows_through_hebrew_words_ends_as_it_was_written(make_body: MakeBody) -> None:
    body = make_body("")
    source = "a = 'שלום עולם'\nb = 'אב'\n"
    for end in range(1, len(source) + 1):
        stream(body, f"```python\n{source[:end]}")
    body.set_text(f"```python\n{source}```")
    code = body.findChild(CodeView)
    assert code is not None
    QPlainTextEdit.selectAll(code)
    assert code.selected_text() == source.removesuffix("\n")
