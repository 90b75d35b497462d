"""What is done with a message that is there: delete it with Undo, or write an answer anew by hand.

What was deleted is forgotten by the engine too, once it can no longer be brought back: its ids stay in no tier.
"""

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.controllers import notices
from app.controllers.chat.jobs import Edit
from app.controllers.conversations.conversation_controller import ConversationController
from app.controllers.conversations.deletion_controller import UNDO_SECONDS
from app.controllers.conversations.known_changes import branch_key
from app.controllers.conversations.turns import Turn, edit_answer
from app.controllers.store_requests import StoreRequests
from app.controllers.submitting import Submit
from app.conversations.deleting import Deletion
from app.conversations.errors import StoreError
from app.conversations.records import Message, new_id
from app.worker.engine_state import EngineState, EngineStateChanged
from engine.api.codec import clean_text
from engine.api.commands import ForgetConversation, PrepareConversation
from engine.api.events import ConversationForgotten, Terminal
from engine.api.message import Role


class MessageController(QObject):
    """is_busy: whether something is answered, or waits to be, in a conversation; has_model: one is loaded.

    Signals: notice_raised(Notice), notice_cleared(key), restored(set of ids of messages that are there again),
    edit_restored(Edit) when an answer that was written anew could not be saved.
    """

    notice_raised = Signal(object)
    notice_cleared = Signal(object)
    restored = Signal(object)
    edit_restored = Signal(object)

    def __init__(
        self,
        conversations: ConversationController,
        requests: StoreRequests,
        submit: Submit,
        is_busy: Callable[[str], bool],
        has_model: Callable[[], bool],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._conversations = conversations
        self._requests = requests
        self._submit = submit
        self._is_busy = is_busy
        self._has_model = has_model
        self._undoable: dict[str, Deletion] = {}
        self._forgetting: dict[str, tuple[str, float]] = {}  # by command: conversation, and what may go for good
        self._purge_timer = QTimer(self, interval=int(UNDO_SECONDS * 1000), singleShot=True)
        self._purge_timer.timeout.connect(self._on_purge_due)

    @Slot(object)
    def delete(self, message_id: str) -> None:
        """Take a version of a message away with all that follows it; for some seconds it can be brought back."""
        current = self._conversations.current
        if current is None or message_id not in current.tree:
            return
        conversation_id = current.conversation.id
        if self._is_busy(conversation_id):
            self.notice_raised.emit(notices.busy_deletion_notice())
            return
        self._requests.request(
            lambda store: store.delete_messages(conversation_id, message_id),
            self._on_deleted,
            outdates=branch_key(conversation_id),
        )

    @Slot(object)
    def undo(self, deletion_id: str) -> None:
        """Bring back what one deletion took."""
        deletion = self._undoable.pop(deletion_id, None)
        if deletion is None:
            return
        self.notice_cleared.emit(notices.messages_deleted_key(deletion_id))
        is_busy = self._is_busy(deletion.conversation_id)
        leaf_id = None if is_busy else deletion.leaf_before
        self._requests.request(
            lambda store: store.restore_messages(deletion.conversation_id, deletion_id, leaf_id),
            lambda messages: self._on_restored(deletion.conversation_id, messages, leaf_id),
            lambda error: self._on_not_restored(deletion, error),
            outdates=branch_key(deletion.conversation_id) if leaf_id is not None else None,
        )

    def shut_down(self) -> None:
        """Leave what is deleted to the next start, which removes it for good."""
        self._purge_timer.stop()

    @Slot(object)
    def on_notice_action(self, action_key: str) -> None:
        """Do what a notice's button says, if it is one of this controller's."""
        if action_key.startswith(notices.UNDO_MESSAGES):
            self.undo(action_key.removeprefix(notices.UNDO_MESSAGES))

    @Slot(object)
    def edit_answer(self, change: tuple[str, str]) -> None:
        """Put another version beside an answer, written by the user: (message id, text)."""
        current = self._conversations.current
        answer = current.tree.get(change[0]) if current is not None else None
        text = clean_text(change[1])
        if current is None or answer is None or answer.role is not Role.ASSISTANT or not text.strip():
            return
        conversation = current.conversation
        self._requests.request(
            lambda store: edit_answer(store, conversation, answer, text),
            self._on_edited,
            lambda error: self._on_not_edited(Edit(conversation.id, answer.id, change[1]), error),
            outdates=branch_key(conversation.id),
        )

    @Slot(object)
    def on_event(self, event: object) -> None:
        """Take an event of the engine; those of other commands change nothing."""
        if isinstance(event, EngineStateChanged) and event.state is EngineState.READY:
            self._forget_due(time.time() - UNDO_SECONDS)
        elif isinstance(event, Terminal) and event.command_id in self._forgetting:
            conversation_id, older_than = self._forgetting.pop(event.command_id)
            if isinstance(event, ConversationForgotten):
                self._requests.request(lambda store: store.purge_messages(conversation_id, older_than))
                self._read_again(conversation_id)

    def _on_deleted(self, deletion: Deletion | None) -> None:
        if deletion is None:
            self.notice_raised.emit(notices.busy_deletion_notice())
            return
        loaded = self._conversations.shelf.get(deletion.conversation_id)
        if loaded is not None:
            loaded.take_away(deletion.messages[0].id, deletion.leaf_after)
            self._conversations.know_branch(loaded)
        self._offer_undo(deletion)

    def _on_restored(self, conversation_id: str, messages: list[Message], leaf_id: str | None) -> None:
        if not messages:
            self.notice_raised.emit(notices.restored_later_notice())
            return
        ids = {message.id for message in messages}
        self.restored.emit(ids)
        loaded = self._conversations.shelf.get(conversation_id)
        if loaded is not None:
            loaded.put_back(messages, leaf_id if leaf_id in ids else None)
            self._conversations.know_branch(loaded)
        if not self._conversations.is_listed(conversation_id):
            self.notice_raised.emit(notices.restored_later_notice())  # all of it is deleted as well
        elif self._conversations.current_id != conversation_id:
            self._conversations.open(conversation_id)

    def _on_not_restored(self, deletion: Deletion, error: StoreError) -> None:
        """Offer Undo once more."""
        self._offer_undo(deletion)
        self._requests.failed.emit(error)

    def _offer_undo(self, deletion: Deletion) -> None:
        self._undoable[deletion.id] = deletion
        self.notice_raised.emit(notices.messages_deleted_notice(deletion))
        self._purge_timer.start()

    def _on_not_edited(self, edit: Edit, error: StoreError) -> None:
        """Let what was written stand in the answer again."""
        self._requests.failed.emit(error)
        self.edit_restored.emit(edit)

    def _on_edited(self, turn: Turn) -> None:
        loaded = self._conversations.apply_turn(turn)
        if loaded is not None:
            self._conversations.know_branch(loaded)

    @Slot()
    def _on_purge_due(self) -> None:
        for deletion_id in self._undoable:
            self.notice_cleared.emit(notices.messages_deleted_key(deletion_id))
        self._undoable.clear()
        self._forget_due(time.time() - UNDO_SECONDS + 1.0)

    def _forget_due(self, older_than: float) -> None:
        """Have the engine forget what holds deleted text; only then the text itself goes for good."""
        self._requests.request(
            lambda store: store.list_deletions(older_than), lambda found: self._forget(found, older_than)
        )

    def _forget(self, conversation_ids: list[str], older_than: float) -> None:
        for conversation_id in conversation_ids:
            command = ForgetConversation(command_id=new_id(), conversation_id=conversation_id)
            self._forgetting[command.command_id] = (conversation_id, older_than)
            self._submit(command)

    def _read_again(self, conversation_id: str) -> None:
        """What is left of the shown conversation is read in quiet time, so that its next message doesn't wait."""
        current = self._conversations.current
        if current is None or current.conversation.id != conversation_id or self._is_busy(conversation_id):
            return
        branch = current.branch()
        if not self._has_model() or not branch or branch[-1].role is not Role.ASSISTANT:
            return
        self._submit(
            PrepareConversation(
                command_id=new_id(),
                conversation_id=conversation_id,
                messages=self._conversations.prompt(current, branch[-1].id).messages,
                started_at=current.conversation.created_at,
                is_private=current.conversation.is_private,
                sampling=self._conversations.sampling(current.conversation),
            )
        )
