"""Finding in the conversation: counted in every message, marked in those that exist, visited one after the other."""

import msgspec
import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from app.bidi import without_isolates
from app.conversations.attachment import Attachment
from app.conversations.records import MessageState
from app.models.transcript_model import TranscriptEntry, TranscriptModel
from app.rendering.markdown import MarkdownStream
from app.rendering.shown_text import shown_lines
from app.widgets.basics.theme import LIGHT
from app.widgets.text.block_column import ThinkingBlock
from app.widgets.text.match_places import marks_of
from app.widgets.text.page_texts import Leaf, leaves_in, pending_in
from app.widgets.transcript.message_body import MessageBody
from app.widgets.transcript.message_widget import MessageWidget
from app.widgets.transcript.transcript import Transcript
from app.widgets.transcript.transcript_find import TranscriptFind
from app.widgets.transcript.user_message import UserMessage
from tests.app.widgets.conftest import Shown
from tests.app.widgets.demo_conversation import answer, entries, user
from tests.benchmarks.rendering import mixed_answer

pytestmark = pytest.mark.usefixtures("theme")
PARTS = """<think>
An ember in a thought.
</think>
An **emb**er in a paragraph 🔥 and an ember.

```python
ember = 1
```

| a | Ember |
|---|---|
| ember | x |
"""


@pytest.fixture
def finder(page: Transcript, page_model: TranscriptModel) -> TranscriptFind:
    return TranscriptFind(page, page_model, LIGHT)


def look_for(qtbot: QtBot, finder: TranscriptFind, words: str) -> None:
    finder.open()
    finder.bar.field.setText(words)
    qtbot.waitUntil(lambda: not finder.search.is_searching)
    for _ in range(10):
        QApplication.processEvents()


def current(page: Transcript) -> tuple[MessageWidget, Leaf, str]:
    """Return the message and the text with the match that is visited, and the text of the match."""
    found = [
        (widget, leaf, mark.cursor.selectedText())
        for widget in page.view.live_rows
        for leaf in leaves_in(widget)
        for mark in leaf.extraSelections()
        if mark.format.background().color().name() == LIGHT.colors.visited_match
    ]
    assert len(found) == 1
    return found[0]


def in_view(page: Transcript, leaf: Leaf) -> bool:
    rect = marks_of(leaf).rect(marks_of(leaf)._current)
    place = leaf.viewport().mapTo(page.view.viewport(), rect.topLeft())
    return page.view.viewport().rect().contains(place)


def test_every_place_is_visited_in_order(
    qtbot: QtBot, page: Transcript, page_model: TranscriptModel, finder: TranscriptFind
) -> None:
    page_model.set_entries(entries([user(1, "An ember?"), answer(2, PARTS)]))
    look_for(qtbot, finder, "ember")
    assert finder.bar.count.text() == "1 of 7"
    places = []
    for number in range(2, 9):
        widget, leaf, text = current(page)
        assert text.lower() == "ember"
        assert in_view(page, leaf)
        places.append((widget.message_id, type(leaf).__name__))
        qtbot.keyClick(finder.bar.field, Qt.Key.Key_Return)
        assert finder.bar.count.text() == f"{number if number < 8 else 1} of 7"
    assert places == [("u1", "PlainTextView"), *[("a2", name) for name in (
        "TextView", "TextView", "TextView", "CodeView", "TextView", "TextView")]]  # fmt: skip
    qtbot.keyClick(finder.bar.field, Qt.Key.Key_F3, Qt.KeyboardModifier.ShiftModifier)
    assert finder.bar.count.text() == "7 of 7"


