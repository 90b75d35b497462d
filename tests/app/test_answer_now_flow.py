"""Ending the thinking in the whole window, by button and by key; the answer goes on, and is stored as one."""

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.conversations.records import MessageState
from app.conversations.store import ConversationStore
from app.paths import locate
from app.rendering.thinking import is_thinking
from app.widgets.transcript.assistant_message import AssistantMessage
from tests.app.whole import Whole
from tests.engine_scripts import Script

# They don't come to their end, however long a busy machine holds up the test.
THOUGHTS = "one two three four five six seven eight nine ten " * 2_000
CONTROL_SHIFT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


def thinking(qtbot: QtBot, windows: list[Whole], *, opens: bool) -> Whole:
    """Return a window whose model has thought for a moment, and would for long."""
    window = Whole(qtbot, Script(thinking=THOUGHTS, opens_thinking=opens, answer="Paris.", delay_seconds=0.05))
    windows.append(window)
    window.say("Capital?")
    window.wait(lambda: len(window.texts()) == 2 and "three" in window.texts()[1])
    return window


def answer_row(window: Whole) -> AssistantMessage:
    row = window.hearth.window.page.transcript.view.reveal(1)
    assert isinstance(row, AssistantMessage)
    return row


@pytest.mark.parametrize("opens", [False, True])
def test_the_button_ends_the_thinking(qtbot: QtBot, windows: list[Whole], opens: bool) -> None:
    window = thinking(qtbot, windows, opens=opens)
    row = answer_row(window)
    assert row.answer_now_button.isVisible()
    qtbot.mouseClick(row.answer_now_button, Qt.MouseButton.LeftButton)
    check_that_it_answered(window, opens=opens)
    assert answer_row(window).answer_now_button.isHidden()


def test_the_key_does_the_same(qtbot: QtBot, windows: list[Whole]) -> None:
    window = thinking(qtbot, windows, opens=True)
    window.hearth.window.activateWindow()
    qtbot.keyClick(window.composer.editor, Qt.Key.Key_Return, CONTROL_SHIFT)
    check_that_it_answered(window, opens=True)


def check_that_it_answered(window: Whole, *, opens: bool) -> None:
    window.wait(lambda: window.states() == [MessageState.COMPLETE] * 2)
    text = window.texts()[1]
    thoughts, closing, answer = text.partition("\n</think>\n\n")
    assert closing
    assert answer == "Paris."
    assert thoughts.startswith("one two three" if opens else "<think>\none two three")
    assert len(thoughts) < len(THOUGHTS)
    window.wait(lambda: window.hearth.chat.is_idle)
    window.until_kept()
    store = ConversationStore(locate().database)
    (conversation,) = store.list_conversations()
    _, stored = store.load_messages(conversation.id)
    store.close()
    assert (stored.content, stored.opens_thinking) == (text, opens)
    assert stored.thinking_seconds is not None
    assert stored.thinking_seconds > 0


def test_a_thought_that_the_template_opened_is_edited_as_one(qtbot: QtBot, windows: list[Whole]) -> None:
    window = thinking(qtbot, windows, opens=True)
    window.hearth.chat.stop()
    window.wait(lambda: window.hearth.chat.is_idle)
    written = window.texts()[1]
    row = answer_row(window)
    row.begin_editing()
    assert row.editor is not None
    assert row.editor.editor.text == f"<think>\n{written}"
    row.editor.flush()
    assert not row.editor.edit.is_changed
    row.editor.editor.set_text("<think>\nI know.")
    row.editor.save_button.click()
    window.wait(lambda: window.texts()[1] == "<think>\nI know.")
    message = window.hearth.transcript_model.entry(1).message
    assert message.is_edited
    assert is_thinking(message.content, message.opens_thinking)
