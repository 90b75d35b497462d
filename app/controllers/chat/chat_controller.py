"""Turns what the user does in a conversation into saved turns and commands, one answer at a time.

Answers go on whatever is on screen; what is asked meanwhile waits in a queue. A user's message is in the store before
the engine hears of it.
"""

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.controllers import notices
from app.controllers.chat.answer_notices import AnswerNotices
from app.controllers.chat.answer_runner import AnswerRunner
from app.controllers.chat.answer_saves import AnswerSaves
from app.controllers.chat.chat_status import ChatStatus
from app.controllers.chat.job_turns import BeginTurn, turn_of
from app.controllers.chat.jobs import Ask, Continue, Edit, Job, JobQueue, Regenerate
from app.controllers.chat.model_switch import Admission, ModelSwitch
from app.controllers.chat.waiting_messages import WaitingMessages
from app.controllers.conversations.answer import GrowingAnswer
from app.controllers.conversations.conversation_controller import ConversationController
from app.controllers.conversations.known_changes import branch_key
from app.controllers.conversations.shelf import Loaded
from app.controllers.conversations.turns import Turn
from app.controllers.store_requests import StoreRequests
from app.controllers.submitting import CancelCommand, Submit
from app.conversations.attachment import Attachment
from app.conversations.errors import StoreError
from app.conversations.records import Message, new_id
from engine.api.codec import clean_text
from engine.api.commands import ForgetConversation, WhenFull
from engine.api.errors import ErrorKind
from engine.api.plan import Plan

RETRY_INTERVAL_MS = 5000


