"""What the window says of an answer that has ended; an offer goes when its page does, or has gone on behind it."""

from PySide6.QtCore import QObject, Signal, Slot

from app.controllers import notices
from app.controllers.conversations.conversation_controller import ConversationController
from app.conversations.records import Message


class AnswerNotices(QObject):
    """Remembers whose page the notice about an answer needs. Signals: notice_raised(Notice), notice_cleared(key)."""

    notice_raised = Signal(object)
    notice_cleared = Signal(object)

    def __init__(self, conversations: ConversationController, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._conversations = conversations
        self._page_id: str | None = None
        conversations.shown.connect(self._on_shown)

    def tell_ending(self, message: Message) -> None:
        """Say how an answer has ended, if that has to be said beside the page."""
        loaded = self._conversations.shelf.get(message.conversation_id)
        if loaded is None:
            return
        is_shown = loaded is self._conversations.current
        has_history = len(loaded.tree.branch(message.id)) > 2
        notice = notices.answer_notice(
            message,
            loaded.conversation,
            is_shown=is_shown,
            when_full=self._conversations.when_full(loaded.conversation) if has_history else None,
        )
        if notice is not None:
            self._page_id = message.conversation_id if is_shown and notices.needs_its_page(notice) else None
            self.notice_raised.emit(notice)

    def belongs_to(self, conversation_id: str) -> None:
        """Know that the notice about an answer, which somebody else raises, needs this conversation's page."""
        self._page_id = conversation_id

    def clear_for(self, conversation_id: str) -> None:
        """Take away what is offered for an answer of this conversation, which has gone on behind it."""
        if self._page_id == conversation_id:
            self._clear()

    @Slot()
    def _on_shown(self) -> None:
        if self._page_id is not None and self._page_id != self._conversations.current_id:
            self._clear()

    def _clear(self) -> None:
        self._page_id = None
        self.notice_cleared.emit(notices.ANSWER_KEY)
