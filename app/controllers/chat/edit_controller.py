"""What is written in messages that are edited: files are read for it, and all of it is kept for a restart."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from PySide6.QtCore import QObject, QTimer, Slot

from app.controllers.chat.attachment_intake import AttachmentIntake, Taken
from app.controllers.chat.jobs import Edit
from app.controllers.conversations.conversation_controller import ConversationController
from app.controllers.store_requests import StoreRequests
from app.conversations.attachment import Attachment
from app.conversations.editing import KeptEdit, drop_edit, keep_edit, list_edits
from app.models.message_edit import MessageEdit, MessageEdits

_Wanted = TypeVar("_Wanted")

# Later than a draft: an edit that was sent and has to wait becomes part of that before it is dropped here.
_SAVE_DELAY_MS = 100


class EditController(QObject):
    """Owns readers of files and one timer. An edit that says what its message says already is not kept."""

    def __init__(
        self,
        conversations: ConversationController,
        requests: StoreRequests,
        edits: MessageEdits,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._conversations = conversations
        self._requests = requests
        self._edits = edits
        self._looked_for: set[str] = set()  # conversations whose edits of earlier sessions are known
        self._conversation_ids: dict[str, str] = {}  # by message
        self._unsaved: set[str] = set()
        # By message of which the store holds something: its attachments, as a key press shall not write a book again.
        self._kept: dict[str, tuple[Attachment, ...]] = {}
        self._timer = QTimer(self, interval=_SAVE_DELAY_MS, singleShot=True)
        self._timer.timeout.connect(self.flush)
        self._intake = AttachmentIntake(self)
        self._intake.taken.connect(self._on_taken)
        edits.begun.connect(self._on_begun)
        edits.ended.connect(self._on_ended)
        conversations.shown.connect(self._on_shown)

    @Slot()
    def flush(self) -> None:
        """Have every change saved now."""
        self._timer.stop()
        for message_id in self._unsaved:
            self._save(message_id)
        self._unsaved.clear()

    @Slot(object)
    def go_on(self, job: Edit) -> None:
        """Edit a message again that was sent already, and taken back before its turn or not saved.

        On another page than the shown one it is kept for when that is shown again.
        """
        current = self._conversations.current
        message = current.tree.get(job.message_id) if current is not None else None
        if message is not None:
            kept = message.attachments if job.attachments is None else job.attachments
            edit = self._edits.get(message.id)
            if edit is not None:
                edit.put_before(job.text, kept)
            else:
                self._edits.restore(message, job.text, kept)
                self._note(message.id)
        else:
            kept_edit = KeptEdit(job.message_id, job.text, job.attachments or ())
            self._requests.keep(lambda store: keep_edit(store.databases_of([job.conversation_id]), kept_edit))
            self._looked_for.discard(job.conversation_id)

    @Slot(object)
    def on_restored(self, message_ids: Iterable[str]) -> None:
        """Keep the edits of these messages again: what was kept of them went when they were deleted."""
        for message_id in message_ids:
            self._kept.pop(message_id, None)
            self._note(message_id)

    def shut_down(self) -> None:
        """Stop reading and hand the rest to the store; blocks for a moment."""
        self._intake.shut_down()
        self.flush()

    @Slot()
    def _on_shown(self) -> None:
        conversation_id = self._conversations.current_id
        if conversation_id is not None and conversation_id not in self._looked_for:
            self._looked_for.add(conversation_id)
            self._requests.request(
                lambda store: list_edits(store.databases_of([conversation_id])),
                lambda found: self._restore(conversation_id, found),
            )

    def _restore(self, conversation_id: str, found: list[KeptEdit]) -> None:
        loaded = self._conversations.shelf.get(conversation_id)
        for kept in found:
            message = loaded.tree.get(kept.message_id) if loaded is not None else None
            if message is None:
                self._looked_for.discard(conversation_id)  # it was left before this was known
            elif self._edits.get(kept.message_id) is None:
                attachments = self._kept[kept.message_id] = kept.attachments or ()
                self._edits.restore(message, kept.text, attachments)

    @Slot(object)
    def _on_begun(self, edit: MessageEdit) -> None:
        message = edit.message
        self._conversation_ids[message.id] = message.conversation_id
        edit.changed.connect(lambda: self._note(message.id))
        edit.files_added.connect(self._reader(edit, self._intake.add_files))
        edit.text_added.connect(self._reader(edit, self._intake.add_text))
        edit.reading_cancelled.connect(self._canceller(edit))

    def _reader(self, edit: MessageEdit, add: Callable[[str, _Wanted, int], str]) -> Callable[[_Wanted], None]:
        def read(wanted: _Wanted) -> None:
            edit.set_problem(add(edit.message.id, wanted, len(edit.attachments)))
            self._tell(edit)

        return read

    def _canceller(self, edit: MessageEdit) -> Callable[[object], None]:
        def cancel(key: object) -> None:
            self._intake.cancel(str(key))
            self._tell(edit)

        return cancel

    def _tell(self, edit: MessageEdit) -> None:
        edit.set_reading(tuple(self._intake.items(edit.message.id)))

    @Slot(object)
    def _on_taken(self, taken: Taken) -> None:
        edit = self._edits.get(taken.owner_id)
        if edit is None:
            return
        if taken.attachment is not None:
            edit.add(taken.attachment)
        elif taken.problem:
            edit.add_problem(taken.problem)
        self._tell(edit)

    @Slot(object)
    def _on_ended(self, message_id: str) -> None:
        self._intake.cancel_all(message_id)
        self._note(message_id)

    def _note(self, message_id: str) -> None:
        self._unsaved.add(message_id)
        if not self._timer.isActive():
            self._timer.start()

    def _save(self, message_id: str) -> None:
        conversation_id = self._conversation_ids.get(message_id, "")
        edit = self._edits.get(message_id)
        if edit is not None and edit.is_changed:
            is_known = self._kept.get(message_id) == edit.attachments
            kept = KeptEdit(message_id, edit.text, None if is_known else edit.attachments)
            self._kept[message_id] = edit.attachments
            self._requests.keep(lambda store: keep_edit(store.databases_of([conversation_id]), kept))
        elif message_id in self._kept:
            del self._kept[message_id]
            self._requests.keep(lambda store: drop_edit(store.databases_of([conversation_id]), message_id))
