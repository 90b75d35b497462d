"""The part of the composition root that is about single messages: deleting, rewriting, other models, exact prompts."""

from PySide6.QtCore import QObject, Slot

from app.controllers.chat_controller import ChatController
from app.controllers.checkpoint_controller import CheckpointController
from app.controllers.conversation_controller import ConversationController
from app.controllers.message_controller import MessageController
from app.controllers.store_requests import StoreRequests
from app.models.message_wish import MessageWish, Wish
from app.widgets.main_window import MainWindow
from app.worker.engine_client import EngineClient


class MessageParts(QObject):
    """Builds and connects them."""

    def __init__(
        self,
        engine: EngineClient,
        requests: StoreRequests,
        conversations: ConversationController,
        chat: ChatController,
        checkpoints: CheckpointController,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._chat = chat
        self.messages = MessageController(
            conversations,
            requests,
            engine.submit,
            chat.is_waiting_in,
            lambda: checkpoints.plan is not None,
            self,
        )
        engine.event_received.connect(self.messages.on_event)
        chat.switch.load_requested.connect(checkpoints.load)

    def connect_window(self, window: MainWindow) -> None:
        """Connect what the window wants and shows."""
        window.page.transcript.wished.connect(self._on_wished)
        window.notice_action_requested.connect(self.messages.on_notice_action)
        self.messages.notice_raised.connect(window.show_notice)
        self.messages.notice_cleared.connect(window.clear_notice)

    @Slot(object)
    def _on_wished(self, wished: object) -> None:
        assert isinstance(wished, MessageWish)
        match wished.wish:
            case Wish.DELETE:
                self.messages.delete(wished.message_id)
            case Wish.ANSWER_WITH:
                self._chat.answer_with((wished.message_id, wished.value))
            case Wish.REWRITE:
                self.messages.edit_answer((wished.message_id, wished.value))
