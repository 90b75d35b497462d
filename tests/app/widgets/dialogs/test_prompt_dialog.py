"""The exact prompt on screen: text, tokens and their origin, also by keyboard and without colours."""

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QTextCursor
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.models.prompt_spans import PromptSpans, summary
from app.widgets.basics.theme import Theme, apply_theme, contrast, theme_for
from app.widgets.dialogs.prompt_dialog import PromptDialog
from app.widgets.dialogs.prompt_view import place_color, span_format
from engine.api.events import PromptDescribed
from engine.api.prompt import PromptPiece, PromptSource, ReusedPart
from engine.api.warmth import Tier
from tests.work import work_of

LOOK: list[Theme] = []


def piece(source: PromptSource, *texts: str) -> PromptPiece:
    return PromptPiece(source=source, token_ids=tuple(range(100, 100 + len(texts))), texts=texts)


PROMPT = PromptDescribed(
    command_id="d",
    conversation_id="c",
    pieces=(
        piece(PromptSource.TEMPLATE, "<|im_start|>", "user", "\n"),
        piece(PromptSource.MESSAGE, "Why ", "", "🌊", "\r\n", "here?"),
        piece(PromptSource.TEMPLATE, "<|im_end|>", "\n"),
        piece(PromptSource.GENERATED, "Be", "cause"),
    ),
    reused=(ReusedPart(tier=Tier.DEVICE, tokens=4), ReusedPart(tier=Tier.DISK, tokens=2)),
    context_window=8192,
)


@pytest.fixture
def dialog(qtbot: QtBot, theme: Theme) -> PromptDialog:
    LOOK[:] = [theme]
    made = PromptDialog(lambda: LOOK[-1])
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    return made


def test_stretches_change_where_source_or_place_does() -> None:
    spans = PromptSpans(PROMPT).spans
    assert [(span.source, span.tier, len(span.token_ids)) for span in spans] == [
        (PromptSource.TEMPLATE, Tier.DEVICE, 3),
        (PromptSource.MESSAGE, Tier.DEVICE, 1),
        (PromptSource.MESSAGE, Tier.DISK, 2),
        (PromptSource.MESSAGE, None, 2),
        (PromptSource.TEMPLATE, None, 2),
        (PromptSource.GENERATED, None, 2),
    ]
    assert summary(PROMPT).startswith("12 of the 8,192 tokens that the model can hold. 6 are known, 6 would be read")


def test_until_the_engine_answers_a_sentence_stands_there(dialog: PromptDialog) -> None:
    dialog.show_message("An answer is being written.")
    assert dialog.message.isVisible()
    assert not dialog.copy_text_button.isEnabled()
    dialog.show_prompt(PROMPT)
    assert dialog.view.isVisible()
    assert dialog.copy_text_button.isEnabled()


def test_each_token_is_found_where_it_stands(dialog: PromptDialog) -> None:
    dialog.show_prompt(PROMPT)
    spans = PromptSpans(PROMPT)
    text = dialog.view.toPlainText()
    for token, shown in enumerate(spans.texts):
        begin, end = spans.bounds(token)
        cursor = QTextCursor(dialog.view.document())
        cursor.setPosition(begin)
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        assert cursor.selectedText().replace("\u2029", "\n") == shown
        if shown:
            assert spans.token_at(begin) == token
    assert "🌊" in text
    assert spans.token_at(10_000) is None


def test_the_cursor_says_all_about_its_token(qtbot: QtBot, dialog: PromptDialog) -> None:
    dialog.show_prompt(PROMPT)
    assert dialog.token.text().startswith("Token 1 of 12: id 100, “<|im_start|>”. Template. Known, in place.")
    for _ in range(len("<|im_start|>user\nWhy ")):
        qtbot.keyClick(dialog.view, Qt.Key.Key_Right)
    assert dialog.token.text() == "Token 6 of 12: id 102, “🌊”. Written. Known, from disk."


def test_the_pointer_shows_the_token_under_it(qtbot: QtBot, dialog: PromptDialog) -> None:
    dialog.show_prompt(PROMPT)
    cursor = QTextCursor(dialog.view.document())
    cursor.movePosition(QTextCursor.MoveOperation.End)
    cursor.movePosition(QTextCursor.MoveOperation.Left, QTextCursor.MoveMode.MoveAnchor, 2)
    qtbot.mouseMove(dialog.view.viewport(), dialog.view.cursorRect(cursor).center())
    qtbot.waitUntil(lambda: "cause" in dialog.token.text())


