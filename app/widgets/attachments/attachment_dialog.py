"""Shows what the model gets of an attachment: the text that was taken out of it, however long, never interpreted."""

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication, QTextCursor
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from app.conversations.attachment import Attachment
from app.language import tr
from app.models.attachment_item import size_of
from app.widgets.basics.dialog_size import size_on_screen
from app.widgets.basics.foreign_text import set_tooltip
from app.widgets.basics.plain_label import plain_label
from app.widgets.editors.paragraph_sides import ParagraphSides
from app.widgets.editors.pasting_edit import MOST_CHARACTERS, MOST_LINES
from app.widgets.editors.wrap_mode import wrap_mode_for

_SIZE_PX = (680, 520)
# The text comes in pieces, each laid out well within a frame or two; a line of millions would be laid out whole.
_PIECE_CHARACTERS = 20_000
_LINE_CHARACTERS = 5_000
_FIELD_PADDING = 8


class AttachmentDialog(QDialog):
    """Copy takes the exact text. Signal put_back_requested(): it shall stand in the message instead."""

    put_back_requested = Signal()

    def __init__(self, attachment: Attachment, parent: QWidget | None = None, *, can_be_put_back: bool = False) -> None:
        super().__init__(parent)
        self._attachment = attachment
        self._shown = 0
        self.setWindowTitle(attachment.name)
        size_on_screen(self, *_SIZE_PX)
        self.text = QPlainTextEdit()
        ParagraphSides(self.text)
        self.text.setReadOnly(True)
        self.text.setUndoRedoEnabled(False)
        self.text.setAccessibleName(tr("Text of {name}").format(name=attachment.name))
        self.text.setWordWrapMode(wrap_mode_for(attachment.text))
        self.text.document().setDocumentMargin(_FIELD_PADDING)
        copy = QPushButton(tr("&Copy text"))
        copy.clicked.connect(self._on_copy)
        self.put_back_button = QPushButton(tr("&Put into the message"))
        self.put_back_button.clicked.connect(self._on_put_back)
        self.put_back_button.setVisible(can_be_put_back)
        if len(attachment.text) > MOST_CHARACTERS or attachment.text.count("\n") >= MOST_LINES:
            self.put_back_button.setEnabled(False)
            set_tooltip(self.put_back_button, tr("It is too long to be edited as a message."))
        close = QPushButton(tr("Close"))
        close.setDefault(True)
        close.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.addWidget(copy)
        buttons.addWidget(self.put_back_button)
        buttons.addStretch(1)
        buttons.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 20, 16)
        column.setSpacing(8)
        self._add_heading(column)
        column.addWidget(self.text, 1)
        column.addSpacing(4)
        column.addLayout(buttons)
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._show_more)
        self._show_more()
        self._timer.start()
        self.text.setFocus()

    def _add_heading(self, column: QVBoxLayout) -> None:
        column.addWidget(plain_label(self._attachment.name, "heading", wraps=True))
        about = tr("{size}. This is the text that the model gets.").format(size=size_of(self._attachment))
        column.addWidget(plain_label(about, "muted", wraps=True))
        if self._attachment.note:
            column.addWidget(plain_label(self._attachment.note, "warning", wraps=True))

    @Slot()
    def _show_more(self) -> None:
        text = self._attachment.text
        piece = text[self._shown : self._shown + _PIECE_CHARACTERS]
        if not piece:
            self._timer.stop()
            return
        self._shown += len(piece)
        cursor = QTextCursor(self.text.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(with_short_lines(piece))

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self._attachment.text)

    @Slot()
    def _on_put_back(self) -> None:
        self.put_back_requested.emit()
        self.accept()


def with_short_lines(text: str) -> str:
    """Return the text with ends in lines that would take seconds to lay out; only for looking at it."""
    lines: list[str] = []
    for line in text.split("\n"):
        lines.extend(line[start : start + _LINE_CHARACTERS] for start in range(0, max(1, len(line)), _LINE_CHARACTERS))
    return "\n".join(lines)
