"""A message while it is being edited in its place."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.conversations.attachment import Attachment
from app.language import tr
from app.widgets.attachments.sent_attachments import SentAttachments
from app.widgets.basics.focus_frame import FocusFrame
from app.widgets.basics.growing_text_edit import GrowingTextEdit
from app.widgets.basics.theme import Theme

_MAXIMUM_HEIGHT_PX = 320


class _AnswerEdit(GrowingTextEdit):
    """Answers have paragraphs: Enter makes one, Ctrl+Enter is for saving."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take Enter as typing."""
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_enter and not event.modifiers() & Qt.KeyboardModifier.ControlModifier and not self.is_composing:
            self.textCursor().insertBlock()
            self.ensureCursorVisible()
            event.accept()
        else:
            super().keyPressEvent(event)


class MessageEditor(QFrame):
    """Save & send (or Enter) hands over the text, Cancel (or Esc) leaves it as it was.

    is_answer: nothing is sent, and Enter makes a paragraph.
    """

    accepted = Signal(object)  # str
    cancelled = Signal()

    def __init__(
        self,
        text: str,
        theme: Theme,
        parent: QWidget | None = None,
        *,
        is_answer: bool = False,
        attachments: tuple[Attachment, ...] = (),
    ) -> None:
        super().__init__(parent)
        self.setProperty("surface", "composer")
        self.editor = _AnswerEdit() if is_answer else GrowingTextEdit()
        self.editor.setProperty("bare", "true")
        FocusFrame(self, self.editor)
        self.editor.setAccessibleName(tr("Edit the answer") if is_answer else tr("Edit your message"))
        self.editor.set_text_size(theme.text_size_px)
        self.editor.set_text(text)
        self.editor.set_maximum_height(_MAXIMUM_HEIGHT_PX)
        self.editor.submitted.connect(self._on_accept)
        self.editor.escaped.connect(self.cancelled)
        self.cancel_button = QPushButton(tr("Cancel"))
        self.cancel_button.clicked.connect(self.cancelled)
        self.save_button = QPushButton(tr("Save as another version") if is_answer else tr("Save && send"))
        self.save_button.setProperty("kind", "primary")
        self.save_button.clicked.connect(self._on_accept)
        self.attachments = SentAttachments(theme, removable=True)
        self.attachments.set_attachments(attachments)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.cancel_button)
        buttons.addWidget(self.save_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 12, 12)
        column.setSpacing(12)
        column.addWidget(self.attachments)
        column.addWidget(self.editor)
        column.addLayout(buttons)
        self.setFocusProxy(self.editor)

    def begin(self) -> None:
        """Take the keyboard."""
        self.editor.setFocus()

    @Slot()
    def _on_accept(self) -> None:
        text = self.editor.text.strip()
        if text or self.attachments.attachments:
            self.accepted.emit(text)
