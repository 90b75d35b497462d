"""An answer that filled the model's context offers what goes on: a new conversation."""

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.widgets.transcript.assistant_message import AssistantMessage
from tests.app.whole import Whole, opened


def last_answer(window: Whole) -> AssistantMessage:
    view = window.hearth.window.page.transcript.view
    row = view.reveal(len(window.texts()) - 1)
    assert isinstance(row, AssistantMessage)
    return row


def test_a_full_context_offers_a_new_conversation(qtbot: QtBot, windows: list[Whole]) -> None:
    window = opened(qtbot, windows, "context_full")
    window.say("Hello")
    window.wait(lambda: len(window.texts()) == 2 and window.hearth.chat.is_idle)
    full = window.hearth.conversations.current_id
    mark = last_answer(window).mark
    assert "context window was full" in mark.text
    assert "Start a new conversation" in mark.text
    assert mark.button.text() == "New conversation"
    qtbot.mouseClick(mark.button, Qt.MouseButton.LeftButton)
    window.wait(lambda: window.texts() == [] and window.hearth.conversations.current_id != full)
