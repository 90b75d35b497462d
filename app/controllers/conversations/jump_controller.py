"""Goes to one message of any conversation, on whichever branch it is."""

from PySide6.QtCore import QObject, Signal, Slot

from app.controllers.conversations.conversation_controller import ConversationController


class JumpController(QObject):
    """Signal arrived(message id): the conversation is shown on a branch that holds the message."""

    arrived = Signal(object)

    def __init__(self, conversations: ConversationController, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._conversations = conversations
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
            self._conversations.keep_branch(current.tree.newest_leaf(message_id))
        self.arrived.emit(message_id)
