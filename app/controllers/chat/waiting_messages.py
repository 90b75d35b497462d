"""What the user does with messages that wait for their turn: remove, edit, or send one now."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Signal, Slot

from app.controllers.chat.chat_status import ChatStatus
from app.controllers.chat.jobs import Ask, Edit, Job, JobQueue
from app.controllers.conversations.conversation_controller import ConversationController
from app.conversations.attachment import Attachment


class WaitingMessages(QObject):
    """Changes the queue of the shown conversation.

    Signals draft_restored(str), edit_restored(Edit): what was taken back to be edited.
    """

    draft_restored = Signal(object)
    edit_restored = Signal(object)

    def __init__(
        self,
        conversations: ConversationController,
        queue: JobQueue,
        status: ChatStatus,
        stop_running: Callable[[], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._conversations = conversations
        self._queue = queue
        self._status = status
        self._stop_running = stop_running

    @Slot(object)
    def remove(self, index: int) -> None:
        """Take a waiting message out of the queue."""
        self._taken(index)

    @Slot(object)
    def edit(self, index: int) -> None:
        """Take a waiting message out of the queue and put it back where it was typed.

        That is the edited message, if it is on the shown page, else before what stands in the draft. What has no text
        stays in the queue.
        """
        current = self._conversations.current
        waiting = self._queue.of(self._conversations.current_id)
        job = waiting[index] if 0 <= index < len(waiting) else None
        if current is None or not isinstance(job, Ask | Edit):
            return
        self._taken(index)
        current_id = current.conversation.id
        if isinstance(job, Edit) and any(message.id == job.message_id for message in current.branch()):
            self.edit_restored.emit(job)
            return
        self._put_before_draft(current_id, (job.text,), job.attachments or ())
        self.draft_restored.emit(self._conversations.drafts.draft(current_id, ""))

    def give_back(self, conversation_id: str) -> None:
        """Take all waiting messages of a conversation out of the queue; what was written in them is its draft again."""
        texts, attachments = self._queue.texts(conversation_id), self._queue.attachments(conversation_id)
        self._queue.remove_all(conversation_id)
        self._put_before_draft(conversation_id, texts, attachments)
        self._status.tell_queue(conversation_id)

    @Slot(object)
    def send_now(self, index: int) -> None:
        """Stop the running answer, wherever it is, and let this message be the next one."""
        current_id = self._conversations.current_id
        waiting = self._queue.of(current_id)
        if current_id is None or not 0 <= index < len(waiting):
            return
        self._queue.move_to_front(waiting[index])
        self._status.tell_queue(current_id)
        self._stop_running()

    def _put_before_draft(
        self, conversation_id: str, texts: Sequence[str], attachments: tuple[Attachment, ...]
    ) -> None:
        if not texts:
            return
        drafts = self._conversations.drafts
        parts = (*texts, drafts.draft(conversation_id, ""))
        drafts.set_draft(conversation_id, "\n\n".join(part for part in parts if part.strip()))
        drafts.set_attachments(conversation_id, (*attachments, *drafts.attachments(conversation_id)))

    def _taken(self, index: int) -> Job | None:
        current_id = self._conversations.current_id
        job = self._queue.remove(current_id, index) if current_id is not None else None
        if current_id is not None and job is not None:
            self._status.tell_queue(current_id)
            self._status.tell_busy()
        return job
