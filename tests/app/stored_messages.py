"""What another process of Hearth has stored."""

from app.conversations.records import Message
from app.conversations.store import ConversationStore
from app.paths import locate


def stored() -> list[Message]:
    """Return the messages of the only conversation, without being taken for its writer."""
    if not locate().database.exists():
        return []
    store = ConversationStore(locate().database)
    try:
        return [message for each in store.list_conversations() for message in store.load_messages(each.id)]
    finally:
        store.close()
