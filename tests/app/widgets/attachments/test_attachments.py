"""Attachments as one sees them: chips, preview, paste, drop, and those of messages that were sent."""

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QColor, QDragEnterEvent, QDropEvent, QImage
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.attachments.outcome import Note, Remark
from app.attachments.words import note_words
from app.conversations.attachment import Attachment
from app.models.attachment_item import AttachmentItem
from app.models.context_use import ContextUse
from app.models.transcript_model import TranscriptEntry
from app.widgets.attachments.attachment_dialog import AttachmentDialog
from app.widgets.basics.theme import Theme
from app.widgets.composer.composer import Composer
from app.widgets.editors.drop_target import DropTarget
from app.widgets.transcript.message_widget import RowStyle
from app.widgets.transcript.user_message import UserMessage
from tests.app.conversations.samples import a_message
from tests.app.widgets.conftest import Shown
from tests.work import work_of

FILES = [QUrl.fromLocalFile("/tmp/a.txt"), QUrl.fromLocalFile("/tmp/b.pdf")]
PATHS = ("/tmp/a.txt", "/tmp/b.pdf")


def attachment(name: str = "report.pdf", text: str = "some words", **more: object) -> Attachment:
    return Attachment(name=name, text=text, size_bytes=len(text), **more)  # type: ignore[arg-type]


def item(name: str = "report.pdf", text: str = "some words", **more: object) -> AttachmentItem:
    return AttachmentItem(f"read:{name}", name, attachment(name, text, **more))


@pytest.fixture
def composer(qtbot: QtBot, theme: Theme) -> Composer:
    widget = Composer(theme)
    qtbot.addWidget(widget)
    widget.resize(700, 300)
    with qtbot.waitExposed(widget):
        widget.show()
    widget.take_focus()
    return widget


def pasted(composer: Composer, mime: QMimeData) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    composer.files_chosen.connect(lambda paths: found.append(("files", paths)))
    composer.long_text_pasted.connect(lambda text: found.append(("text", text)))
    composer.picture_pasted.connect(lambda: found.append(("picture", None)))
    composer.editor.insertFromMimeData(mime)
    return found


def test_pasted_files_are_attached(composer: Composer) -> None:
    mime = QMimeData()
    mime.setUrls(FILES)
    assert pasted(composer, mime) == [("files", PATHS)]
    assert composer.text == ""


def test_a_long_paste_becomes_an_attachment_and_a_short_one_text(composer: Composer) -> None:
    mime = QMimeData()
    mime.setText("x" * 10_001)
    assert pasted(composer, mime) == [("text", "x" * 10_001)]
    mime.setText("x" * 10_000)
    composer.editor.insertFromMimeData(mime)
    assert composer.text == "x" * 10_000
    composer.editor.undo()
    assert composer.text == ""


def test_rich_text_is_pasted_plain_and_a_picture_is_refused(composer: Composer) -> None:
    mime = QMimeData()
    mime.setHtml("<b>bold</b>")
    mime.setText("bold")
    assert pasted(composer, mime) == []
    assert composer.text == "bold"
    picture = QMimeData()
    picture.setImageData(QImage(4, 4, QImage.Format.Format_RGB32))
    assert pasted(composer, picture)[0] == ("picture", None)


def test_ten_megabytes_are_handed_over_without_a_look_at_each_word(composer: Composer) -> None:
    """Fault row 31: an editor would take seconds to lay them out."""
    mime = QMimeData()
    mime.setText("word " * 2_000_000)
    changes: list[object] = []
    composer.editor.document().contentsChange.connect(lambda *change: changes.append(change))
    cost = work_of(lambda: changes.append(pasted(composer, mime)))
    assert changes == [[("text", "word " * 2_000_000)]]
    assert cost.total() < 200


def test_a_chip_is_opened_and_removed_by_keyboard(qtbot: QtBot, composer: Composer) -> None:
    removed: list[object] = []
    composer.attachment_removed.connect(removed.append)
    composer.set_attachments((item("a.txt"), item("b & c.txt", note="1 of 2 pages is a picture without text.")))
    first, second = composer.attachments.chips
    assert first.name_button.accessibleName() == "a.txt, 10 characters"
    assert "picture without text" in second.name_button.accessibleName()
    second.name_button.setFocus()
    qtbot.keyClick(second.name_button, Qt.Key.Key_Return)
    dialog = composer.findChild(AttachmentDialog) or composer.window().findChild(AttachmentDialog)
    assert dialog is not None
    assert dialog.text.toPlainText() == "some words"
    put_back: list[object] = []
    composer.attachment_withdrawn.connect(put_back.append)
    dialog.put_back_button.click()
    assert put_back == [second.item.attachment]
    assert composer.text == "some words"
    qtbot.keyClick(second.name_button, Qt.Key.Key_Delete)
    assert removed == ["read:b & c.txt"]