class ChatController(QObject):
    """Owns the queue and the one running answer.

    Signals about the conversation that is shown: busy_changed(bool), phase_changed(str),
    queue_changed(tuple of WaitingItem), waiting_changed((str, bool)). notice_raised(Notice) and notice_cleared(key).
    model_needed() when something was asked and no model is loaded, though one may be on its way;
    load_stop_requested() when Stop was meant for the load. answered(Message) when an answer has ended and nothing else
    waits for the engine.
    """

    busy_changed = Signal(object)
    phase_changed = Signal(object)
    queue_changed = Signal(object)
    waiting_changed = Signal(object)
    notice_raised = Signal(object)
    notice_cleared = Signal(object)
    model_needed = Signal()
    load_stop_requested = Signal()
    answered = Signal(object)

    def __init__(
        self,
        conversations: ConversationController,
        requests: StoreRequests,
        saves: AnswerSaves,
        submit: Submit,
        cancel: CancelCommand,
        speculates: Callable[[], bool],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._conversations = conversations
        self._requests = requests
        self._submit = submit
        self._speculates = speculates
        self._queue = JobQueue()
        self._stop_asked = False
        self._is_ending = False
        self._saves = saves
        self._endings = AnswerNotices(conversations, self)
        self._endings.notice_raised.connect(self.notice_raised)
        self._endings.notice_cleared.connect(self.notice_cleared)
        self.runner = AnswerRunner(submit, cancel, saves, self)
        self.switch = ModelSwitch(self)
        self.switch.notice_raised.connect(self.notice_raised)
        self._status = ChatStatus(conversations, self._queue, self.runner, self)
        self._status.busy_changed.connect(self.busy_changed)
        self._status.phase_changed.connect(self.phase_changed)
        self._status.queue_changed.connect(self.queue_changed)
        self._status.waiting_changed.connect(self.waiting_changed)
        self.waiting = WaitingMessages(conversations, self._queue, self._status, self._stop_running, self)
        self._retry_timer = QTimer(self, interval=RETRY_INTERVAL_MS, singleShot=True)
        self._retry_timer.timeout.connect(self.retry_saving)
        self.runner.grown.connect(self._on_grown)
        self.runner.phase_changed.connect(self._on_phase_changed)
        self.runner.ended.connect(self._on_ended)
        requests.not_kept.connect(self._on_not_saved)
        requests.caught_up.connect(self._on_recovered)
        saves.failed.connect(self._on_not_saved)
        saves.recovered.connect(self._on_recovered)

    @property
    def is_idle(self) -> bool:
        """Whether no conversation is being answered or waits for it."""
        return self._status.is_idle

    def is_waiting_in(self, conversation_id: str) -> bool:
        """Whether something is being answered, or waits to be, in a conversation."""
        return self._status.is_waiting_in(conversation_id)

    # What the user does

    @Slot(object)
    def send(self, text: str) -> None:
        """Ask the shown conversation, with what is attached; nothing attached and nothing visible is no message."""
        conversations, drafts, text = self._conversations, self._conversations.drafts, clean_text(text)
        attachments = drafts.attachments(conversations.page.id) if conversations.page is not None else ()
        if not text.strip() and not attachments:
            return
        loaded = conversations.current or conversations.adopt_blank(text or attachments[0].name)
        if drafts.draft(loaded.conversation.id, "").strip() == text.strip():  # an example leaves what is being typed
            drafts.set_draft(loaded.conversation.id, "")
        drafts.set_attachments(loaded.conversation.id, ())
        self._enqueue(Ask(loaded.conversation.id, text, attachments))

    @Slot()
    def stop(self) -> None:
        """Stop the answer of the shown conversation, keeping what is there of it, or the load that it waits for."""
        current_id = self._conversations.current_id
        running = self.runner.message
        if self._status.beginning is not None and self._status.beginning.conversation_id == current_id:
            self._stop_asked = True
        elif running is not None and running.conversation_id == current_id:
            self.runner.stop()
        elif current_id is not None and self._status.waits_for_model:
            self._stop_waiting(current_id)

    def _stop_waiting(self, conversation_id: str) -> None:
        """Give up the load that a conversation waits for; what waits there stays, also if a model comes after all."""
        self._queue.hold(conversation_id)
        self.switch.stop()
        if self.switch.tried is not None:
            self._give_up(self.switch.tried)
        self.load_stop_requested.emit()
        self._status.tell()

    @Slot(object)
    def regenerate(self, message_id: str) -> None:
        """Have another version of an answer written."""
        if self._conversations.current is not None:
            self._enqueue(Regenerate(self._conversations.current.conversation.id, message_id))

    @Slot(object)
    def answer_with(self, choice: tuple[str, str]) -> None:
        """Have another version of an answer written by another model, which stays loaded: (message id, reference)."""
        if self._conversations.current is not None:
            self._enqueue(Regenerate(self._conversations.current.conversation.id, *choice))

    @Slot(object)
    def edit(self, change: tuple[str, str] | tuple[str, str, tuple[Attachment, ...]]) -> None:
        """Send another version of a user's message: (message id, text), and its attachments unless all are kept."""
        message_id, text = change[0], clean_text(change[1])
        attachments = change[2] if len(change) == 3 else None
        if self._conversations.current is not None and (text.strip() or attachments):
            self._enqueue(Edit(self._conversations.current.conversation.id, message_id, text, attachments))

    @Slot(object)
    def continue_message(self, message_id: str) -> None:
        """Have an answer that ended early written on."""
        if self._conversations.current is not None:
            self._enqueue(Continue(self._conversations.current.conversation.id, message_id))

    @Slot(object)
    def on_notice_action(self, action_key: str) -> None:
        """Do what a notice's button says, if it is one of this controller's."""
        if action_key.startswith(notices.CONTINUE):
            self.continue_message(action_key.removeprefix(notices.CONTINUE))
        elif action_key.startswith(notices.RETRY):
            self.regenerate(action_key.removeprefix(notices.RETRY))
        elif action_key.startswith(notices.ANSWER_WITH):
            message_id, _, reference = action_key.removeprefix(notices.ANSWER_WITH).partition(":")
            self.answer_with((message_id, reference))
        elif action_key.startswith(notices.LEAVE_OUT):
            self._leave_out(action_key.removeprefix(notices.LEAVE_OUT))
        elif action_key == notices.RETRY_SAVING:
            self.retry_saving()

    def _leave_out(self, answer_id: str) -> None:
        current = self._conversations.current
        answer = current.tree.get(answer_id) if current is not None else None
        if answer is not None:
            self._conversations.set_when_full(WhenFull.ROLL)
            (self.continue_message if answer.has_text else self.regenerate)(answer_id)

    @Slot()
    def retry_saving(self) -> None:
        """Try again now to save what waits for it; growing answers are tried again without asking."""
        self._requests.retry()
        self._retry_timer.stop()
        if self._queue.has_unsaved:
            self._queue.save_again()
            self._pump()

    # What others tell

    @Slot(object)
    def on_event(self, event: object) -> None:
        """Take an event of the engine."""
        self.runner.on_event(event)

    @Slot(object)
    def set_plan(self, plan: Plan | None) -> None:
        """Know which model answers from now on; None while there is none."""
        self._status.plan = plan
        self._pump()
        self._status.tell()

    @Slot(object)
    def set_loading(self, words: str) -> None:
        """Know how far a load has come, as waiting messages wait for it; "" while none runs."""
        started_or_ended = bool(words) != bool(self._status.loading)
        self._status.loading = words
        if not words and self._status.plan is None and self.switch.tried is not None:
            self._give_up(self.switch.tried)
        if started_or_ended:
            self._status.tell()

    @Slot()
    def on_model_asked(self) -> None:
        """Let what was stopped while it waited for a model be answered: somebody wants one again."""
        self._queue.release_all()
        self._status.tell()

    def shut_down(self) -> None:
        """Hand everything that is not saved yet to the store: a partial answer as interrupted, drafts, the queue."""
        self._retry_timer.stop()
        self._is_ending = True
        self.runner.interrupt()
        self._conversations.drafts.flush()

    # The queue

    def _stop_running(self) -> None:
        if self._status.beginning is not None:
            self._stop_asked = True
        elif self.runner.message is not None:
            self.runner.stop()
        else:  # it waits for the disk, for a model, or for nothing any more
            self.retry_saving()
            self._pump()
            self._see_to_model(self._queue.first)

    def _enqueue(self, job: Job) -> None:
        self._queue.add(job)
        self.notice_cleared.emit(notices.ANSWER_KEY)
        self._queue.save_again()
        self._pump()
        self._status.tell_queue(job.conversation_id)
        self._status.tell()
        self._see_to_model(job)

    def _see_to_model(self, job: Job | None) -> None:
        if job is not None and self._status.plan is None and (self._status.loading or not self.switch.load_for(job)):
            self.model_needed.emit()  # also while something is waited for: an engine that starts again may bring none

    def _pump(self) -> None:
        """Begin the next job if nothing stands against it."""
        plan = self._status.plan
        if self._status.beginning is not None or self.runner.message is not None or self._is_ending or plan is None:
            return
        while (job := self._queue.take()) is not None:
            admission = self.switch.admit(job, plan)
            if admission is Admission.WAIT:
                self._queue.put_back(job)
                self.switch.load_for(job)
                return
            if admission is Admission.GIVEN_UP:
                self._give_up(job)
                continue
            loaded = self._conversations.shelf.get(job.conversation_id)
            work = turn_of(job, loaded, plan) if loaded is not None else None
            if work is not None:
                self._start_saving(job, work, plan)
                return

    def _give_up(self, job: Job) -> None:
        """Let a job go whose model can't be had."""
        self._queue.drop(job)
        self._endings.belongs_to(job.conversation_id)
        self.switch.give_up(job)
        self._status.tell_queue(job.conversation_id)
        self._status.tell_busy()

    def _start_saving(self, job: Job, work: BeginTurn, plan: Plan) -> None:
        self._status.beginning = job
        self._stop_asked = False
        self._status.tell_busy()
        self._status.tell_queue(job.conversation_id, keep_draft=True)
        self._requests.request(
            work,
            lambda turn: self._on_begun(job, plan, turn),
            lambda error: self._on_not_begun(job, error),
            outdates=branch_key(job.conversation_id),
        )

    def _on_begun(self, job: Job, plan: Plan, turn: Turn) -> None:
        self._status.beginning = None
        self._on_recovered()
        loaded = self._conversations.apply_turn(turn)
        if loaded is None:
            self._pump()
            return
        self._status.tell_queue(job.conversation_id)
        self._endings.clear_for(job.conversation_id)
        continues = isinstance(job, Continue) and turn.answer.has_text
        sampling = self._conversations.sampling(loaded.conversation)
        answer = GrowingAnswer(turn.answer, plan, continues=continues, sampling=sampling)
        if self._stop_asked:
            message = answer.stop()
            self._saves.finish(message)
            self._on_ended(message)
            return
        self._run(loaded, answer, continues=continues)

    def _run(self, loaded: Loaded, answer: GrowingAnswer, *, continues: bool) -> None:
        message = answer.message
        self._conversations.apply_message(message)
        self.runner.start(
            answer,
            loaded.conversation,
            self._conversations.prompt(loaded, message.id if continues else message.parent_id),
            answer.sampling,
            continues=continues,
            when_full=self._conversations.when_full(loaded.conversation),
            speculates=self._speculates(),
        )
        self._status.tell_busy()

    def _on_not_begun(self, job: Job, error: StoreError) -> None:
        self._status.beginning = None
        if self._conversations.shelf.get(job.conversation_id) is not None:
            self._queue.put_back(job)
        self._queue.leave_unsaved(job.conversation_id)
        self._retry_timer.start()
        self._status.tell_busy()
        self._status.tell_queue(job.conversation_id)
        self._on_not_saved(error)
        self._pump()

    # The running answer

    @Slot(object)
    def _on_grown(self, message: Message) -> None:
        self._conversations.apply_message(message)

    @Slot(object)
    def _on_ended(self, message: Message) -> None:
        self._conversations.apply_message(message)
        self._conversations.set_phase(message.id, "")
        if message.error is not None and message.error.kind is ErrorKind.ENGINE_DIED:
            self._status.plan = None  # what waits is not thrown at an engine that is just starting again
        self._endings.tell_ending(message)
        self._pump()
        self._status.tell()
        if self._status.is_idle:
            self.answered.emit(message)

    @Slot(object)
    def _on_phase_changed(self, words: str) -> None:
        if self.runner.message is not None:
            self._conversations.set_phase(self.runner.message.id, words)
        self._status.tell_phase()

    # The store and deletion

    @Slot(object)
    def _on_not_saved(self, error: StoreError) -> None:
        self.notice_raised.emit(notices.not_saved_notice(error, is_message=self._queue.has_unsaved))

    @Slot()
    def _on_recovered(self) -> None:
        if not self._saves.has_failed and not self._queue.has_unsaved and not self._requests.is_behind:
            self.notice_cleared.emit(notices.NOT_SAVED_KEY)

    @Slot(object)
    def on_deleted(self, conversation_id: str) -> None:
        """Answer no longer in a conversation that was deleted."""
        self.waiting.give_back(conversation_id)
        if self._status.beginning is not None and self._status.beginning.conversation_id == conversation_id:
            self._stop_asked = True
        running = self.runner.message
        if running is not None and running.conversation_id == conversation_id:
            self.runner.stop()

    @Slot(object)
    def on_purged(self, conversation_ids: tuple[str, ...]) -> None:
        """Have the engine forget what is gone for good."""
        for conversation_id in conversation_ids:
            self._submit(ForgetConversation(command_id=new_id(), conversation_id=conversation_id))
