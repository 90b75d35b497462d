"""A branch of one conversation as the beginning of another one; pure.

The generated ids and the conversation's date stay the same, so the engine finds what it has read already.
"""

import re
from collections.abc import Sequence

import msgspec

from app.conversations.records import Conversation, Message, MessageState, new_id
from app.language import mark, tr

_WORD = mark("branch")


def copy_of_branch(
    conversation: Conversation, branch: Sequence[Message], now: float
) -> tuple[Conversation, list[Message]]:
    """Return a conversation that holds copies of these messages, root to leaf, under ids of its own.

    now: seconds since the epoch, when it was changed last. The sequence numbers are still those of the originals.
    """
    copied_id = new_id()
    ids = {message.id: new_id() for message in branch}
    messages: list[Message] = []
    parent_id: str | None = None
    for message in branch:
        is_growing = message.state is MessageState.STREAMING
        copied = msgspec.structs.replace(
            message,
            id=ids[message.id],
            conversation_id=copied_id,
            parent_id=parent_id,
            state=MessageState.INTERRUPTED if is_growing else message.state,
            context_start_id=ids.get(message.context_start_id or ""),
        )
        messages.append(copied)
        parent_id = copied.id
    begun = msgspec.structs.replace(
        conversation,
        id=copied_id,
        title=branch_title(conversation.title),
        name=None,
        updated_at=now,
        active_leaf_id=parent_id,
        draft="",
        deleted_at=None,
    )
    return begun, messages


def branch_title(title: str) -> str:
    """Return e.g. "Tides (branch)" for "Tides", and "Tides (branch 2)" for that."""
    word = tr(_WORD)
    found = re.search(rf" \({re.escape(word)}(?: (\d+))?\)$", title)
    if found is None:
        return f"{title} ({word})"
    return f"{title[: found.start()]} ({word} {int(found[1] or 1) + 1})"