def test_the_keyboard_stays_with_the_chips_then_goes_to_the_editor(qtbot: QtBot, composer: Composer) -> None:
    composer.set_attachments((item("a.txt"), item("b.txt")))
    composer.attachments.chips[1].name_button.setFocus()
    composer.set_attachments((item("a.txt"),))
    assert composer.attachments.chips[0].name_button.hasFocus()
    composer.set_attachments(())
    assert composer.editor.hasFocus()
    assert not composer.attachments.isVisible()


def test_nothing_is_sent_while_a_file_is_being_read(qtbot: QtBot, composer: Composer) -> None:
    texts: list[object] = []
    composer.send_requested.connect(texts.append)
    composer.set_attachments((AttachmentItem("reading:1", "big.pdf"),))
    assert composer.attachments.chips[0].name_button.text().strip() == "Reading big.pdf …"
    qtbot.keyClicks(composer.editor, "Sum up")
    qtbot.keyClick(composer.editor, Qt.Key.Key_Return)
    assert texts == []
    assert composer.text == "Sum up"
    assert "big.pdf is still being read" in composer.attachments.problem.text()
    composer.set_attachments((item("big.pdf"),))
    assert composer.attachments.problem.text() == ""
    composer.set_text("")
    assert composer.button.isEnabled()
    qtbot.keyClick(composer.editor, Qt.Key.Key_Return)
    assert texts == [""]
    assert composer.attachments.problem.text() == ""


def test_attachments_that_are_too_long_for_the_model_are_said_before_sending(composer: Composer) -> None:
    composer.set_attachments((item(text="word " * 2_000),))
    composer.attachments.set_window_tokens(4_096)
    assert composer.attachments.problem.text() == ""
    composer.attachments.set_window_tokens(2_048)
    assert "too long for the model, which can hold 2,048 tokens." in composer.attachments.problem.text()


def test_what_is_too_long_is_told_by_one_count(composer: Composer) -> None:
    """The engine's own count stands beside it, which may be far from a guess by the length of the text."""
    composer.set_attachments((item(text="word " * 2_000),))
    composer.set_context_use(ContextUse(used_tokens=4_321, window_tokens=2_048))
    assert "2,500" not in composer.attachments.problem.text() != ""
    composer.set_context_use(ContextUse(used_tokens=2_012, window_tokens=2_048))
    assert composer.attachments.problem.text() == ""


def test_many_chips_scroll_instead_of_pushing_the_editor_away(qtbot: QtBot, composer: Composer) -> None:
    composer.resize(460, 400)
    composer.set_window_height(480)
    composer.set_attachments(tuple(item(f"a file with a longer name {number}.txt") for number in range(20)))
    qtbot.wait(20)
    assert composer.attachments.height() <= 100
    assert composer.editor.height() > 0


def test_no_chip_is_cut_where_there_is_little_room(qtbot: QtBot, composer: Composer) -> None:
    composer.resize(420, 400)
    composer.set_window_height(480)
    note = "1 of 3 pages is a picture without text."
    composer.set_attachments(tuple(item(f"Quarterly report for the board {n}.pdf", note=note) for n in range(9)))
    qtbot.wait(20)
    for chip in composer.attachments.chips:
        room = chip.parentWidget().parentWidget()  # what the scroll area shows
        assert chip.mapTo(room, chip.rect().topRight()).x() <= room.rect().right()
        assert chip.size_label.text() == "⚠"
    composer.resize(900, 400)
    qtbot.wait(20)
    assert composer.attachments.chips[0].size_label.text() == "10 characters ⚠"


def test_two_million_characters_are_shown_piece_by_piece(qtbot: QtBot, theme: Theme) -> None:
    text = "x" * 1_000_000 + "\n" + "word " * 200_000
    dialog = AttachmentDialog(attachment(text=text))
    qtbot.addWidget(dialog)
    dialog.show()
    pieces: list[int] = []
    dialog.text.document().contentsChange.connect(lambda _place, _removed, added: pieces.append(added))
    qtbot.waitUntil(lambda: not dialog._timer.isActive(), timeout=120_000)
    assert len(pieces) >= 99
    assert max(pieces) < 21_000
    shown = dialog.text.toPlainText()
    assert max(map(len, shown.split("\n"))) <= 10_000  # each line is laid out as a whole
    assert shown.replace("\n", "") == text.replace("\n", "")
    assert dialog.text.isReadOnly()
    assert not dialog.put_back_button.isEnabled()


