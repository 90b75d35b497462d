"""The window as a process: killed, asked to end, started twice; and as a whole in this process."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication, QWindow
from pytestqt.qtbot import QtBot

from app.conversations.attachment import Attachment
from app.conversations.records import Conversation, MessageState
from app.conversations.store import ConversationStore
from app.models.conversation_list_model import WARMTH_ROLE
from app.paths import locate
from app.settings.window_state import load_window_state
from app.widgets.dialogs.licences_dialog import LicencesDialog
from app.widgets.dialogs.report_dialog import ReportDialog
from engine.api.warmth import ConversationWarmth, Tier
from tests.app.hearth_process import RESTART, start_hearth, wait_for
from tests.app.stored_messages import stored
from tests.app.whole import Whole

Started = list["subprocess.Popen[str]"]


@pytest.fixture
def started() -> Iterator[Started]:
    """Processes that are ended whatever happens."""
    processes: Started = []
    yield processes
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def attached_to_drafts() -> list[Attachment]:
    if not locate().database.exists():
        return []
    store = ConversationStore(locate().database)
    try:
        return [each for conversation in store.list_conversations() for each in conversation.draft_attachments]
    finally:
        store.close()


def is_streaming() -> bool:
    messages = stored()
    return len(messages) == 2 and len(messages[1].content) > 20


def test_sigkill_while_streaming_keeps_all_but_the_last_moment(started: Started) -> None:
    process = start_hearth("slow", "window", "Hello")
    started.append(process)
    wait_for(is_streaming, process)
    process.kill()
    process.wait(30)
    question, answer = stored()
    assert (question.content, question.state) == ("Hello", MessageState.COMPLETE)
    assert answer.state is MessageState.INTERRUPTED
    assert answer.content.startswith("Hearth keeps")
    again = start_hearth("slow", "window", "Again")
    started.append(again)
    wait_for(lambda: len(stored()) == 4, again)
    assert answer in stored()


def test_sigkill_leaves_what_was_attached_to_the_draft(
    started: Started, qtbot: QtBot, windows: list[Whole], tmp_path: Path
) -> None:
    file = tmp_path / "plan.txt"
    file.write_text("First the roof.")
    process = start_hearth("answer", "window", "--attach", str(file))
    started.append(process)
    wait_for(lambda: [each.text for each in attached_to_drafts()] == ["First the roof."], process)
    process.kill()
    process.wait(30)
    file.unlink()
    again = Whole(qtbot, "echo")
    windows.append(again)
    again.wait(lambda: [item.name for item in again.composer.attachments.items] == ["plan.txt"])
    again.say("What comes first?")
    again.wait(lambda: again.states() == [MessageState.COMPLETE] * 2)
    assert [each.text for each in stored()[0].attachments] == ["First the roof."]
    again.wait(lambda: attached_to_drafts() == [])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_to_end_saves_the_partial_answer_and_exits_in_order(started: Started, number: int) -> None:
    process = start_hearth("slow", "window", "Hello")
    started.append(process)
    wait_for(is_streaming, process)
    process.send_signal(number)
    wait_for(lambda: stored()[1].state is MessageState.INTERRUPTED)
    assert process.wait(30) == 0
    assert "Traceback" not in process.communicate()[1]
    assert load_window_state(locate().window_state_file).last_conversation_id == stored()[0].conversation_id


def test_a_second_start_raises_the_first_window(started: Started) -> None:
    first = start_hearth("answer", "window", "Hello")
    started.append(first)
    wait_for(lambda: len(stored()) == 2, first)
    others = [start_hearth("answer", "window") for _ in range(3)]
    started.extend(others)
    assert [other.wait(30) for other in others] == [0, 0, 0]
    assert first.poll() is None
    first.terminate()
    out, errors = first.communicate(timeout=30)
    assert out.count("raised") >= 1
    assert "Traceback" not in errors


# The whole window in this process


def test_the_settings_start_hearth_again_and_the_draft_is_there(started: Started) -> None:
    process = start_hearth("answer", "window", RESTART)
    started.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "language system\n"
    assert process.stdout.readline() == "language de\n", "it has started again, in the same place"
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    store = ConversationStore(locate().database)
    try:
        assert [each.draft for each in store.list_conversations()] == ["half a thought"]
    finally:
        store.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def test_a_message_is_answered_and_found_again_at_the_next_start(qtbot: QtBot, windows: list[Whole]) -> None:
    first = Whole(qtbot, "echo")
    windows.append(first)
    first.say("Hello")
    first.wait(lambda: first.states() == [MessageState.COMPLETE] * 2)
    assert first.texts() == ["Hello", "You said: Hello"]
    assert first.composer.text == ""
    first.say("More")
    first.wait(lambda: first.states() == [MessageState.COMPLETE] * 4)
    first.composer.editor.setPlainText("not yet sent")
    first.end()
    second = Whole(qtbot, "echo")
    windows.append(second)
    second.wait(lambda: second.texts() == ["Hello", "You said: Hello", "More", "You said: More"])
    second.wait(lambda: second.composer.text == "not yet sent")
    conversation: Conversation = second.hearth.conversation_model.conversation(0)
    assert conversation.title == "Hello"


def test_a_window_that_was_ended_asks_its_store_nothing_more(
    qtbot: QtBot, windows: list[Whole], caplog: pytest.LogCaptureFixture
) -> None:
    ended, window = Whole(qtbot, "echo"), QWindow()
    windows.append(ended)
    ended.say("Hello")
    ended.wait(lambda: ended.states() == [MessageState.COMPLETE] * 2)
    hearth = ended.hearth
    hearth.messages.messages.delete(hearth.transcript_model.entry(1).message.id)
    ended.wait(lambda: len(ended.states()) == 1)
    for timer in (*hearth.messages.messages.findChildren(QTimer), *hearth.lists.deletions.findChildren(QTimer)):
        timer.setInterval(0)
    hearth.shut_down()
    application = QGuiApplication.instance()
    assert isinstance(application, QGuiApplication)
    application.focusWindowChanged.emit(window)
    qtbot.wait(50)
    assert "The conversations are closed." not in caplog.text


def test_the_engines_death_is_told_and_the_next_message_works(qtbot: QtBot, windows: list[Whole], folder: Path) -> None:
    window = Whole(qtbot, "kill", folder / "once")
    windows.append(window)
    window.say("Hello")
    window.wait(lambda: window.states() == [MessageState.COMPLETE, MessageState.INTERRUPTED])
    kept = window.texts()[1]
    assert kept.startswith("Hearth keeps")
    window.wait(lambda: window.hearth.checkpoints.plan is not None)
    window.say("Next")
    window.wait(lambda: len(window.states()) == 4 and window.states()[3] is MessageState.COMPLETE, 30)
    assert window.texts()[1] == kept


def test_a_conversation_is_warm_after_its_answer_and_cold_without_the_model(qtbot: QtBot, windows: list[Whole]) -> None:
    window = Whole(qtbot, "echo")
    windows.append(window)
    window.say("Hello")

    def tier() -> Tier | None:
        warmth = window.hearth.conversation_model.index(0).data(WARMTH_ROLE)
        return warmth.tier if isinstance(warmth, ConversationWarmth) else None

    window.wait(lambda: tier() is Tier.DEVICE)
    dialogs = window.hearth.window.dialogs
    dialogs.open_memory()
    view = dialogs.memory_dialog
    assert view is not None
    view.table.selectAll()
    view.forget_button.click()
    window.wait(lambda: view.status.text() == "0.1 MiB freed." and tier() is None and not view.rows.rowCount())
    view.close()
    window.say("More")
    window.wait(lambda: tier() is Tier.DEVICE)
    window.hearth.window.unload_requested.emit()
    window.wait(lambda: tier() is None)


def test_nothing_of_a_private_conversation_is_left_anywhere(qtbot: QtBot, windows: list[Whole]) -> None:
    window = Whole(qtbot, "echo")
    windows.append(window)
    window.hearth.window.actions_by_name.new_private.trigger()
    window.say("Zanzibar is an island off the coast of Tanzania")
    window.wait(lambda: window.states() == [MessageState.COMPLETE] * 2)
    window.wait(lambda: window.hearth.conversation_model.conversation(0).title == "Capital of France")
    private_id = window.hearth.conversations.current_id
    window.composer.editor.setPlainText("Zanzibar, once more")
    window.end()
    home = locate().database.parents[1]
    written = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert locate().database in written
    assert not [path for path, content in written.items() if b"Zanzibar" in content or private_id.encode() in content]


def test_stop_in_the_window(qtbot: QtBot, windows: list[Whole]) -> None:
    window = Whole(qtbot, "slow")
    windows.append(window)
    window.say("Hello")
    window.wait(lambda: len(window.texts()) == 2 and bool(window.texts()[1]))
    assert window.composer.button.accessibleName() == "Stop"
    window.composer.button.click()
    window.wait(lambda: window.states()[1] is MessageState.STOPPED)
    assert window.composer.button.accessibleName() == "Send"


def test_a_load_that_fails_leaves_the_message_waiting(qtbot: QtBot, windows: list[Whole]) -> None:
    window = Whole(qtbot, "fail_load")
    windows.append(window)
    window.say("Hello")
    window.wait(lambda: bool(window.notices.rows))
    assert "chat template" in window.notices.rows[0].text.text()
    assert window.composer.chips.queue == ("Hello",)
    assert window.texts() == []


def test_a_bug_is_told_and_its_report_holds_nothing_that_was_written(qtbot: QtBot, windows: list[Whole]) -> None:
    window = Whole(qtbot, "echo")
    windows.append(window)
    window.say("Zanzibar is an island")
    window.wait(lambda: window.states() == [MessageState.COMPLETE] * 2)
    hearth = window.hearth
    hearth.bugs.report(f'File "{locate().database}", line 1\nValueError: it broke')
    bar = hearth.window.page.notices
    window.wait(lambda: any(row.notice.key == "bug" for row in bar.rows))
    next(row for row in bar.rows if row.notice.key == "bug").action_button.click()
    dialog = hearth.window.findChild(ReportDialog)
    assert isinstance(dialog, ReportDialog)
    window.wait(lambda: "## Computer" in dialog.text)
    assert "ValueError: it broke" in dialog.text
    assert "Zanzibar" not in dialog.text
    assert str(locate().database.parent) not in dialog.text
    dialog.close()
    hearth.window.actions_by_name.licences.trigger()
    licences = hearth.window.findChild(LicencesDialog)
    assert isinstance(licences, LicencesDialog)
    window.wait(lambda: licences.list.count() > 20)
    licences.close()