def test_parts_say_it_without_colours(dialog: PromptDialog) -> None:
    dialog.show_prompt(PROMPT)
    dialog.tabs.setCurrentWidget(dialog.table)
    rows = [[dialog.table.item(row, column).text() for column in range(4)] for row in range(dialog.table.rowCount())]
    assert rows[0] == ["Template", "Known, in place", "3", "<|im_start|>user↵"]
    assert rows[2][:3] == ["Written", "Known, from disk", "2"]
    assert rows[-1] == ["Generated", "To be read", "2", "Because"]


def test_another_prompt_takes_the_parts_place(dialog: PromptDialog) -> None:
    dialog.show_prompt(PROMPT)
    dialog.tabs.setCurrentWidget(dialog.table)
    first = msgspec.structs.replace(PROMPT, pieces=PROMPT.pieces[:1])
    dialog.show_prompt(first)
    assert dialog.table.rowCount() == len(PromptSpans(first).spans)
    dialog.tabs.setCurrentIndex(0)
    dialog.show_prompt(PROMPT)
    dialog.tabs.setCurrentWidget(dialog.table)
    assert dialog.table.rowCount() == len(PromptSpans(PROMPT).spans)


def test_text_and_ids_are_copied(qtbot: QtBot, dialog: PromptDialog) -> None:
    dialog.show_prompt(PROMPT)
    qtbot.mouseClick(dialog.copy_ids_button, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text().startswith("100, 101, 102, 100, 101")
    qtbot.mouseClick(dialog.copy_text_button, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text().startswith("<|im_start|>user\nWhy 🌊")


def test_escape_closes_it_and_says_so(qtbot: QtBot, dialog: PromptDialog) -> None:
    with qtbot.waitSignal(dialog.closed):
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)


def test_a_prompt_twice_as_long_is_twice_the_work_and_each_step_in_it_the_same(dialog: PromptDialog) -> None:
    shown, moved = [], []
    for count in (5_000, 10_000):
        words = tuple(f"word{number} " + ("\n" if number % 40 == 0 else "") for number in range(count))
        long = PromptDescribed(
            command_id="d",
            conversation_id="c",
            pieces=(PromptPiece(source=PromptSource.MESSAGE, token_ids=tuple(range(count)), texts=words),),
            reused=(ReusedPart(tier=Tier.DEVICE, tokens=count // 2),),
            context_window=32_768,
        )
        cost = work_of(lambda long=long: dialog.show_prompt(long))
        assert cost["insertText"] == 2  # what is known and what is to be read; the tokens are none of the document's
        shown.append(cost.total())
        moved.append(work_of(lambda: dialog.view.moveCursor(QTextCursor.MoveOperation.End)).total())
        assert not dialog.grab().isNull()
    assert shown[1] <= 2.2 * shown[0]
    assert moved[1] <= 1.2 * moved[0]


def test_it_takes_another_look_while_it_is_open(qapp: QApplication, dialog: PromptDialog) -> None:
    dialog.show_prompt(PROMPT)
    before = dialog.grab().toImage().pixelColor(3, 3)
    LOOK.append(theme_for("dark"))
    apply_theme(qapp, LOOK[-1])
    assert dialog.grab().toImage().pixelColor(3, 3) != before
    cursor = QTextCursor(dialog.view.document())
    cursor.setPosition(2)
    assert cursor.charFormat().background().color() == place_color(Tier.DEVICE, LOOK[-1])
    apply_theme(qapp, LOOK[0])


def test_another_text_size_leaves_the_letters_the_mark_and_the_cursor(qapp: QApplication, dialog: PromptDialog) -> None:
    dialog.show_prompt(PROMPT)
    dialog.view.moveCursor(QTextCursor.MoveOperation.End)
    place, words = dialog.view.textCursor().position(), dialog.token.text()
    family = dialog.view.document().defaultFont().family()
    LOOK.append(theme_for("light", 24))
    apply_theme(qapp, LOOK[-1])
    font = dialog.view.document().defaultFont()
    assert (font.family(), font.pixelSize()) == (family, 22)
    assert dialog.view.textCursor().position() == place
    assert (len(dialog.view.extraSelections()), dialog.token.text()) == (1, words)
    apply_theme(qapp, LOOK[0])


@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize("tier", [*Tier, None])
@pytest.mark.parametrize("source", list(PromptSource))
def test_every_stretch_is_readable_on_its_colour(name: str, tier: Tier | None, source: PromptSource) -> None:
    look = span_format(source, tier, theme_for(name))
    assert contrast(look.foreground().color().name(), look.background().color().name()) >= 4.5
