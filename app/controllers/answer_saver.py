"""Writes a growing answer to the store at least every 500 ms, and keeps what could not be written until it can."""

import logging

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.controllers.store_requests import StoreRequests
from app.conversations.errors import ConversationGone, StoreError
from app.conversations.records import Message

# Leaves the store's thread 100 ms of the 500 that a growing answer may be unsaved.
SAVE_INTERVAL_MS = 400
RETRY_INTERVAL_MS = 5000
_log = logging.getLogger(__name__)


class AnswerSaver(QObject):
    """Owns two timers. failed carries the StoreError when something stays unsaved; recovered() when all is saved."""

    failed = Signal(object)
    recovered = Signal()

    def __init__(self, requests: StoreRequests, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._requests = requests
        self._growing_id = ""
        # The newest state of every answer that is not known to be saved: what is retried is never an older one.
        self._newest: dict[str, Message] = {}
        self._failed_ids: set[str] = set()
        self._save_timer = QTimer(self, interval=SAVE_INTERVAL_MS, singleShot=True)
        self._save_timer.timeout.connect(self._on_save_due)
        self._retry_timer = QTimer(self, interval=RETRY_INTERVAL_MS, singleShot=True)
        self._retry_timer.timeout.connect(self.retry)

    @property
    def has_unsaved(self) -> bool:
        """Whether something could not be written yet."""
        return bool(self._failed_ids)

    def put(self, message: Message) -> None:
        """Have the growing answer saved soon; a newer state takes the place of one that still waits."""
        self._newest[message.id] = message
        self._growing_id = message.id
        if not self._save_timer.isActive():
            self._save_timer.start()

    def finish(self, message: Message) -> None:
        """Have the finished answer saved now."""
        self._save_timer.stop()
        self._newest[message.id] = message
        self._save(message)

    @Slot()
    def retry(self) -> None:
        """Try again to write what could not be written."""
        for message_id in self._failed_ids:
            self._save(self._newest[message_id])

    def forget(self, conversation_id: str) -> None:
        """Give up what belongs to a conversation that was deleted for good."""
        gone = [key for key, message in self._newest.items() if message.conversation_id == conversation_id]
        for message_id in gone:
            self._give_up(message_id)

    @Slot()
    def _on_save_due(self) -> None:
        message = self._newest.get(self._growing_id)
        if message is not None:
            self._save(message)

    def _save(self, message: Message) -> None:
        self._requests.request(
            lambda store: store.save_message(message),
            lambda _: self._on_saved(message),
            lambda error: self._on_failed(message, error),
        )

    def _on_saved(self, message: Message) -> None:
        had_failed = bool(self._failed_ids)
        self._failed_ids.discard(message.id)
        if self._newest.get(message.id) is message:
            del self._newest[message.id]
        if had_failed and not self._failed_ids:
            self._retry_timer.stop()
            self.recovered.emit()

    def _on_failed(self, message: Message, error: StoreError) -> None:
        if message.id not in self._newest:
            return
        if isinstance(error, ConversationGone):
            _log.info("an answer came to a conversation that is gone")
            self._give_up(message.id)
            return
        self._failed_ids.add(message.id)
        self._retry_timer.start()
        self.failed.emit(error)

    def _give_up(self, message_id: str) -> None:
        self._newest.pop(message_id, None)
        self._failed_ids.discard(message_id)
