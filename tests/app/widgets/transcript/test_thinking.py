"""Thinking on screen: open while it streams, folded with its duration afterwards; a button ends it."""

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.conversations.records import MessageState
from app.models.message_wish import MessageWish, Wish
from app.models.transcript_model import TranscriptEntry
from app.widgets.basics.theme import Theme
from app.widgets.text.block_column import ThinkingBlock
from app.widgets.text.text_view import TextView
from app.widgets.transcript.assistant_message import AssistantMessage
from app.widgets.transcript.message_widget import RowStyle
from tests.app.widgets.demo_conversation import answer


def entry(text: str, **fields: object) -> TranscriptEntry:
    message = answer(1, text)
    return TranscriptEntry(msgspec.structs.replace(message, **fields), phase="Thinking 4 s")


@pytest.fixture
def row(qtbot: QtBot, theme: Theme) -> AssistantMessage:
    """A message that thinks since 4 seconds, under a template that opens the thinking."""
    shown = entry("Let me see", state=MessageState.STREAMING, opens_thinking=True, thinking_seconds=4.2)
    widget = AssistantMessage(shown, RowStyle(theme))
    qtbot.addWidget(widget)
    widget.resize(700, 300)
    widget.show_entry(shown, is_last=True)
    widget.show()
    return widget


def thinking_of(row: AssistantMessage) -> ThinkingBlock:
    block: QWidget = row.body.block_widgets[0]
    assert isinstance(block, ThinkingBlock)
    return block


def test_it_is_open_and_timed_while_it_streams(row: AssistantMessage) -> None:
    row.body.draw_now()
    assert thinking_of(row).is_open
    assert thinking_of(row).toggle.text().strip() == "Thoughts"
    assert row.phase.text() == "Thinking 4 s", "the time is said once"


def test_it_is_folded_with_its_duration_afterwards(row: AssistantMessage) -> None:
    row.show_entry(entry("Let me see\n</think>\n\nYes", opens_thinking=True, thinking_seconds=12.9), is_last=True)
    assert not thinking_of(row).is_open
    assert thinking_of(row).toggle.text().strip() == "Thought for 12 s"
    assert isinstance(row.body.block_widgets[1], TextView)
    assert row.body.block_widgets[1].toPlainText() == "Yes"


def test_an_old_answer_whose_time_is_not_known_says_none(row: AssistantMessage) -> None:
    row.show_entry(entry("<think>\nHm\n</think>\n\nYes"), is_last=True)
    assert thinking_of(row).toggle.text().strip() == "Thought"


def test_the_button_ends_it(row: AssistantMessage, qtbot: QtBot) -> None:
    assert row.answer_now_button.isVisible()
    with qtbot.waitSignal(row.wished) as wished:
        qtbot.mouseClick(row.answer_now_button, Qt.MouseButton.LeftButton)
    assert wished.args == [MessageWish(Wish.ANSWER_NOW, "a1")]


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("Hello", {"state": MessageState.STREAMING}),
        ("", {"state": MessageState.STREAMING, "opens_thinking": True}),
        ("<think>Hm</think>Yes", {"state": MessageState.STREAMING}),
        ("<think>Hm", {"state": MessageState.STOPPED}),
    ],
)
def test_the_button_is_there_only_while_something_is_thought(
    row: AssistantMessage, text: str, fields: dict[str, object]
) -> None:
    row.show_entry(entry(text, **fields), is_last=True)
    assert not row.answer_now_button.isVisible()
