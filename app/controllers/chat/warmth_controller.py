"""What is still known of conversations: asked of the engine whenever it may have changed, forgotten when told to."""

import logging
from collections.abc import Iterable

import msgspec
from PySide6.QtCore import QObject, Signal, Slot

from app.controllers.store_requests import StoreRequests
from app.controllers.submitting import Submit
from app.conversations.errors import StoreError
from app.conversations.records import new_id
from app.conversations.store import ConversationStore
from app.engine_words import said
from app.language import tr
from app.models.conversation_list_model import ConversationListModel
from app.models.notice import Notice, Severity
from app.worker.engine_state import EngineState, EngineStateChanged
from engine.api.commands import ClearWarmState, DescribeWarmth, ForgetConversation, ForgetOthers
from engine.api.events import (
    CheckpointLoaded,
    CheckpointUnloaded,
    CommandFailed,
    ConversationForgotten,
    ConversationPrepared,
    GenerationFinished,
    Terminal,
    WarmStateCleared,
    WarmthDescribed,
)

NOTICE_KEY = "warmth"
_log = logging.getLogger(__name__)
# A command that failed counts too: memory that ran out has taken conversations with it.
_CHANGES = (
    CheckpointLoaded,
    CheckpointUnloaded,
    GenerationFinished,
    ConversationPrepared,
    ConversationForgotten,
    WarmStateCleared,
    CommandFailed,
)


class WarmthController(QObject):
    """Signals: described(WarmthDescribed, or None while nothing is known), freed(bytes that were given back because
    the user asked for it), notice_raised(Notice).

    Never more than one question is with the engine: the compute lane answers it when it has nothing better to do.
    """

    described = Signal(object)
    freed = Signal(object)
    notice_raised = Signal(object)

    def __init__(
        self,
        requests: StoreRequests,
        submit: Submit,
        conversations: ConversationListModel,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._requests = requests
        self._submit = submit
        self._conversations = conversations
        self._question_id = ""
        self._ask_again = False
        self._forgetting: set[str] = set()
        self._freed_bytes = 0
        self._has_model = False
        self.known: WarmthDescribed | None = None

    @Slot(object)
    def set_plan(self, plan: object) -> None:
        """Know whether a model is loaded: without one no conversation is warm."""
        self._has_model = plan is not None
        self._show(None)

    def is_warm(self, conversation_id: str) -> bool:
        """Whether something is known to be kept of a conversation."""
        known = self.known.conversations if self.known is not None else ()
        return any(each.conversation_id == conversation_id for each in known)

    @Slot()
    def refresh(self) -> None:
        """Ask what is known now; at once, or after the answer to the question that is open."""
        if self._question_id:
            self._ask_again = True
            return
        self._question_id = new_id()
        self._submit(DescribeWarmth(command_id=self._question_id))

    @Slot(object)
    def forget(self, conversation_ids: Iterable[str]) -> None:
        """Have the engine forget these conversations; their text stays in the store."""
        for conversation_id in conversation_ids:
            command = ForgetConversation(command_id=new_id(), conversation_id=conversation_id)
            self._forgetting.add(command.command_id)
            self._submit(command)

    @Slot()
    def clear(self) -> None:
        """Have the engine forget all conversations; their text stays in the store."""
        command = ClearWarmState(command_id=new_id())
        self._forgetting.add(command.command_id)
        self._submit(command)

    @Slot(object)
    def on_event(self, event: object) -> None:
        """Take an event of the engine."""
        if isinstance(event, EngineStateChanged):
            if event.state is EngineState.READY:
                self._requests.request(_existing_ids, self._forget_others, self._on_not_listed)
        elif isinstance(event, Terminal):
            self._on_terminal(event)

    def _on_terminal(self, event: Terminal) -> None:
        if event.command_id == self._question_id:
            self._question_id = ""
            if isinstance(event, WarmthDescribed):
                self._show(event)
            if self._ask_again:
                self._ask_again = False
                self.refresh()
            return
        if event.command_id in self._forgetting:
            self._forgetting.discard(event.command_id)
            self._count_freed(event)
        if isinstance(event, _CHANGES):
            self.refresh()

    def _count_freed(self, event: Terminal) -> None:
        if isinstance(event, ConversationForgotten | WarmStateCleared):
            self._freed_bytes += event.freed_bytes
        elif isinstance(event, CommandFailed):
            text = tr("Not everything could be forgotten. {sentence}").format(sentence=said(event.error.sentence()))
            self.notice_raised.emit(Notice(key=NOTICE_KEY, text=text, severity=Severity.WARNING))
        if not self._forgetting:
            freed_bytes, self._freed_bytes = self._freed_bytes, 0
            if freed_bytes or not isinstance(event, CommandFailed):
                self.freed.emit(freed_bytes)

    def _show(self, known: WarmthDescribed | None) -> None:
        if known is not None and not self._has_model:
            known = msgspec.structs.replace(known, conversations=())
        self.known = known
        self._conversations.set_warmth({each.conversation_id: each for each in known.conversations} if known else {})
        self.described.emit(known)

    def _forget_others(self, existing_ids: tuple[str, ...]) -> None:
        """Drop what was deleted while no engine could be told; a deletion that can still be undone is none yet."""
        self._submit(ForgetOthers(command_id=new_id(), conversation_ids=existing_ids))

    def _on_not_listed(self, error: StoreError) -> None:
        """An incomplete list would cost conversations their warmth, so nothing is dropped this time."""
        _log.warning("nothing forgotten, as the conversations can't be listed: %s", error.message)


def _existing_ids(store: ConversationStore) -> tuple[str, ...]:
    return tuple(each.id for deleted in (False, True) for each in store.list_conversations(deleted))
