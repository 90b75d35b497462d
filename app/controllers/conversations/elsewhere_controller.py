"""Lists what other programs have written, such as `hearth ask` or an import in a terminal, while the window is open."""

from PySide6.QtCore import QObject, Slot

from app.controllers.conversations.conversation_controller import ConversationController
from app.controllers.conversations.new_pages import is_blank
from app.controllers.conversations.shelf import Read, read
from app.controllers.store_requests import StoreRequests
from app.conversations.elsewhere import Look, look_for_others
from app.conversations.errors import StoreError
from app.conversations.records import Conversation, MessageState
from app.models.conversation_list_model import ConversationListModel


class ElsewhereController(QObject):
    """Looks when the window gets the keyboard.

    The conversation that is shown is read again then, unless it is being used: then a later look brings it.
    """

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
        self._behind_id: str | None = None  # the shown conversation, while another program has written more of it

    @Slot()
    def look(self) -> None:
        """Ask the store; nothing is read from it unless somebody else has written."""
        number, folders = self._number, self._listed.folders
        listed_ids = frozenset(each.id for each in self._listed.all).union(each.id for each in folders)
        self._requests.request(
            lambda store: look_for_others(store, number), lambda look: self._on_looked(look, listed_ids), _leave_it
        )

    def _on_looked(self, look: Look, listed_ids: frozenset[str]) -> None:
        self._number, found, folders = look
        listed = self._listed.folders
        known_ids = listed_ids.union(each.id for each in listed)  # one of then may have been deleted here since
        if new := [each for each in folders if each.id not in known_ids]:
            self._listed.set_folders((*listed, *new))
        self._listed.upsert_all(each for each in found if self._is_news(each, listed_ids))
        if any(self._is_more_of_shown(each) for each in found):
            self._behind_id = self._conversations.current_id
        self._read_shown_again()

    def _is_news(self, conversation: Conversation, listed_ids: frozenset[str]) -> bool:
        known = self._listed.found(conversation.id)
        if known is None:  # one that was listed when this was asked has been deleted here meanwhile
            return conversation.id not in listed_ids and not is_blank(conversation)
        return known.updated_at < conversation.updated_at and conversation.id != self._conversations.current_id

    def _is_more_of_shown(self, conversation: Conversation) -> bool:
        current = self._conversations.current
        if current is None or conversation.id != current.conversation.id:
            return False
        is_growing = any(each.state is MessageState.STREAMING for each in current.tree.messages())
        return is_growing or current.conversation.updated_at < conversation.updated_at

    def _read_shown_again(self) -> None:
        current = self._conversations.current
        if current is None or current.conversation.id != self._behind_id or self._conversations.is_in_use:
            return
        conversation_id, before = current.conversation.id, (current.conversation, current.tree)

        def on_read(found: Read) -> None:
            conversation, tree = found
            now = self._conversations.current
            is_as_before = now is current and before == (now.conversation, now.tree)
            if conversation is not None and is_as_before and not self._conversations.is_in_use:
                self._behind_id = None
                self._conversations.replace_shown(conversation, tree)

        self._conversations.drafts.flush()
        self._requests.request(lambda store: read(store, conversation_id), on_read, _leave_it)


def _leave_it(_error: StoreError) -> None:
    """The next look may succeed; whoever needs the store says what is wrong with it."""
