"""Takes conversations away, one or several at once, and brings them back while that can be undone."""

import time
from collections.abc import Iterable

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.controllers import notices
from app.controllers.conversations.conversation_controller import ConversationController
from app.controllers.store_requests import StoreRequests
from app.conversations.errors import StoreError
from app.conversations.records import Conversation
from app.conversations.store import ConversationStore
from app.models.conversation_list_model import ConversationListModel

UNDO_SECONDS = 20.0


class DeletionController(QObject):
    """Each deletion is one notice with one Undo, however many conversations it took.

    Signals: deleted(id), purged(tuple of ids: they are gone for good), notice_raised(Notice), notice_cleared(key).
    """

    deleted = Signal(object)
    purged = Signal(object)
    notice_raised = Signal(object)
    notice_cleared = Signal(object)

    def __init__(
        self,
        conversations: ConversationController,
        requests: StoreRequests,
        listed: ConversationListModel,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._conversations = conversations
        self._requests = requests
        self._listed = listed
        self._undoable: dict[str, tuple[Conversation, ...]] = {}  # by the id of the first
        self._purge_timer = QTimer(self, interval=int(UNDO_SECONDS * 1000), singleShot=True)
        self._purge_timer.timeout.connect(self._on_purge_due)

    def start(self) -> None:
        """Remove what was deleted before this start; what was deleted a moment before it goes when its time is over."""
        self._purge()
        self._requests.request(lambda store: store.list_conversations(deleted=True), self._on_left_over)

    @Slot(object)
    def delete(self, conversation_ids: str | Iterable[str]) -> None:
        """Take a conversation, or several, away; for some seconds they can be brought back."""
        wanted = [conversation_ids] if isinstance(conversation_ids, str) else list(conversation_ids)
        found = tuple(each for each in map(self._listed.found, wanted) if each is not None)
        if not found:
            return
        ids = [each.id for each in found]
        self._conversations.leave_page()
        self._undoable[ids[0]] = found
        for conversation_id in ids:
            self.deleted.emit(conversation_id)
        self._conversations.drafts.flush()
        self._listed.remove_all(ids)
        self._requests.request(
            lambda store: store.delete_conversations(ids), on_failure=lambda error: self._on_not_deleted(found, error)
        )
        self._conversations.let_go(ids)
        self.notice_raised.emit(notices.deleted_notice(found, UNDO_SECONDS))
        self._purge_timer.start()

    @Slot(object)
    def undo_delete(self, first_id: str) -> None:
        """Bring the conversations back that were deleted with this one, and show it."""
        found = self._undoable.pop(first_id, None)
        if found is None:
            return
        self.notice_cleared.emit(notices.deleted_key(first_id))
        ids = [each.id for each in found]
        for each in ids:
            self._conversations.changes.on_asked(each)
        # As the store has them: since they were deleted their folder may have gone, or come back.
        self._requests.request(
            lambda store: _restored(store, ids),
            lambda back: self._on_restored(first_id, back),
            lambda error: self._on_not_restored(found, error),
        )

    def shut_down(self) -> None:
        """Leave what is deleted to the next start, which removes it for good."""
        self._purge_timer.stop()

    @Slot(object)
    def on_notice_action(self, action_key: str) -> None:
        """Do what a notice's button says, if it is one of this controller's."""
        if action_key.startswith(notices.UNDO_DELETE):
            self.undo_delete(action_key.removeprefix(notices.UNDO_DELETE))

    def _on_not_deleted(self, found: tuple[Conversation, ...], error: StoreError) -> None:
        """Show again what is still there."""
        if self._undoable.pop(found[0].id, None) is not None:
            self.notice_cleared.emit(notices.deleted_key(found[0].id))
            self._listed.upsert_all(found)
        self._requests.failed.emit(error)

    def _on_restored(self, first_id: str, conversations: list[Conversation]) -> None:
        self._listed.upsert_all(map(self._conversations.changes.applied_to, conversations))
        if any(each.id == first_id for each in conversations):
            self._conversations.open(first_id)

    def _on_not_restored(self, found: tuple[Conversation, ...], error: StoreError) -> None:
        """Offer Undo once more."""
        self._undoable[found[0].id] = found
        self.notice_raised.emit(notices.deleted_notice(found, UNDO_SECONDS))
        self._purge_timer.start()
        self._requests.failed.emit(error)

    def _on_left_over(self, deleted: list[Conversation]) -> None:
        if deleted:
            self._purge_timer.start()

    @Slot()
    def _on_purge_due(self) -> None:
        for first_id, conversations in self._undoable.items():
            self.notice_cleared.emit(notices.deleted_key(first_id))
            for conversation in conversations:
                self._conversations.drafts.forget(conversation.id)
        self._undoable.clear()
        self._purge(margin_seconds=1.0)

    def _purge(self, margin_seconds: float = 0.0) -> None:
        older_than = time.time() - UNDO_SECONDS + margin_seconds
        self._requests.request(lambda store: store.purge_deleted(older_than), self._on_purged, _leave_it)

    def _on_purged(self, conversation_ids: list[str]) -> None:
        if conversation_ids:
            self.purged.emit(tuple(conversation_ids))


def _leave_it(_error: StoreError) -> None:
    """It goes some other time; nobody has asked for it now."""


def _restored(store: ConversationStore, conversation_ids: list[str]) -> list[Conversation]:
    store.restore_conversations(conversation_ids)
    return [each for each in map(store.load_conversation, conversation_ids) if each is not None]
