"""The growing editor: what it shows while it is empty."""

from pytestqt.qtbot import QtBot

from app.widgets.editors.growing_text_edit import GrowingTextEdit


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
