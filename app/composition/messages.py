"""The part of the composition root that is about single messages: deleting, rewriting, other models, exact prompts."""

from PySide6.QtCore import QObject, Qt, Slot

from app.controllers.chat.chat_controller import ChatController
from app.controllers.chat.edit_controller import EditController
from app.controllers.chat.message_controller import MessageController
from app.controllers.chat.prompt_controller import PromptController
from app.controllers.conversations.conversation_controller import ConversationController
from app.controllers.models.checkpoint_controller import CheckpointController
from app.controllers.store_requests import StoreRequests
from app.models.message_edit import MessageEdits
from app.models.message_wish import MessageWish, Wish
from app.widgets.basics.theme import Theme
from app.widgets.dialogs.prompt_dialog import PromptDialog
from app.widgets.window.main_window import MainWindow
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
        edits: MessageEdits,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._chat = chat
        self._conversations = conversations
        self.messages = MessageController(
            conversations,
            requests,
            engine.submit,
            chat.is_waiting_in,
            lambda: checkpoints.plan is not None,
            self,
        )
        self.prompts = PromptController(
            conversations,
            engine.submit,
            engine.cancel,
            lambda: checkpoints.plan is not None,
            lambda: chat.is_idle,
            self,
        )
        self.edits = EditController(conversations, requests, edits, self)
        self.messages.restored.connect(self.edits.on_restored)
        self._window: MainWindow | None = None
        self._dialog: PromptDialog | None = None
        engine.event_received.connect(self.messages.on_event)
        engine.event_received.connect(self.prompts.on_event)
        chat.switch.load_requested.connect(checkpoints.load)

    def connect_window(self, window: MainWindow) -> None:
        """Connect what the window wants and shows."""
        self._window = window
        window.actions_by_name.answer_now.triggered.connect(self._answer_now)
        self._conversations.leaving.connect(window.page.transcript.flush_edits)
        self._conversations.leaving.connect(self.edits.flush)
        for restored in (self._chat.waiting.edit_restored, self.messages.edit_restored):
            restored.connect(window.page.transcript.flush_edits)
            restored.connect(self.edits.go_on)
            restored.connect(lambda job: window.page.transcript.go_to_edit(job.message_id))
        window.page.transcript.wished.connect(self._on_wished)
        window.notice_action_requested.connect(self.messages.on_notice_action)
        self.messages.notice_raised.connect(window.show_notice)
        self.messages.notice_cleared.connect(window.clear_notice)

    def shut_down(self) -> None:
        """Have what is written in messages saved; blocks for a moment."""
        if self._window is not None:
            self._window.page.transcript.flush_edits()
        self.edits.shut_down()
        self.messages.shut_down()

    @Slot(object)
    def _on_wished(self, wished: object) -> None:
        assert isinstance(wished, MessageWish)
        match wished.wish:
            case Wish.DELETE:
                self.messages.delete(wished.message_id)
            case Wish.SHOW_PROMPT:
                self._show_prompt(wished.message_id)
            case Wish.ANSWER_WITH:
                self._chat.answer_with((wished.message_id, wished.value))
            case Wish.ANSWER_NOW:
                self._answer_now()
            case Wish.NEW_CONVERSATION:
                if self._window is not None:
                    self._window.actions_by_name.new.trigger()
            case Wish.EDIT_QUESTION:
                if self._window is not None:
                    self._window.actions_by_name.edit_last.trigger()
            case Wish.REWRITE:
                self.messages.edit_answer((wished.message_id, wished.value))

    def _show_prompt(self, message_id: str) -> None:
        if self._window is None:
            return
        if self._dialog is not None:
            self._dialog.close()
        dialog = self._dialog = PromptDialog(self._window_theme, self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.prompts.waiting.connect(dialog.show_message)
        self.prompts.failed.connect(dialog.show_message)
        self.prompts.described.connect(dialog.show_prompt)
        dialog.closed.connect(self._on_prompt_closed)
        dialog.show()
        self.prompts.ask(message_id)

    @Slot()
    def _on_prompt_closed(self) -> None:
        self._dialog = None
        self.prompts.give_up()

    @Slot()
    def _answer_now(self) -> None:
        """End the thinking of the answer that is written in the shown conversation."""
        running = self._chat.runner.message
        if running is not None and running.conversation_id == self._conversations.current_id:
            self._chat.runner.answer_now()

    def _window_theme(self) -> Theme:
        assert self._window is not None
        return self._window.theme
