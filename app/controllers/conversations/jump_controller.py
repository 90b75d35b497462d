"""Goes to one message of any conversation, on whichever branch it is."""

import msgspec
from PySide6.QtCore import QObject, Signal, Slot

from app.controllers.conversations.conversation_controller import ConversationController
from app.controllers.store_requests import StoreRequests


class JumpController(QObject):
    """Signal arrived(message id): the conversation is shown on a branch that holds the message."""

    arrived = Signal(object)

    def __init__(
        self, conversations: ConversationController, requests: StoreRequests, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._conversations = conversations
        self._requests = requests
        self._wanted: tuple[str, str] | None = None
        conversations.shown.connect(self._on_shown)

    @Slot(object)
    def expect(self, target: tuple[str, str]) -> None:
        """Go to a message as soon as its conversation is shown: (conversation id, message id)."""
        self._wanted = target

    @Slot()
    def _on_shown(self) -> None:
        current = self._conversations.current
        if self._wanted is None or current is None:
            return
        (conversation_id, message_id), self._wanted = self._wanted, None
        if current.conversation.id != conversation_id or message_id not in current.tree:
            return
        if all(message.id != message_id for message in current.branch()):
            leaf_id = current.tree.newest_leaf(message_id)
            current.conversation = msgspec.structs.replace(current.conversation, active_leaf_id=leaf_id)
            self._requests.request(lambda store: store.show_branch(conversation_id, leaf_id))
            self._conversations.show_branch()
        self.arrived.emit(message_id)
