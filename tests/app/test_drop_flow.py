"""Files and texts that are dropped on the real window, wherever it is."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.controllers.conversations import exchange_notices
from app.widgets.window.notice_row import NoticeRow
from tests.app.conversations.exchange import foreign
from tests.app.whole import Whole


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[Whole]:
    whole = Whole(qtbot, "echo")
    whole.wait(lambda: whole.hearth.checkpoints.plan is not None)
    whole.hearth.window.show_chat()
    yield whole
    whole.end()


def files(*paths: Path) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return mime


def drop(window: Whole, onto: QWidget, mime: QMimeData) -> None:
    """Drag into a part of the window, and drop there if it is taken."""
    at = onto.mapTo(window.hearth.window, onto.rect().center())
    action, buttons, keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    entered = QDragEnterEvent(at, action, mime, buttons, keys)
    QApplication.sendEvent(window.hearth.window, entered)
    if entered.isAccepted():
        QApplication.sendEvent(window.hearth.window, QDropEvent(QPointF(at), action, mime, buttons, keys))


def notice(window: Whole, key: str) -> NoticeRow:
    def found() -> list[NoticeRow]:
        return [row for row in window.notices.rows if row.notice.key == key and row.isVisible()]

    window.wait(lambda: bool(found()))
    return found()[0]


def chips(window: Whole) -> list[str]:
    return [item.name for item in window.composer.attachments.items if item.attachment is not None]


def export(folder: Path) -> Path:
    path = folder / "conversations.json"
    path.write_text(json.dumps(foreign.chatgpt()))
    return path


def press(qtbot: QtBot, row: NoticeRow, label: str) -> None:
    button = next(each for each in row.choice_buttons if each.text() == label)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_an_export_on_the_empty_page_is_imported_if_one_likes(qtbot: QtBot, window: Whole, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("some words")
    drop(window, window.hearth.window.page, files(export(tmp_path), tmp_path / "notes.txt"))
    offer = notice(window, exchange_notices.OFFER_KEY)
    assert offer.notice.text == "conversations.json looks like exported conversations."
    window.wait(lambda: chips(window) == ["notes.txt"])
    press(qtbot, offer, "Import")
    imported = "Imported one conversation from ChatGPT."
    window.wait(lambda: notice(window, exchange_notices.IMPORT_KEY).notice.text == imported)
    assert chips(window) == ["notes.txt"]


def test_chatgpts_page_is_offered_too_and_found_by_the_dialog(qtbot: QtBot, window: Whole, tmp_path: Path) -> None:
    (tmp_path / "chat.html").write_text(f"<html><script>var jsonData = {json.dumps(foreign.chatgpt())};</script>")
    drop(window, window.hearth.window.page, files(tmp_path / "chat.html"))
    press(qtbot, notice(window, exchange_notices.OFFER_KEY), "Import")
    imported = "Imported one conversation from ChatGPT."
    window.wait(lambda: notice(window, exchange_notices.IMPORT_KEY).notice.text == imported)
    dialog = window.hearth.exchange.dialogs.ask_import()
    assert "*.html" in dialog.nameFilters()[0]
    dialog.close()


def test_or_attached(qtbot: QtBot, window: Whole, tmp_path: Path) -> None:
    drop(window, window.hearth.window.page, files(export(tmp_path)))
    press(qtbot, notice(window, exchange_notices.OFFER_KEY), "Attach to the message")
    window.wait(lambda: chips(window) == ["conversations.json"])


def test_in_a_conversation_it_is_a_file_like_any_other(window: Whole, tmp_path: Path) -> None:
    window.say("Hello")
    window.wait(lambda: len(window.texts()) == 2 and window.hearth.chat.is_idle)
    drop(window, window.hearth.window.page.transcript, files(export(tmp_path)))
    window.wait(lambda: chips(window) == ["conversations.json"])


def test_the_sidebar_imports_whatever_page_is_shown(window: Whole, tmp_path: Path) -> None:
    window.hearth.window.show_models()
    drop(window, window.hearth.window.sidebar, files(export(tmp_path)))
    imported = "Imported one conversation from ChatGPT."
    window.wait(lambda: notice(window, exchange_notices.IMPORT_KEY).notice.text == imported)
    (tmp_path / "report.pdf").write_bytes(b"%PDF-1.7")
    drop(window, window.hearth.window.sidebar, files(tmp_path / "report.pdf"))
    window.wait(lambda: "no file with conversations" in notice(window, exchange_notices.IMPORT_KEY).notice.text)
    assert chips(window) == []


def test_a_file_that_can_not_be_read_says_why(window: Whole, tmp_path: Path) -> None:
    (tmp_path / "program.bin").write_bytes(bytes(range(256)) * 40)
    drop(window, window.hearth.window.page, files(tmp_path / "program.bin"))
    window.wait(lambda: "program.bin" in window.composer.attachments.problem.text())
    assert chips(window) == []


def test_ten_megabytes_that_are_dropped_as_text_become_an_attachment(window: Whole) -> None:
    """Fault row 31."""
    mime = QMimeData()
    mime.setText("Some words in a line\n" * 500_000)
    onto = window.composer.editor.viewport()
    action, buttons, keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(onto, QDragEnterEvent(QPoint(5, 5), action, mime, buttons, keys))
    QApplication.sendEvent(onto, QDropEvent(QPointF(5, 5), action, mime, buttons, keys))
    window.wait(lambda: chips(window) == ["Pasted text"])
    assert window.composer.text == ""


def test_text_that_is_dropped_anywhere_on_the_page_goes_into_the_message(window: Whole) -> None:
    window.say("Hello")
    window.wait(lambda: len(window.texts()) == 2 and window.hearth.chat.is_idle)
    page, cover = window.hearth.window.page, window.hearth.composer.drop_target.for_text
    mime = QMimeData()
    mime.setText("from elsewhere")
    at = page.transcript.mapTo(window.hearth.window, page.transcript.rect().center())
    action, buttons, keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(window.hearth.window, QDragEnterEvent(at, action, mime, buttons, keys))
    assert cover.isVisible()
    drop(window, page.transcript, mime)
    assert not cover.isVisible()
    assert window.composer.text == "from elsewhere"
    mime.setText("long " * 10_000)
    drop(window, page.transcript, mime)
    window.wait(lambda: chips(window) == ["Pasted text"])
    assert window.composer.text == "from elsewhere"
    drop(window, window.hearth.window.sidebar, files())  # nothing at all is dropped
    assert not cover.isVisible()
