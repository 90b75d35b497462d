"""Lists what other programs have written, such as `hearth ask` or an import in a terminal, while the window is open."""

from PySide6.QtCore import QObject, Slot

from app.controllers.conversations.conversation_controller import ConversationController, is_blank
from app.controllers.store_requests import StoreRequests
from app.conversations.elsewhere import Look, look_for_others
from app.conversations.errors import StoreError
from app.conversations.records import Conversation
from app.models.conversation_list_model import ConversationListModel


class ElsewhereController(QObject):
    """Looks when the window gets the keyboard. The conversation that is shown is left as it is: it is being used."""

    def __init__(
        self,
        conversations: ConversationController,
        requests: StoreRequests,
        listed: ConversationListModel,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._conversations = conversations
        self._requests = requests
        self._listed = listed
        self._number: int | None = None

    @Slot()
    def look(self) -> None:
        """Ask the store; nothing is read from it unless somebody else has written."""
        number, listed_ids = self._number, frozenset(each.id for each in self._listed.all)
        self._requests.request(
            lambda store: look_for_others(store, number), lambda look: self._on_looked(look, listed_ids), _leave_it
        )

    def _on_looked(self, look: Look, listed_ids: frozenset[str]) -> None:
        self._number, found = look
        self._listed.upsert_all(each for each in found if self._is_news(each, listed_ids))

    def _is_news(self, conversation: Conversation, listed_ids: frozenset[str]) -> bool:
        known = self._listed.found(conversation.id)
        if known is None:  # one that was listed when this was asked has been deleted here meanwhile
            return conversation.id not in listed_ids and not is_blank(conversation)
        return known.updated_at < conversation.updated_at and conversation.id != self._conversations.current_id


def _leave_it(_error: StoreError) -> None:
    """The next look may succeed; whoever needs the store says what is wrong with it."""
