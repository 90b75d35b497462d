"""What is being typed and attached in each conversation, kept in the store soon after each change for a restart."""

from collections.abc import Iterable

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.controllers.store_requests import StoreRequests
from app.conversations.attachment import Attachment

# The composer has waited for a pause in typing already; this joins what changes together.
SAVE_DELAY_MS = 50


class DraftKeeper(QObject):
    """Owns one timer. Messages that wait for their turn are kept as part of the draft: they are not saved elsewhere.

    Signal attachments_changed(conversation id).
    """

    attachments_changed = Signal(object)

    def __init__(self, requests: StoreRequests, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._requests = requests
        self._drafts: dict[str, str] = {}
        self._attached: dict[str, tuple[Attachment, ...]] = {}
        self._waiting: dict[str, tuple[str, ...]] = {}
        self._waiting_attached: dict[str, tuple[Attachment, ...]] = {}
        self._changed: set[str] = set()
        self._attached_changed: set[str] = set()  # apart, as a keystroke shall not write a book once more
        self._timer = QTimer(self, interval=SAVE_DELAY_MS, singleShot=True)
        self._timer.timeout.connect(self.flush)

    def draft(self, conversation_id: str, stored: str) -> str:
        """Return what was last typed there in this session, else what is stored."""
        return self._drafts.get(conversation_id, stored)

    def know_draft(self, conversation_id: str, stored: str) -> None:
        """Take over what is stored, unless something was typed there in this session."""
        self._drafts.setdefault(conversation_id, stored)

    def set_draft(self, conversation_id: str, text: str) -> None:
        """Remember what is typed and have it saved soon."""
        if self._drafts.get(conversation_id) != text:
            self._drafts[conversation_id] = text
            self._note(conversation_id)

    def attachments(self, conversation_id: str) -> tuple[Attachment, ...]:
        """Return what is attached to the message that is being typed there."""
        return self._attached.get(conversation_id, ())

    def know_attachments(self, conversation_id: str, stored: tuple[Attachment, ...]) -> None:
        """Take over what is stored, unless something was attached or removed there in this session."""
        self._attached.setdefault(conversation_id, stored)

    def set_attachments(self, conversation_id: str, attachments: tuple[Attachment, ...]) -> None:
        """Remember what is attached to the message that is being typed and have it saved soon."""
        if self._attached.get(conversation_id, ()) != attachments:
            self._attached[conversation_id] = attachments
            self._note_attached(conversation_id)
            self.attachments_changed.emit(conversation_id)

    def move(self, from_id: str, to_id: str) -> None:
        """Let what is typed and attached in one conversation stand before that of another, and not in the first."""
        texts = (self._drafts.get(from_id, ""), self._drafts.get(to_id, ""))
        attachments = (*self.attachments(from_id), *self.attachments(to_id))
        self.set_draft(from_id, "")
        self.set_attachments(from_id, ())
        self.set_draft(to_id, _joined(texts))
        self.set_attachments(to_id, attachments)

    def set_waiting(
        self, conversation_id: str, texts: tuple[str, ...], attachments: tuple[Attachment, ...] = ()
    ) -> None:
        """Remember which sent messages wait there, and what is attached to them, and have them saved soon."""
        if self._waiting.get(conversation_id, ()) != texts:
            self._waiting[conversation_id] = texts
            self._note(conversation_id)
        if self._waiting_attached.get(conversation_id, ()) != attachments:
            self._waiting_attached[conversation_id] = attachments
            self._note_attached(conversation_id)

    def forget(self, conversation_id: str) -> None:
        """Save nothing more for a conversation that was deleted."""
        self._changed.discard(conversation_id)
        self._attached_changed.discard(conversation_id)

    @Slot()
    def flush(self) -> None:
        """Save every change now."""
        self._timer.stop()
        for conversation_id in self._changed:
            self._save(conversation_id)
        for conversation_id in self._attached_changed:
            self._save_attached(conversation_id)
        self._changed.clear()
        self._attached_changed.clear()

    def _note(self, conversation_id: str) -> None:
        self._changed.add(conversation_id)
        self._start()

    def _note_attached(self, conversation_id: str) -> None:
        self._attached_changed.add(conversation_id)
        self._start()

    def _start(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _save(self, conversation_id: str) -> None:
        parts = (*self._waiting.get(conversation_id, ()), self._drafts.get(conversation_id, ""))
        text = _joined(parts)
        self._requests.keep(lambda store: store.save_draft(conversation_id, text), key=("draft", conversation_id))

    def _save_attached(self, conversation_id: str) -> None:
        waiting = self._waiting_attached.get(conversation_id, ())
        attachments = (*waiting, *self._attached.get(conversation_id, ()))
        self._requests.keep(
            lambda store: store.save_draft_attachments(conversation_id, attachments), key=("attached", conversation_id)
        )


def _joined(texts: Iterable[str]) -> str:
    return "\n\n".join(text for text in texts if text.strip())
