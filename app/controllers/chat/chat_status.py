"""What the window is told about the conversation that is shown: busy or not, in which phase, what waits."""

from PySide6.QtCore import QObject, Signal, Slot

from app.controllers.chat.answer_runner import AnswerRunner
from app.controllers.chat.jobs import Ask, Edit, Job, JobQueue, attached_names
from app.controllers.conversations.conversation_controller import ConversationController
from app.language import tr
from app.models.waiting_item import WaitingItem
from engine.api.plan import Plan


class ChatStatus(QObject):
    """Looks at queue and runner, which others own; plan, loading and beginning are set by the ChatController.

    Signals: busy_changed(bool), phase_changed(str), queue_changed(tuple of WaitingItem), waiting_changed((str: what the
    first waiting message waits for if that is not seen here, bool: whether it could be sent now)).
    """

    busy_changed = Signal(object)
    phase_changed = Signal(object)
    queue_changed = Signal(object)
    waiting_changed = Signal(object)

    def __init__(
        self,
        conversations: ConversationController,
        queue: JobQueue,
        runner: AnswerRunner,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._conversations = conversations
        self._queue = queue
        self._runner = runner
        self.plan: Plan | None = None
        self.loading = ""
        self.beginning: Job | None = None
        self._told_waiting = ("", False)
        conversations.shown.connect(self._on_shown)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being answered, saved for an answer, or waits for one, in any conversation."""
        return self._runner.message is None and self.beginning is None and self._queue.first is None

    def is_waiting_in(self, conversation_id: str) -> bool:
        """Whether something is being answered, or waits to be, in a conversation."""
        return conversation_id in self._active_ids() | self._queue.conversation_ids()

    @property
    def waits_for_model(self) -> bool:
        """Whether something was asked in the shown conversation that waits for the load, and was not stopped."""
        current_id = self._conversations.current_id
        waits = bool(self._queue.of(current_id)) and not self._queue.is_held(current_id)
        return bool(self.loading) and self.plan is None and waits

    def tell(self) -> None:
        """Say whether the shown conversation is being answered, and what it waits for."""
        self.tell_busy()
        self.tell_phase()

    def tell_busy(self) -> None:
        """Say whether the shown conversation is being answered, and keep those in memory that are to be answered."""
        active = self._active_ids()
        self._conversations.set_busy(active | self._queue.conversation_ids(), active)
        self.busy_changed.emit(self._conversations.current_id in active or self.waits_for_model)

    def tell_phase(self) -> None:
        """Say what the shown conversation waits for."""
        self.phase_changed.emit(self._phase_words())
        self._tell_waiting()

    def tell_queue(self, conversation_id: str, *, keep_draft: bool = False) -> None:
        """Say what waits in a conversation; it is kept with the draft, unless that is to stay as it is."""
        if not keep_draft:
            self._conversations.drafts.set_waiting(
                conversation_id, self._queue.texts(conversation_id), self._queue.attachments(conversation_id)
            )
        if conversation_id == self._conversations.current_id:
            self._tell_waiting()
            self.queue_changed.emit(self._items(conversation_id))
        active = self._active_ids()
        self._conversations.set_busy(active | self._queue.conversation_ids(), active)

    @Slot()
    def _on_shown(self) -> None:
        if self._runner.message is not None:
            self._conversations.set_phase(self._runner.message.id, self._runner.phase)
        self.tell()
        self.queue_changed.emit(self._items(self._conversations.current_id))

    def _active_ids(self) -> set[str]:
        running = self._runner.message
        active = {running.conversation_id} if running is not None else set()
        return active | ({self.beginning.conversation_id} if self.beginning is not None else set())

    def _tell_waiting(self) -> None:
        """Say what the messages that wait in the shown conversation wait for."""
        current_id = self._conversations.current_id
        waits = bool(self._queue.of(current_id))
        can_send = self.plan is not None or not self.loading or self._queue.is_held(current_id)
        told = (self._waiting_words() if waits else "", waits and can_send)
        if told != self._told_waiting:
            self._told_waiting = told
            self.waiting_changed.emit(told)

    def _waiting_words(self) -> str:
        if self._queue.is_held(self._conversations.current_id):
            return tr("Stopped")
        if self._queue.is_unsaved(self._conversations.current_id):
            return tr("Waits until it can be saved")
        if self.plan is None:
            return tr("Waits for the model") if self.loading else tr("Waits for a model")
        others = self._active_ids() - {self._conversations.current_id or ""}
        other = next((self._conversations.shelf.get(each) for each in others), None)
        if other is None:
            return ""
        return tr("Waits for the answer in “{title}”").format(title=other.conversation.title)

    def _phase_words(self) -> str:
        current_id = self._conversations.current_id
        running = self._runner.message
        if running is not None and running.conversation_id == current_id:
            return self._runner.phase
        if self.plan is None:
            return self.loading
        if not self._queue.of(current_id) or self._queue.is_held(current_id):
            return ""
        other = self._conversations.shelf.get(running.conversation_id) if running is not None else None
        if other is None:
            return ""
        return tr("Waiting for the answer in “{title}”").format(title=other.conversation.title)

    def _items(self, conversation_id: str | None) -> tuple[WaitingItem, ...]:
        waiting = self._queue.of(conversation_id)
        return tuple(WaitingItem(job.label, isinstance(job, Ask | Edit), attached_names(job)) for job in waiting)
