"""Import and export in the real window, from the menu to the file and back; the dialogs are answered with paths."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.controllers.conversations import exchange_notices
from app.controllers.conversations.exchange_controller import Unfinished
from app.conversations.exchange.importing import ImportJob
from app.conversations.records import Conversation
from app.conversations.store import ConversationStore
from app.main import Hearth
from app.paths import locate
from app.settings.window_state import WindowState, save_window_state
from app.widgets.window.notice_row import NoticeRow
from engine.api.message import Role
from tests.app.conversations.exchange import foreign
from tests.app.conversations.samples import a_conversation, a_message
from tests.scripted_engine import scripted_engine_command

PATIENCE = 30_000
Work = Callable[[ConversationStore], object]


@pytest.fixture
def hearth(qtbot: QtBot) -> Iterator[Hearth]:
    """The window with two conversations, the first one shown."""
    paths = locate()
    paths.make_folders()
    store = ConversationStore(paths.database)
    for number, title in enumerate(("Tides", "Bread")):
        question = a_message(f"q{number}", conversation_id=title, content=f"About {title}?")
        answer = a_message(f"a{number}", f"q{number}", 2, conversation_id=title, role=Role.ASSISTANT, content="Yes.")
        store.save_turn(a_conversation(title, title=title, active_leaf_id=answer.id), [question, answer])
    store.close()
    save_window_state(paths.window_state_file, WindowState(first_start_done=True, last_conversation_id="Tides"))
    opened = Hearth(paths, scripted_engine_command("echo"))
    opened.start()
    qtbot.waitUntil(lambda: opened.conversations.current_id == "Tides", timeout=PATIENCE)
    yield opened
    opened.shut_down()
    opened.window.deleteLater()
    opened.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert not shiboken6.isValid(opened)


def trigger(hearth: Hearth, action: str) -> QFileDialog:
    """Choose an action in the menu and return the dialog that it opens."""
    hearth.window.actions_by_name.by_name[action].trigger()
    return hearth.window.findChildren(QFileDialog)[-1]


def choose(dialog: QFileDialog, path: Path) -> None:
    """Answer a dialog: for a file to be read with that, for one to be written with that name."""
    if dialog.acceptMode() is QFileDialog.AcceptMode.AcceptSave:
        dialog.fileSelected.emit(str(path))
    else:
        dialog.filesSelected.emit([str(path)])
    dialog.close()


def notice(hearth: Hearth, key: str) -> NoticeRow | None:
    rows = [row for row in hearth.window.page.notices.rows if row.notice.key == key]
    return rows[0] if rows else None


def wait_for_result(qtbot: QtBot, hearth: Hearth, key: str) -> NoticeRow:
    def has_ended() -> bool:
        row = notice(hearth, key)
        return row is not None and not row.notice.is_progress

    qtbot.waitUntil(has_ended, timeout=PATIENCE)
    row = notice(hearth, key)
    assert row is not None
    return row


def titles(hearth: Hearth) -> list[str]:
    return sorted(hearth.conversation_model.titles().values())


def folders() -> list[tuple[str]]:
    store = ConversationStore(locate().database)
    try:
        return [(str(row[0]),) for row in store.database.execute("SELECT name FROM folders")]
    finally:
        store.close()


def test_the_shown_conversation_as_markdown(
    qtbot: QtBot, hearth: Hearth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", shown.append)
    dialog = trigger(hearth, "export_markdown")
    assert Path(dialog.selectedFiles()[0]).name == "Tides.md"
    choose(dialog, tmp_path / "Tides.md")
    row = wait_for_result(qtbot, hearth, exchange_notices.EXPORT_KEY)
    assert row.notice.text == "The conversation was exported to Tides.md."
    text = (tmp_path / "Tides.md").read_text(encoding="utf-8")
    assert text.startswith("# Tides\n")
    assert "About Tides?" in text
    assert "Bread" not in text
    qtbot.mouseClick(row.action_button, Qt.MouseButton.LeftButton)
    assert shown == [QUrl.fromLocalFile(str(tmp_path))]


def test_all_out_and_into_another_hearth(qtbot: QtBot, hearth: Hearth, tmp_path: Path) -> None:
    dialog = trigger(hearth, "export_all")
    assert len(dialog.nameFilters()) == 2
    choose(dialog, tmp_path / "all.json")
    row = wait_for_result(qtbot, hearth, exchange_notices.EXPORT_KEY)
    assert row.notice.text == "2 conversations were exported to all.json."
    value = json.loads((tmp_path / "all.json").read_text())
    assert {each["conversation"]["title"] for each in value["conversations"]} == {"Tides", "Bread"}
    choose(trigger(hearth, "import_conversations"), tmp_path / "all.json")
    row = wait_for_result(qtbot, hearth, exchange_notices.IMPORT_KEY)
    assert row.notice.text == "2 were here already."
    assert not row.notice.action


def test_import_and_undo(qtbot: QtBot, hearth: Hearth, tmp_path: Path) -> None:
    path = tmp_path / "conversations.json"
    path.write_text(json.dumps(foreign.chatgpt()))
    choose(trigger(hearth, "import_conversations"), path)
    row = wait_for_result(qtbot, hearth, exchange_notices.IMPORT_KEY)
    assert row.notice.text == "Imported one conversation from ChatGPT."
    assert titles(hearth) == ["Bread", "Sky", "Tides"]
    added: Conversation = next(each for each in listed(hearth) if each.title == "Sky")
    hearth.window.open_requested.emit(added.id)
    qtbot.waitUntil(lambda: hearth.transcript_model.rowCount() == 4, timeout=PATIENCE)
    assert folders() == [("Imported from ChatGPT",)]
    qtbot.mouseClick(row.action_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: titles(hearth) == ["Bread", "Tides"], timeout=PATIENCE)
    assert hearth.conversations.current is None
    qtbot.waitUntil(lambda: folders() == [], timeout=PATIENCE)


def test_what_is_chosen_in_the_list(qtbot: QtBot, hearth: Hearth, tmp_path: Path) -> None:
    assert hearth.window.sidebar.list.can_export
    hearth.window.sidebar.list.export_requested.emit(("Bread",))
    dialog = hearth.window.findChildren(QFileDialog)[-1]
    assert Path(dialog.selectedFiles()[0]).stem == "Bread"
    choose(dialog, tmp_path / "Bread.md")
    wait_for_result(qtbot, hearth, exchange_notices.EXPORT_KEY)
    assert (tmp_path / "Bread.md").read_text(encoding="utf-8").startswith("# Bread\n")


class Gate:
    """Lets so much work of a thread go on to the store as the test says; the rest waits, however slow the test is."""

    def __init__(self, submit: Callable[[Work], object]) -> None:
        self._submit = submit
        self._permits = threading.Semaphore(0)

    def __call__(self, work: Work) -> object:
        assert self._permits.acquire(timeout=PATIENCE / 1000)
        return self._submit(work)

    def let_through(self, count: int) -> None:
        self._permits.release(count)


def test_many_show_progress_and_can_be_cancelled(
    qtbot: QtBot, hearth: Hearth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.controllers.conversations.exchange_controller._PROGRESS_SECONDS", -1.0)
    gate = Gate(hearth.exchange.controller._submit)
    monkeypatch.setattr(hearth.exchange.controller, "_submit", gate)
    many = [foreign.chatgpt()[0] | {"conversation_id": f"c{number}"} for number in range(3000)]
    (tmp_path / "many.json").write_text(json.dumps(many))
    choose(trigger(hearth, "import_conversations"), tmp_path / "many.json")
    gate.let_through(1)
    qtbot.waitUntil(lambda: notice(hearth, exchange_notices.IMPORT_KEY) is not None, timeout=PATIENCE)
    row = notice(hearth, exchange_notices.IMPORT_KEY)
    assert row is not None
    first = row.text.text()
    row.action_button.setFocus()
    gate.let_through(100)
    qtbot.waitUntil(lambda: row.text.text() != first, timeout=PATIENCE)
    assert notice(hearth, exchange_notices.IMPORT_KEY) is row
    qtbot.mouseClick(row.action_button, Qt.MouseButton.LeftButton)
    gate.let_through(3000)
    ended = wait_for_result(qtbot, hearth, exchange_notices.IMPORT_KEY)
    assert "The rest was cancelled." in ended.notice.text
    assert ended.notice.action == "Undo"
    assert 2 < len(titles(hearth)) < 3002


def test_an_export_can_be_cancelled_and_leaves_nothing(
    qtbot: QtBot, hearth: Hearth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.controllers.conversations.exchange_controller._PROGRESS_SECONDS", -1.0)
    monkeypatch.setattr("app.conversations.exchange.exporting._STEP_SECONDS", 0.0)
    hearth.store_thread.submit(
        lambda store: [store.save_conversation(a_conversation(f"more{number}")) for number in range(500)]
    ).result()
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "all.json").write_text("old")
    choose(trigger(hearth, "export_all"), folder / "all.json")
    qtbot.waitUntil(lambda: notice(hearth, exchange_notices.EXPORT_KEY) is not None, timeout=PATIENCE)
    row = notice(hearth, exchange_notices.EXPORT_KEY)
    assert row is not None
    assert row.notice.text.endswith(" of 502")
    row.action_button.click()
    qtbot.waitUntil(lambda: notice(hearth, exchange_notices.EXPORT_KEY) is None, timeout=PATIENCE)
    qtbot.waitUntil(lambda: [path.name for path in folder.iterdir()] == ["all.json"], timeout=PATIENCE)
    assert (folder / "all.json").read_text() == "old"


def test_a_file_that_is_none_and_a_folder_that_is_gone_are_sentences(
    qtbot: QtBot, hearth: Hearth, tmp_path: Path
) -> None:
    (tmp_path / "holiday.json").write_text("{}")
    choose(trigger(hearth, "import_conversations"), tmp_path / "holiday.json")
    row = wait_for_result(qtbot, hearth, exchange_notices.IMPORT_KEY)
    assert "no file with conversations that Hearth knows" in row.notice.text
    choose(trigger(hearth, "export_json"), tmp_path / "gone" / "x.json")
    row = wait_for_result(qtbot, hearth, exchange_notices.EXPORT_KEY)
    assert "could not be written" in row.notice.text


def test_closing_during_an_import_keeps_what_is_there(
    qtbot: QtBot, hearth: Hearth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.controllers.conversations.exchange_controller._FINISH_SECONDS", 0.0)
    many = [foreign.chatgpt()[0] | {"conversation_id": f"c{number}"} for number in range(3000)]
    (tmp_path / "many.json").write_text(json.dumps(many))
    choose(trigger(hearth, "import_conversations"), tmp_path / "many.json")
    qtbot.wait(300)
    hearth.shut_down()
    store = ConversationStore(locate().database)
    try:
        assert len(store.list_conversations()) >= 2
        assert all(len(store.load_messages(each.id)) in (2, 5) for each in store.list_conversations()[:50])
    finally:
        store.close()


def test_closing_during_an_export_finishes_it(hearth: Hearth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.controllers.conversations.exchange_controller._FINISH_SECONDS", 60.0)
    monkeypatch.setattr("app.conversations.exchange.exporting._STEP_SECONDS", 0.0)
    choose(trigger(hearth, "export_all"), tmp_path / "all.json")
    hearth.shut_down()
    assert '"Tides"' in (tmp_path / "all.json").read_text()
    assert '"Bread"' in (tmp_path / "all.json").read_text()
    assert hearth.exchange.controller.unfinished == Unfinished()


def test_closing_during_an_import_finishes_it(hearth: Hearth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.controllers.conversations.exchange_controller._FINISH_SECONDS", 60.0)
    (tmp_path / "some.json").write_text(json.dumps(foreign.chatgpt()))
    choose(trigger(hearth, "import_conversations"), tmp_path / "some.json")
    hearth.shut_down()
    store = ConversationStore(locate().database)
    try:
        assert len(store.list_conversations()) == 2 + len(foreign.chatgpt())
    finally:
        store.close()
    assert hearth.exchange.controller.unfinished == Unfinished()


def test_an_export_that_closing_cuts_short_is_told_at_the_next_start(
    hearth: Hearth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.controllers.conversations.exchange_controller._FINISH_SECONDS", 0.0)
    folder = tmp_path / "out"
    folder.mkdir()
    release = threading.Event()
    hearth.store_thread.submit(lambda _store: release.wait())
    choose(trigger(hearth, "export_all"), folder / "all.json")
    hearth.exchange.shut_down()
    release.set()
    hearth.shut_down()
    assert not any(folder.iterdir())
    assert "closed before all.json was written" in said_at_next_start(exchange_notices.EXPORT_KEY)
    assert said_at_next_start(exchange_notices.EXPORT_KEY) == ""


def test_an_import_that_closing_cuts_short_is_told_at_the_next_start(
    hearth: Hearth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.controllers.conversations.exchange_controller._FINISH_SECONDS", 0.0)
    release = threading.Event()
    cancel = ImportJob.cancel
    monkeypatch.setattr(ImportJob, "cancel", lambda job: (release.set(), cancel(job)))
    hearth.store_thread.submit(lambda _store: release.wait())
    (tmp_path / "some.json").write_text(json.dumps(foreign.chatgpt()))
    choose(trigger(hearth, "import_conversations"), tmp_path / "some.json")
    hearth.shut_down()
    assert "closed before some.json was read to its end" in said_at_next_start(exchange_notices.IMPORT_KEY)
    assert said_at_next_start(exchange_notices.IMPORT_KEY) == ""


def said_at_next_start(key: str) -> str:
    """Return what a notice of the next window says, "" if there is none."""
    opened = Hearth(locate(), scripted_engine_command("echo"))
    try:
        opened.start()
        row = notice(opened, key)
        return row.notice.text if row is not None else ""
    finally:
        opened.shut_down()
        opened.window.deleteLater()
        opened.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def listed(hearth: Hearth) -> list[Conversation]:
    model = hearth.conversation_model
    return [model.conversation(row) for row in range(model.rowCount())]
