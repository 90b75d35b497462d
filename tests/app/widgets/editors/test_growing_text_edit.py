"""The growing editor: what it shows while it is empty, and where its cursor is."""

import pytest
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.models.transcript_model import TranscriptModel
from app.widgets.basics.theme import LIGHT
from app.widgets.editors.growing_text_edit import GrowingTextEdit
from app.widgets.window.conversation_page import ConversationPage


def test_a_placeholder_without_room_is_cut_with_an_ellipsis(qtbot: QtBot) -> None:
    editor = GrowingTextEdit()
    qtbot.addWidget(editor)
    editor.resize(600, 40)
    editor.show()
    editor.set_placeholder("Message the example model")
    assert editor.placeholderText() == "Message the example model"
    editor.resize(120, 40)
    editor.set_text_size(32)
    assert editor.placeholderText().endswith("…")
    assert editor.fontMetrics().horizontalAdvance(editor.placeholderText()) < editor.viewport().width()
    editor.resize(600, 40)
    assert editor.placeholderText() == "Message the example model"


def test_nothing_in_place_of_nothing_is_no_change_and_takes_nothing_back(qtbot: QtBot) -> None:
    editor = GrowingTextEdit()
    qtbot.addWidget(editor)
    changes: list[tuple[int, ...]] = []
    editor.document().contentsChange.connect(lambda *change: changes.append(change))
    editor.set_text("")
    assert changes == []
    qtbot.keyClicks(editor, "a")
    qtbot.keyClick(editor, Qt.Key.Key_Backspace)
    editor.set_text("")
    editor.undo()
    assert editor.text == ""


def test_a_page_is_pasted_as_its_text_where_a_program_gives_nothing_else(qtbot: QtBot) -> None:
    editor = GrowingTextEdit()
    qtbot.addWidget(editor)
    page = QMimeData()
    page.setHtml("<style>p {}</style><p>Some <b>bold</b> &amp; <a href='http://x.y/'>link</a></p><img src='file:///x'>")
    assert editor.canInsertFromMimeData(page)
    editor.insertFromMimeData(page)
    assert editor.text == "Some bold & link"


def test_a_page_that_only_shows_a_copied_picture_is_no_text(qtbot: QtBot) -> None:
    editor = GrowingTextEdit()
    editor.takes_attachments = True
    qtbot.addWidget(editor)
    copied = QMimeData()
    copied.setHtml("<img src='http://x.y/z.png' alt='A picture'>")
    copied.setImageData(QImage(2, 2, QImage.Format.Format_RGB32))
    with qtbot.waitSignal(editor.picture_pasted):
        editor.insertFromMimeData(copied)
    assert editor.text == ""


@pytest.mark.usefixtures("theme")
def test_the_cursor_stays_in_sight_when_the_window_becomes_narrower(qtbot: QtBot) -> None:
    page = ConversationPage(TranscriptModel(), LIGHT)
    qtbot.addWidget(page)
    page.resize(900, 760)
    page.show()
    page.activateWindow()
    editor = page.composer.editor
    editor.setFocus()
    qtbot.waitUntil(editor.hasFocus)
    editor.set_text("The light in the hall has been out since Monday. " * 40)
    editor.moveCursor(editor.textCursor().MoveOperation.End)
    page.composer.set_window_height(480)
    page.resize(470, 400)
    for _ in range(10):
        QApplication.processEvents()
    assert editor.verticalScrollBar().maximum() > 0
    assert editor.viewport().rect().contains(editor.cursorRect().center())


@pytest.fixture
def written(qtbot: QtBot) -> GrowingTextEdit:
    """An editor with the keyboard, 400 pixels wide; the text ends with a space, for which a full line has no room."""
    editor = GrowingTextEdit()
    qtbot.addWidget(editor)
    editor.resize(400, 60)
    editor.show()
    editor.activateWindow()
    editor.setFocus()
    qtbot.waitUntil(editor.hasFocus)
    editor.set_text("How often in a day does the water come and go? " * 3)
    return editor


@pytest.mark.parametrize("direction", [Qt.LayoutDirection.LeftToRight, Qt.LayoutDirection.RightToLeft])
def test_lines_never_move_sideways(written: GrowingTextEdit, direction: Qt.LayoutDirection) -> None:
    written.setLayoutDirection(direction)
    QApplication.processEvents()
    for width in [*range(400, 200, -3), *range(200, 400, 7)]:
        written.resize(width, written.height())
        QApplication.processEvents()
        block = written.document().firstBlock()
        left = written.blockBoundingGeometry(block).translated(written.contentOffset()).left()
        assert left == 0, f"at {width} pixels"


def test_the_cursor_stays_in_sight_when_the_editor_becomes_lower(written: GrowingTextEdit) -> None:
    written.set_text("\n".join(map(str, range(40))))
    for height in (240, 120, 60):
        written.set_maximum_height(height)
        QApplication.processEvents()
        assert written.viewport().rect().contains(written.cursorRect().center()), f"at {height} pixels"
    written.set_maximum_height(240)
    QApplication.processEvents()
    written.verticalScrollBar().setValue(0)
    written.set_maximum_height(120)
    QApplication.processEvents()
    assert written.verticalScrollBar().value() == 0, "what was scrolled to is read"


def test_a_page_that_is_too_long_is_refused_with_a_reason(qtbot: QtBot) -> None:
    editor = GrowingTextEdit()
    qtbot.addWidget(editor)
    page = QMimeData()
    page.setHtml(f"<p>{'word ' * 50_000}</p>")
    assert not page.text()
    with qtbot.waitSignal(editor.paste_refused) as refused:
        editor.insertFromMimeData(page)
    assert "too long to be pasted" in refused.args[0]
    assert not editor.toPlainText()