def test_what_is_in_a_file_is_visited_at_its_chip(
    qtbot: QtBot, page: Transcript, page_model: TranscriptModel, finder: TranscriptFind
) -> None:
    files = (
        Attachment(name="cold.txt", text="Nothing", size_bytes=7),
        Attachment(name="fire.txt", text="x " * 9_999 + "one ember\nand an ember", size_bytes=7),
        Attachment(name="Ember.pdf", text="", size_bytes=7),
    )
    listed = entries([user(1, "ember\n" + "line\n" * 200), *(answer(n, "So " * 500) for n in range(2, 9))])
    first = msgspec.structs.replace(listed[0].message, attachments=files)
    page_model.set_entries([msgspec.structs.replace(listed[0], message=first), *listed[1:]])
    page.view.verticalScrollBar().setValue(0)
    look_for(qtbot, finder, "ember")
    message = page.view.widget_of(0)
    assert isinstance(message, UserMessage)

    def edges() -> list[bool]:
        return [LIGHT.colors.visited_match in chip.styleSheet() for chip in message.attachments.chips]

    assert finder.bar.count.text() == "1 of 3"
    assert edges() == [False, True, False]
    assert message.is_folded, "the words are not in its text"
    finder.bar.next_button.click()
    assert (finder.bar.count.text(), edges()) == ("2 of 3", [False, False, True])
    finder.bar.next_button.click()
    assert (finder.bar.count.text(), edges()) == ("3 of 3", [False, False, False])
    assert current(page)[2] == "ember"
    finder.bar.previous_button.click()
    place = message.attachments.chips[2].mapTo(page.view.viewport(), QPoint(2, 2))
    assert page.view.viewport().rect().contains(place)
    finder.close()
    assert [chip.styleSheet() for chip in message.attachments.chips] == ["", "", ""]


def test_capitals_count_when_asked(qtbot: QtBot, page_model: TranscriptModel, finder: TranscriptFind) -> None:
    page_model.set_entries(entries([user(1, "Ash ash ASH")]))
    look_for(qtbot, finder, "ash")
    assert finder.bar.count.text() == "1 of 3"
    finder.bar.case_button.click()
    qtbot.waitUntil(lambda: finder.bar.count.text() == "1 of 1")
    look_for(qtbot, finder, "nothing such")
    assert finder.bar.count.text() == "Not found"


def test_escape_closes_and_gives_the_keyboard_back(qtbot: QtBot, shown: Shown) -> None:
    shown.transcript.set_entries(entries([user(1, "ember"), answer(2, "ember ember")]))
    finder, composer = shown.window.page.finder, shown.window.page.composer
    composer.take_focus()
    before = QApplication.focusWidget()
    shown.window.actions_by_name.find.trigger()
    assert finder.bar.isVisible()
    assert finder.bar.field.hasFocus()
    qtbot.keyClicks(finder.bar.field, "ember")
    qtbot.waitUntil(lambda: finder.bar.count.text() == "1 of 3")
    qtbot.keyClick(finder.bar.field, Qt.Key.Key_Escape)
    assert not finder.bar.isVisible()
    assert QApplication.focusWidget() is before
    leaves = [leaf for row in shown.window.page.transcript.view.live_rows for leaf in leaves_in(row)]
    assert leaves
    assert not any(leaf.extraSelections() for leaf in leaves)


def test_a_selection_is_taken_as_what_to_look_for(
    qtbot: QtBot, page: Transcript, page_model: TranscriptModel, finder: TranscriptFind
) -> None:
    page_model.set_entries(entries([user(1, "ash and ember"), answer(2, "ember")]))
    QApplication.processEvents()
    widget = page.view.live_widget(0)
    assert widget is not None
    leaf = leaves_in(widget)[0]
    cursor = leaf.textCursor()
    cursor.setPosition(8)
    cursor.setPosition(13, QTextCursor.MoveMode.KeepAnchor)
    leaf.setTextCursor(cursor)
    finder.open()
    assert finder.bar.words == "ember"
    qtbot.waitUntil(lambda: finder.bar.count.text() == "1 of 2")


def test_a_folded_question_unfolds_when_its_match_is_visited(
    qtbot: QtBot, page: Transcript, page_model: TranscriptModel, finder: TranscriptFind
) -> None:
    page_model.set_entries(entries([user(1, "line\n" * 200 + "ember"), answer(2, "Yes")]))
    look_for(qtbot, finder, "ember")
    _, leaf, text = current(page)
    assert text == "ember"
    assert in_view(page, leaf)


def test_it_keeps_up_while_an_answer_streams(
    qtbot: QtBot, page: Transcript, page_model: TranscriptModel, finder: TranscriptFind
) -> None:
    page_model.set_entries(entries([user(1, "ember")]))
    page_model.append(TranscriptEntry(answer(2, "An ", MessageState.STREAMING)))
    look_for(qtbot, finder, "ember")
    assert finder.bar.count.text() == "1 of 1"
    value = page.view.verticalScrollBar().value()
    page_model.update_message(answer(2, "An ember and an **ember**", MessageState.STREAMING))
    qtbot.waitUntil(lambda: finder.bar.count.text() == "1 of 3")
    assert page.view.verticalScrollBar().value() == value
    page_model.update_message(answer(2, "An ember and an **ember** or ember."))
    qtbot.waitUntil(lambda: finder.bar.count.text() == "1 of 4")
    widget = page.view.live_widget(1)
    assert widget is not None
    qtbot.waitUntil(lambda: len(leaves_in(widget)[0].extraSelections()) == 3)