def test_files_may_be_dropped_anywhere(qtbot: QtBot, shown: Shown) -> None:
    target = DropTarget(shown.window, shown.window.page, shown.window.sidebar)
    dropped: list[object] = []
    target.files_dropped.connect(dropped.append)
    mime = QMimeData()
    mime.setUrls(FILES)
    onto: QWidget = shown.window.page.composer.editor.viewport()
    actions, buttons, keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(onto, QDragEnterEvent(QPoint(3, 3), actions, mime, buttons, keys))
    assert target.isVisible()
    at = shown.window.page.mapTo(shown.window, QPoint(50, 50)).toPointF()
    QApplication.sendEvent(shown.window, QDropEvent(at, actions, mime, buttons, keys))
    assert dropped == [PATHS]
    assert not target.isVisible()
    imported: list[object] = []
    target.conversations_dropped.connect(imported.append)
    onto = shown.window.sidebar.list.viewport()
    QApplication.sendEvent(onto, QDragEnterEvent(QPoint(3, 3), actions, mime, buttons, keys))
    assert (target.isVisible(), target.beside.isVisible()) == (False, True)
    QApplication.sendEvent(shown.window, QDropEvent(QPointF(20, 200), actions, mime, buttons, keys))
    assert (dropped, imported) == ([PATHS], [PATHS])
    assert not target.beside.isVisible()
    text = QMimeData()
    text.setText("words")
    QApplication.sendEvent(shown.window, QDragEnterEvent(QPoint(3, 3), actions, text, buttons, keys))
    assert not target.isVisible()


def test_a_sent_message_shows_its_attachments_and_an_edit_can_drop_one(qtbot: QtBot, theme: Theme) -> None:
    message = a_message("Look", attachments=(attachment("a.txt"), attachment("b.txt")))
    row = UserMessage(TranscriptEntry(message, 1, 1), RowStyle(theme))
    qtbot.addWidget(row)
    row.show_entry(TranscriptEntry(message, 1, 1), True)
    row.resize(600, 300)
    row.show()
    assert [chip.item.name for chip in row.attachments.chips] == ["a.txt", "b.txt"]
    assert row.attachments.chips[0].remove_button.isHidden()
    changes: list[object] = []
    row.edit_requested.connect(changes.append)
    row.begin_editing()
    assert row.editor is not None
    row.editor.attachments.chips[0].remove_button.click()
    assert [chip.item.name for chip in row.editor.attachments.chips] == ["b.txt"]
    row.editor.save_button.click()
    row.begin_editing()
    row.editor.save_button.click()
    assert changes == [(message.id, "Look", message.attachments[1:]), (message.id, "Look")]


def test_a_message_of_attachments_only_has_no_empty_bubble(qtbot: QtBot, theme: Theme) -> None:
    entry = TranscriptEntry(a_message("", attachments=(attachment(),)), 1, 1)
    row = UserMessage(entry, RowStyle(theme))
    qtbot.addWidget(row)
    row.show_entry(entry, True)
    assert row.bubble.isHidden()
    assert not row.attachments.isHidden()


def test_a_long_name_that_is_being_read_is_cut_alone(composer: Composer, theme: Theme) -> None:
    composer.set_attachments((AttachmentItem("reading:1", "A report of all that was done in the last year.pdf"),))
    button = composer.attachments.chips[0].name_button
    words = button.text().strip()
    assert words.startswith("Reading A report")
    assert words.endswith("year.pdf …")
    assert button.palette().color(button.foregroundRole()) == QColor(theme.colors.muted)


@pytest.mark.parametrize(
    ("note", "words"),
    [
        (Note(Remark.PICTURE_PAGES, 1, 3), "1 of 3 pages is a picture without text."),
        (Note(Remark.PICTURE_PAGES, 2, 3), "2 of 3 pages are pictures without text."),
        (Note(Remark.PAGES_LEFT_OUT, 1, 3), "1 of 3 pages was left out, as the text is too long."),
        (Note(Remark.PAGES_LEFT_OUT, 2, 3), "2 of 3 pages were left out, as the text is too long."),
    ],
)
def test_one_page_is_one_page(note: Note, words: str) -> None:
    assert note_words((note,)) == words
