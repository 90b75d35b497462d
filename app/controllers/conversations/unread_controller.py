"""Marks the conversations in which an answer has ended that nobody was looking at."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Slot

from app.controllers.conversations.conversation_controller import ConversationController
from app.controllers.store_requests import StoreRequests
from app.conversations import organizing
from app.conversations.records import Message
from app.models.conversation_list_model import ConversationListModel


class UnreadController(QObject):
    """is_looked_at tells whether the window is in front with the shown conversation in it."""

    def __init__(
        self,
        conversations: ConversationController,
        requests: StoreRequests,
        listed: ConversationListModel,
        is_looked_at: Callable[[], bool],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._conversations = conversations
        self._requests = requests
        self._listed = listed
        self._is_looked_at = is_looked_at
        conversations.shown.connect(self.on_looked)

    @Slot(object)
    def on_answer_ended(self, message: Message) -> None:
        """Mark the answer's conversation unless it is being looked at."""
        conversation_id = message.conversation_id
        if conversation_id != self._conversations.current_id or not self._is_looked_at():
            self._set(conversation_id, True)

    @Slot()
    def on_looked(self) -> None:
        """Take the mark off what is looked at now: it was just shown, or the window has come to the front."""
        conversation_id = self._conversations.current_id
        if conversation_id is not None and self._is_looked_at():
            self._set(conversation_id, False)

    def _set(self, conversation_id: str, is_unread: bool) -> None:
        conversation = self._listed.found(conversation_id)
        if conversation is not None and conversation.is_unread != is_unread:
            self._requests.keep(lambda store: organizing.set_unread(store.databases_of([conversation_id]), is_unread))
            self._conversations.change_known([conversation_id], is_unread=is_unread)
