"""What is being typed in each conversation, kept in the store soon after each change so that a restart finds it."""

from PySide6.QtCore import QObject, QTimer, Slot

from app.controllers.store_requests import StoreRequests

# The composer has waited for a pause in typing already; this joins what changes together.
SAVE_DELAY_MS = 50


class DraftKeeper(QObject):
    """Owns one timer. Messages that wait for their turn are kept as part of the draft: they are not saved elsewhere."""

    def __init__(self, requests: StoreRequests, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._requests = requests
        self._drafts: dict[str, str] = {}
        self._waiting: dict[str, tuple[str, ...]] = {}
        self._changed: set[str] = set()
        self._timer = QTimer(self, interval=SAVE_DELAY_MS, singleShot=True)
        self._timer.timeout.connect(self.flush)

    def draft(self, conversation_id: str, stored: str) -> str:
        """Return what was last typed there in this session, else what is stored."""
        return self._drafts.get(conversation_id, stored)

    def set_draft(self, conversation_id: str, text: str) -> None:
        """Remember what is typed and have it saved soon."""
        if self._drafts.get(conversation_id) != text:
            self._drafts[conversation_id] = text
            self._note(conversation_id)

    def set_waiting(self, conversation_id: str, texts: tuple[str, ...]) -> None:
        """Remember which sent messages wait there and have them saved soon."""
        if self._waiting.get(conversation_id, ()) != texts:
            self._waiting[conversation_id] = texts
            self._note(conversation_id)

    def forget(self, conversation_id: str) -> None:
        """Save nothing more for a conversation that was deleted."""
        self._changed.discard(conversation_id)

    @Slot()
    def flush(self) -> None:
        """Save every change now; a draft that can't be saved is tried again with its next change."""
        self._timer.stop()
        for conversation_id in self._changed:
            self._save(conversation_id)
        self._changed.clear()

    def _note(self, conversation_id: str) -> None:
        self._changed.add(conversation_id)
        if not self._timer.isActive():
            self._timer.start()

    def _save(self, conversation_id: str) -> None:
        parts = (*self._waiting.get(conversation_id, ()), self._drafts.get(conversation_id, ""))
        text = "\n\n".join(part for part in parts if part.strip())
        self._requests.request(lambda store: store.save_draft(conversation_id, text))