def test_all_of_ten_thousand_messages_are_searched(
    qtbot: QtBot, page: Transcript, page_model: TranscriptModel, finder: TranscriptFind
) -> None:
    texts = [user(n, "A question") if n % 2 else answer(n, f"Some **words** and `code` {n}") for n in range(10_000)]
    page_model.set_entries(entries(texts))
    for _ in range(20):
        QApplication.processEvents()
    finder.open()
    finder.bar.field.setText("some words and")
    qtbot.waitUntil(lambda: not finder.search.is_searching, timeout=60_000)
    assert finder.search.total == 5_000
    finder.go_back()
    assert finder.bar.count.text().endswith("of 5,000")
    for number in (0, 2_500, 4_999):
        finder._visit(number)
        _, leaf, text = current(page)
        assert text == "Some words and"
        assert in_view(page, leaf)


def test_what_is_in_view_does_not_move(
    qtbot: QtBot, page: Transcript, page_model: TranscriptModel, finder: TranscriptFind
) -> None:
    page_model.set_entries(entries([answer(n, f"Answer {n} with an ember. " * 30) for n in range(30)]))
    page.view.verticalScrollBar().setValue(4_000)
    for _ in range(20):
        QApplication.processEvents()
    row: QWidget = min(page.view.live_rows, key=lambda row: abs(row.y() - 200))
    before = row.mapTo(page, QPoint(0, 0))
    look_for(qtbot, finder, "an ember")
    assert abs(row.mapTo(page, QPoint(0, 0)).y() - before.y()) <= page.view.height() // 2
    y = row.mapTo(page, QPoint(0, 0))
    finder.close()
    for _ in range(20):
        QApplication.processEvents()
    assert row.mapTo(page, QPoint(0, 0)) == y


def test_the_bar_types_nothing_into_the_composer(qtbot: QtBot, shown: Shown) -> None:
    shown.transcript.set_entries(entries([user(1, "ember")]))
    shown.window.actions_by_name.find.trigger()
    qtbot.keyClicks(shown.window.page.finder.bar.next_button, "x")
    editor = shown.window.page.composer.findChild(QPlainTextEdit)
    assert isinstance(editor, QPlainTextEdit)
    assert editor.toPlainText() == ""
    shown.window.page.finder.close()


def test_what_is_counted_is_what_the_texts_show(page: Transcript, page_model: TranscriptModel) -> None:
    """Each line that a search reads stands in a text on screen, in the same order."""
    parts = [
        mixed_answer(),
        "&lt;b&gt; &amp; **a**_b_\n- x\n\n  y\n\n> q\n> > r\n\n---\n\n![pic](x.png) \u202eabc",
        PARTS,
    ]
    page_model.set_entries(entries([answer(number, text) for number, text in enumerate(parts)]))
    for row in range(len(parts)):
        widget = page.view.widget_of(row)
        for body in widget.findChildren(MessageBody):
            body.catch_up()
        for block in widget.findChildren(ThinkingBlock):
            block.unfold()
        for piece in pending_in(widget):
            piece.build()
        shown = [line for leaf in leaves_in(widget) for line in lines_of(leaf)]
        blocks = MarkdownStream(LIGHT.render_theme()).update(parts[row], streaming=False)
        read = [line.split() for block in blocks for line in shown_lines(block) if line.strip()]
        assert shown == read


def lines_of(leaf: Leaf) -> list[list[str]]:
    lines, block = [], leaf.document().begin()
    while block.isValid():
        if block.text().strip():
            lines.append(without_isolates(block.text()).split())
        block = block.next()
    return lines


def test_the_bar_never_hides_the_match_it_found(
    qtbot: QtBot, page: Transcript, page_model: TranscriptModel, finder: TranscriptFind
) -> None:
    page_model.set_entries(entries([user(1, "An ember"), answer(2, "An ember")]))
    look_for(qtbot, finder, "ember")
    for _ in range(2):
        _, leaf, _ = current(page)
        rect = marks_of(leaf).rect(0)
        place = leaf.viewport().mapTo(page, rect.center())
        assert not finder.bar.geometry().contains(place)
        finder.go_on()


