"""What was changed here in conversations, and is newer than what the store may answer."""

from collections.abc import Iterable

import msgspec

from app.controllers.store_requests import StoreRequests
from app.conversations.records import Conversation


def branch_key(conversation_id: str) -> tuple[str, str]:
    """Return the key under which it waits to be kept which branch of a conversation is shown."""
    return ("branch", conversation_id)


class KnownChanges:
    """Fields of conversations that were changed since these were asked for, or that are not kept yet."""

    def __init__(self, requests: StoreRequests) -> None:
        self._requests = requests
        self._changes: dict[str, dict[str, object]] = {}

    def note(self, conversation_ids: Iterable[str], changes: dict[str, object]) -> None:
        """Know that these fields have other values now."""
        for each in conversation_ids:
            self._changes.setdefault(each, {}).update(changes)

    def forget(self, conversation_id: str, field: str) -> None:
        """Leave one field to the store, which has something newer."""
        self._changes.get(conversation_id, {}).pop(field, None)

    def on_asked(self, conversation_id: str) -> None:
        """Leave to the store what it has: to be called when a conversation is asked for, or read anew."""
        if self._requests.is_all_kept:
            self._changes.pop(conversation_id, None)

    def applied_to(self, conversation: Conversation) -> Conversation:
        """Return what the store said, with what was changed."""
        return msgspec.structs.replace(conversation, **self._changes.get(conversation.id, {}))
