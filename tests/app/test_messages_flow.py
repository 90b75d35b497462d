"""Single messages in the whole window with a scripted engine: delete and Undo, other models, prompts, two at once."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.conversations.records import MessageState
from app.widgets.dialogs.prompt_dialog import PromptDialog
from app.widgets.transcript.message_actions import Act
from app.widgets.transcript.message_widget import MessageWidget
from tests.app.whole import Whole, opened
from tests.engine_scripts import Script

CONTROL = Qt.KeyboardModifier.ControlModifier
SLOW = Script(answer="one two three four five six seven eight nine ten ", repeat=1_000, delay_seconds=0.05)


def asked(window: Whole, text: str) -> None:
    window.say(text)
    window.wait(lambda: window.texts()[-2:] == [text, f"You said: {text}"] and is_done(window))


def is_done(window: Whole) -> bool:
    return all(state is MessageState.COMPLETE for state in window.states()) and window.hearth.chat.is_idle


def row(window: Whole, place: int) -> MessageWidget:
    return window.hearth.window.page.transcript.view.reveal(place)


def test_a_message_is_deleted_by_key_and_comes_back_with_ctrl_z(qtbot: QtBot, windows: list[Whole]) -> None:
    window = opened(qtbot, windows)
    asked(window, "One")
    asked(window, "Two")
    before = window.texts()
    window.hearth.window.activateWindow()
    message = row(window, 1)
    message.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(message, Qt.Key.Key_Delete)
    window.wait(lambda: window.texts() == ["One"])
    window.wait(lambda: QApplication.focusWidget() is row(window, 0))
    assert [each.notice.text for each in window.notices.rows] == [
        "The answer was deleted, with 2 messages that followed."
    ]
    qtbot.keyClick(row(window, 0), Qt.Key.Key_Z, CONTROL)
    window.wait(lambda: window.texts() == before)
    assert window.notices.rows == []


def test_an_answer_is_rewritten_and_the_next_one_reads_it(qtbot: QtBot, windows: list[Whole]) -> None:
    window = opened(qtbot, windows)
    asked(window, "One")
    row(window, 1).perform(Act.EDIT)
    editor = row(window, 1).editor
    assert editor is not None
    editor.editor.set_text("Mine")
    qtbot.mouseClick(editor.save_button, Qt.MouseButton.LeftButton)
    window.wait(lambda: window.texts() == ["One", "Mine"])
    assert window.hearth.transcript_model.entry(1).versions == 2
    assert "edited by you" in row(window, 1).findChildren(type(row(window, 1).statistics))[0].accessibleName()
    row(window, 1).perform(Act.PREVIOUS)
    window.wait(lambda: window.texts() == ["One", "You said: One"])


def test_another_model_is_loaded_for_another_answer(qtbot: QtBot, windows: list[Whole]) -> None:
    window = opened(qtbot, windows)
    asked(window, "One")
    window.wait(lambda: len(row(window, 1).models) == 2)
    row(window, 1).perform(Act.REGENERATE_WITH, "someone/Scripted-1B")
    window.wait(lambda: window.hearth.transcript_model.entry(1).versions == 2 and is_done(window))
    plan = window.hearth.checkpoints.plan
    assert plan is not None
    assert plan.checkpoint == "someone/Scripted-1B"
    assert window.hearth.settings.settings.checkpoint == "someone/Scripted-1B"


def test_the_exact_prompt_is_shown_beside_the_window(qtbot: QtBot, windows: list[Whole]) -> None:
    window = opened(qtbot, windows)
    asked(window, "One")
    asked(window, "Two")
    row(window, 3).perform(Act.PROMPT)
    dialog = window.hearth.window.findChild(PromptDialog)
    assert isinstance(dialog, PromptDialog)
    assert not dialog.isModal()
    window.wait(dialog.view.isVisible)
    text = dialog.view.toPlainText()
    assert "You said: One" in text
    assert "You said: Two" not in text
    dialog.close()


def test_a_prompt_waits_visibly_for_the_answer_that_is_written(qtbot: QtBot, windows: list[Whole]) -> None:
    window = opened(qtbot, windows, SLOW)
    window.say("One")
    window.wait(lambda: len(window.texts()) == 2 and len(window.texts()[1]) > 10)
    window.hearth.messages._show_prompt(window.hearth.transcript_model.entry(0).message.id)
    dialog = window.hearth.window.findChild(PromptDialog)
    assert isinstance(dialog, PromptDialog)
    assert "An answer is being written" in dialog.message.text()
    window.hearth.chat.stop()
    window.wait(dialog.view.isVisible)
    dialog.close()


def test_stop_in_one_conversation_leaves_the_answer_in_the_other(qtbot: QtBot, windows: list[Whole]) -> None:
    window = opened(qtbot, windows, SLOW)
    window.say("One")
    window.wait(lambda: len(window.texts()) == 2 and len(window.texts()[1]) > 10)
    first = window.hearth.conversations.current_id
    assert first is not None
    window.hearth.window.begin_new()
    window.say("Two")
    assert window.hearth.chat.is_waiting_in(str(window.hearth.conversations.current_id))
    window.hearth.window.stop_requested.emit()
    running = window.hearth.chat.runner.message
    assert running is not None
    assert running.conversation_id == first
    window.hearth.window.open_conversation(first)
    window.wait(lambda: len(window.texts()) == 2)
    grown = len(window.texts()[1])
    window.wait(lambda: len(window.texts()[1]) > grown)
    window.hearth.window.stop_requested.emit()
    window.wait(lambda: window.states()[-1] is MessageState.STOPPED)
