"""An answer that filled the context, or could not begin, offers what goes on: a new conversation, another question."""

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.widgets.transcript.assistant_message import AssistantMessage
from engine.api.errors import ErrorKind, ErrorReport
from tests.app.whole import Whole, opened
from tests.engine_scripts import Script

TOO_LONG = ErrorReport(ErrorKind.MESSAGE_TOO_LONG, "This message alone has 900 tokens.", "Shorten the message.")


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


def test_a_question_that_is_too_long_is_offered_for_editing(qtbot: QtBot, windows: list[Whole]) -> None:
    window = opened(qtbot, windows, Script(fault="fail", fault_after=0, error=TOO_LONG))
    window.say("Hello")
    window.wait(lambda: len(window.texts()) == 2 and window.hearth.chat.is_idle)
    button = last_answer(window).mark.button
    assert button.text() == "Edit message"
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    editor = window.hearth.window.page.transcript.view.reveal(0).editor
    assert editor is not None
    assert editor.editor.toPlainText() == "Hello"
