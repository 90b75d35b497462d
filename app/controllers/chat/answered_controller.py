"""Tells when an answer has ended that nobody is looking at; only its conversation's title is told, never its words."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal, Slot

from app.conversations.records import Conversation, Message, MessageState
from app.language import tr
from app.models.conversation_list_model import shown_title
from app.settings.schema import Settings

_FAILED = (MessageState.FAILED, MessageState.INTERRUPTED)


class AnsweredController(QObject):
    """Signal wanted((conversation id, title, sentence)) where the desktop is to say that an answer has ended."""

    wanted = Signal(object)

    def __init__(
        self,
        find: Callable[[str], Conversation | None],
        settings: Callable[[], Settings],
        is_in_front: Callable[[], bool],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._find = find
        self._settings = settings
        self._is_in_front = is_in_front

    @Slot(object)
    def on_ended(self, message: Message) -> None:
        """Tell it unless the window is in front, or the user ended the answer."""
        by_itself = message.state is MessageState.COMPLETE or (message.state in _FAILED and message.error is not None)
        conversation = self._find(message.conversation_id)
        if not by_itself or conversation is None or not self._settings().notify or self._is_in_front():
            return
        title = tr("Private conversation") if conversation.is_private else shown_title(conversation)
        sentence = tr("The answer could not be finished.") if message.error else tr("The answer is there.")
        self.wanted.emit((conversation.id, title, sentence))
