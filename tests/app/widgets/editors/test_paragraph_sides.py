"""What is typed, pasted and restored in Hebrew stands on the right, paragraph by paragraph."""

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent, QTextCursor
from PySide6.QtWidgets import QApplication, QPlainTextEdit
from pytestqt.qtbot import QtBot

from app.conversations.attachment import Attachment
from app.widgets.attachments.attachment_dialog import AttachmentDialog
from app.widgets.basics.theme import Theme
from app.widgets.editors.growing_text_edit import GrowingTextEdit
from tests.app.widgets.conftest import Shown


@pytest.fixture
def editor(qtbot: QtBot, theme: Theme) -> GrowingTextEdit:
    widget = GrowingTextEdit()
    qtbot.addWidget(widget)
    widget.resize(400, 200)
    widget.show()
    return widget


def _begins_right(editor: QPlainTextEdit, number: int) -> bool:
    """Return whether a paragraph's first letter stands in the right half."""
    cursor = QTextCursor(editor.document().findBlockByNumber(number))
    return editor.cursorRect(cursor).center().x() > editor.viewport().width() / 2


def _type(editor: QPlainTextEdit, text: str) -> None:
    for letter in text:
        QApplication.sendEvent(editor, QKeyEvent(QEvent.Type.KeyPress, 0, Qt.KeyboardModifier.NoModifier, letter))


def test_each_paragraph_stands_where_its_words_begin(editor: GrowingTextEdit) -> None:
    editor.set_text("שלום `x`\nEnglish\nاسم")
    assert [_begins_right(editor, number) for number in range(3)] == [True, False, True]

    editor.set_text("English only")
    assert not _begins_right(editor, 0)


def test_typing_turns_a_paragraph_and_an_empty_editor_begins_anew(editor: GrowingTextEdit) -> None:
    editor.insertPlainText("ab\n")
    _type(editor, "של")
    assert [_begins_right(editor, number) for number in range(2)] == [False, True]
    editor.selectAll()
    editor.insertPlainText("")
    _type(editor, "abc")
    assert not _begins_right(editor, 0)
    assert editor.document().defaultTextOption().alignment() == Qt.AlignmentFlag.AlignLeft  # and no line is stretched


def test_a_restored_draft_and_a_file_stand_so_too(qtbot: QtBot, shown: Shown) -> None:
    composer = shown.window.page.composer
    composer.set_text("שלום")
    assert _begins_right(composer.editor, 0)

    dialog = AttachmentDialog(Attachment(name="a.txt", text="שלום\nline", size_bytes=9), shown.window)
    qtbot.addWidget(dialog)
    dialog.show()
    assert [_begins_right(dialog.text, number) for number in range(2)] == [True, False]