@pytest.mark.parametrize("count", [2, 60])
def test_the_bar_covers_no_message(
    qtbot: QtBot, page: Transcript, page_model: TranscriptModel, finder: TranscriptFind, count: int
) -> None:
    page_model.set_entries(entries([user(number, "ember?") for number in range(1, count + 1)]))
    page.view.verticalScrollBar().setValue(0)
    first = page.view.reveal(0)
    closed_at = first.mapTo(page, QPoint()).y()
    finder.open()
    assert first.mapTo(page, QPoint()).y() > finder.bar.geometry().bottom()
    assert page.view.viewport().mapTo(page, QPoint()).y() > finder.bar.geometry().bottom()
    finder.close()
    assert first.mapTo(page, QPoint()).y() == closed_at


def test_opening_the_bar_moves_nothing_for_who_reads_on(
    qtbot: QtBot, page: Transcript, page_model: TranscriptModel, finder: TranscriptFind
) -> None:
    page_model.set_entries(entries([user(number, "ember?") for number in range(1, 60)]))
    for go in (lambda: page.view.verticalScrollBar().setValue(500), page.view.follow):
        go()
        read = max(page.view.live_rows, key=lambda row: row.y() if row.y() < page.view.height() - 60 else 0)
        before = read.mapTo(page, QPoint())
        following = page.view.is_following
        finder.open()
        assert read.mapTo(page, QPoint()) == before
        finder.close()
        assert read.mapTo(page, QPoint()) == before
        assert page.view.is_following == following


def test_the_bar_stays_in_its_place_when_the_scroll_bar_comes_and_goes(
    qtbot: QtBot, page: Transcript, page_model: TranscriptModel, finder: TranscriptFind
) -> None:
    page_model.set_entries(entries([user(1, "ember?"), answer(2, "An ember.")]))
    finder.open()
    alone = finder.bar.geometry()
    page_model.set_entries(entries([user(number, "ember?") for number in range(1, 60)]))
    qtbot.waitUntil(page.view.verticalScrollBar().isVisible)
    finder.close()
    finder.open()
    assert finder.bar.geometry() == alone


LONG_WORDS = "Words that need more lines where the page is narrow. " * 40


def whole_in_view(page: Transcript) -> bool:
    _, leaf, _ = current(page)
    rect = marks_of(leaf).rect(marks_of(leaf)._current)
    place = leaf.viewport().mapTo(page.view.viewport(), rect.topLeft())
    return page.view.viewport().rect().contains(QRect(place, rect.size()))


@pytest.mark.parametrize(("width", "height"), [(900, 160), (420, 600), (360, 200)])
def test_what_was_found_stays_in_sight_when_the_window_shrinks(
    qtbot: QtBot, page: Transcript, page_model: TranscriptModel, finder: TranscriptFind, width: int, height: int
) -> None:
    text = f"{LONG_WORDS}\n\n{LONG_WORDS} An ember. {LONG_WORDS}"
    page_model.set_entries(entries([answer(number, text) for number in range(1, 9)]))
    page.resize(900, 600)
    look_for(qtbot, finder, "ember")
    for _ in range(3):
        finder.go_on()
        widget = current(page)[0]
        page.resize(width, height)
        assert whole_in_view(page)
        assert current(page)[0] is widget
        page.resize(900, 600)
        assert whole_in_view(page)


def test_at_the_newest_message_too(
    qtbot: QtBot, page: Transcript, page_model: TranscriptModel, finder: TranscriptFind
) -> None:
    page_model.set_entries(entries([user(1, "Hello"), answer(2, f"An ember. {LONG_WORDS[:1000]}")]))
    page.resize(900, 600)
    look_for(qtbot, finder, "ember")
    page.view.follow()
    assert whole_in_view(page)
    for height in range(600, 150, -30):  # as by a mouse
        page.resize(900, height)
        assert whole_in_view(page)


def test_who_has_scrolled_away_from_it_stays_where_he_is(
    qtbot: QtBot, page: Transcript, page_model: TranscriptModel, finder: TranscriptFind
) -> None:
    page_model.set_entries(entries([user(1, "ember"), *(answer(number, LONG_WORDS) for number in range(2, 30))]))
    page.resize(900, 600)
    look_for(qtbot, finder, "ember")
    page.view.verticalScrollBar().setValue(1_500)
    row = page.view.first_row
    page.resize(500, 300)
    assert page.view.first_row == row
