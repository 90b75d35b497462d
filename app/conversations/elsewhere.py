"""Whether another program, such as `hearth ask` in a terminal, has written conversations since one last looked."""

from app.conversations import organizing
from app.conversations.records import Conversation, Folder
from app.conversations.store import ConversationStore

# A number that only another program's writing changes, and what is there now.
Look = tuple[int, list[Conversation], list[Folder]]


def look_for_others(store: ConversationStore, known: int | None) -> Look:
    """Return the number of now, and all conversations and folders if it is another one; None has not looked yet."""
    number = store.database.number("PRAGMA data_version")
    if known in (None, number):
        return number, [], []
    return number, store.list_conversations(), organizing.folders(store.database)
