"""One conversation: its messages (or an invitation), what has to be said about it, and the composer."""

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from app.models.attachment_item import AttachmentItem
from app.models.transcript_model import TranscriptModel
from app.models.waiting_item import WaitingItem
from app.widgets.access.tab_order import put_in_order, stops_in
from app.widgets.basics.private_mark import PrivateMark
from app.widgets.basics.theme import Theme
from app.widgets.composer.composer import Composer
from app.widgets.text.selected_text import copied_text
from app.widgets.transcript.transcript import Transcript
from app.widgets.transcript.transcript_find import TranscriptFind
from app.widgets.window.empty_state import EmptyState
from app.widgets.window.notice_bar import NoticeBar
from engine.api.message import Role

_PAGE_KEYS = (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)
_COMMAND_KEYS = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier


class _Pages(QStackedWidget):
    """Gives way to what stands in the composer: a small window shows less of the invitation."""

    def hasHeightForWidth(self) -> bool:
        return False

    def minimumSizeHint(self) -> QSize:
        return QSize(super().minimumSizeHint().width(), 1)


class ConversationPage(QWidget):
    """What asks for an answer also goes to the newest message, so that the answer is seen, and back to the composer.

    The button that asked may be gone with it: the keyboard is not left to whatever happens to come next.
    """

    send_requested = Signal(object)  # str
    regenerate_requested = Signal(object)  # message id
    continue_requested = Signal(object)  # message id
    edit_requested = Signal(object)  # (message id, text)
    branch_requested = Signal(object)  # message id
    rename_requested = Signal()  # of the conversation that is shown
    rows_changed = Signal()  # there are more or fewer messages

    def __init__(self, model: TranscriptModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._busy = False
        self._is_private = False
        self.transcript = Transcript(model, theme)
        self.finder = TranscriptFind(self.transcript, model, theme)
        self.empty_state = EmptyState(theme)
        self.private_mark = PrivateMark(theme)
        self.notices = NoticeBar(theme)
        self.composer = Composer(theme)
        self._pages = _Pages()
        self._pages.addWidget(self.empty_state)
        self._pages.addWidget(self.transcript)
        column = self._column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.private_mark)
        column.addWidget(self._pages, 1)
        column.addWidget(self.notices)
        column.addWidget(self.composer)
        self.notices.left.connect(self.composer.take_focus)
        self.empty_state.prompt_chosen.connect(self._on_send)
        self.composer.send_requested.connect(self._on_send)
        self.composer.edit_last_requested.connect(self.edit_last)
        self.transcript.regenerate_requested.connect(self._on_regenerate)
        self.transcript.continue_requested.connect(self._on_continue)
        self.transcript.edit_requested.connect(self._on_edit)
        self.transcript.branch_requested.connect(self.branch_requested)
        for changed in (model.modelReset, model.rowsInserted, model.rowsRemoved):
            changed.connect(self._on_rows_changed)
        put_in_order([*stops_in(self.finder.bar), self.transcript, self.transcript.newest_button])
        self._show_page()

    @property
    def beside_messages(self) -> tuple[QWidget, ...]:
        """What floats above the messages and is visited by itself."""
        return self.finder.bar, self.transcript.newest_button

    def set_busy(self, busy: bool) -> None:
        """Show that the conversation is being answered, or that it no longer is."""
        self._busy = busy
        self.composer.set_busy(busy)
        self.transcript.set_busy(busy)

    def set_queue(self, queue: tuple[WaitingItem, ...]) -> None:
        """Show what waits to be sent."""
        self.composer.set_queue(queue)
        self.empty_state.set_asked(bool(queue))

    def set_attachments(self, items: tuple[AttachmentItem, ...]) -> None:
        """Show what is attached, and what is still being read."""
        self.composer.set_attachments(items)
        self.empty_state.set_attached(bool(items))

    def set_private(self, is_private: bool) -> None:
        """Show that nothing of the conversation is saved, or that it is."""
        self._is_private = is_private
        self.empty_state.set_private(is_private)
        self._show_page()

    def set_model_name(self, name: str) -> None:
        """Say who answers, "" if no model is loaded."""
        self.empty_state.set_model_name(name)
        self.composer.set_model_name(name)

    def set_theme(self, theme: Theme) -> None:
        """Draw in another theme or text size."""
        for part in (self.transcript, self.finder, self.empty_state, self.private_mark, self.notices, self.composer):
            part.set_theme(theme)

    def hold_notices(self, notices: NoticeBar) -> None:
        """Show the notices between messages and composer."""
        self._column.insertWidget(self._column.indexOf(self.composer), notices)

    def has_message_of(self, role: Role) -> bool:
        """Return whether somebody has said anything yet."""
        return self.transcript.last_of(role) is not None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take what is typed while a message or a button has the keyboard as the beginning of a message."""
        if is_text(event):
            self.composer.take_key(event)
        elif event.key() == Qt.Key.Key_F2 and event.modifiers() == Qt.KeyboardModifier.NoModifier:
            self.rename_requested.emit()  # as in the list, which a click left for the composer
        elif event.key() in _PAGE_KEYS and self.transcript.isVisible():
            self.transcript.turn_page(-1 if event.key() == Qt.Key.Key_PageUp else 1)
        else:
            super().keyPressEvent(event)

    @Slot()
    def edit_last(self) -> None:
        """Begin to edit the user's last message, unless an answer is being written."""
        if not self._busy:
            self.transcript.edit_last()

    @Slot()
    def regenerate_last(self) -> None:
        """Ask for another version of the last answer, or for one to a message that has none any more."""
        rows = self._model.rowCount()
        if rows:
            self._on_regenerate(self._model.entry(rows - 1).message.id)

    @Slot()
    def branch_last(self) -> None:
        """Ask for a new conversation that holds this one up to the last answer."""
        entry = self.transcript.last_of(Role.ASSISTANT)
        if entry is not None and entry.message.content:
            self.branch_requested.emit(entry.message.id)

    @Slot()
    def copy_last_answer(self) -> None:
        """Put the last answer, as it was written, on the clipboard."""
        entry = self.transcript.last_of(Role.ASSISTANT)
        if entry is not None:
            QGuiApplication.clipboard().setText(copied_text(entry.message))

    def _show_page(self) -> None:
        empty = self._model.rowCount() == 0
        self._pages.setCurrentWidget(self.empty_state if empty else self.transcript)
        self.private_mark.setVisible(self._is_private and not empty)  # the empty page says it larger

    @Slot()
    def _on_rows_changed(self) -> None:
        self._show_page()
        self.rows_changed.emit()

    @Slot(object)
    def _on_send(self, text: object) -> None:
        self.transcript.follow()
        self.send_requested.emit(text)

    @Slot(object)
    def _on_regenerate(self, message_id: object) -> None:
        self.transcript.follow()
        self.regenerate_requested.emit(message_id)
        self.composer.take_focus()

    @Slot(object)
    def _on_continue(self, message_id: object) -> None:
        self.transcript.follow()
        self.continue_requested.emit(message_id)
        self.composer.take_focus()

    @Slot(object)
    def _on_edit(self, change: object) -> None:
        self.transcript.follow()
        self.edit_requested.emit(change)
        self.composer.take_focus()


def is_text(event: QKeyEvent) -> bool:
    """Return whether a key writes something, so that it can be the beginning of a message."""
    text = event.text()
    return text.isprintable() and bool(text.strip()) and not event.modifiers() & _COMMAND_KEYS
