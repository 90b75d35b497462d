"""Whether another program, such as `hearth ask` in a terminal, has written conversations since one last looked."""

from app.conversations.records import Conversation
from app.conversations.store import ConversationStore

Look = tuple[int, list[Conversation]]  # a number that only another program's writing changes, and what is there now


def look_for_others(store: ConversationStore, known: int | None) -> Look:
    """Return the number of now, and all conversations if it is another one; None has not looked yet."""
    number = store.database.number("PRAGMA data_version")
    return number, store.list_conversations() if known not in (None, number) else []
