"""Lets a conversation go on in a second one from any of its answers."""

import time

from PySide6.QtCore import QObject, Signal, Slot

from app.controllers.conversations.conversation_controller import ConversationController
from app.controllers.store_requests import StoreRequests
from app.conversations.branching import copy_of_branch
from app.conversations.records import Conversation, Message
from app.conversations.store import ConversationStore


class BranchController(QObject):
    """Copies in the store first, then shows the copy. Signal copied((id of the original, id of the copy))."""

    copied = Signal(object)

    def __init__(
        self, conversations: ConversationController, requests: StoreRequests, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._conversations = conversations
        self._requests = requests

    @Slot(object)
    def branch(self, message_id: str) -> None:
        """Open a new conversation that holds the shown one up to a message."""
        current = self._conversations.current
        if current is None or message_id not in current.tree:
            return
        conversation, messages = copy_of_branch(current.conversation, current.tree.branch(message_id), time.time())

        def copy(store: ConversationStore) -> tuple[Conversation, list[Message]]:
            return conversation, store.save_copies(conversation, messages)

        def on_copied(copied: tuple[Conversation, list[Message]]) -> None:
            self._conversations.show_added(*copied)
            self.copied.emit((current.conversation.id, conversation.id))

        self._requests.request(copy, on_copied)
