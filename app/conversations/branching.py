"""A branch of one conversation, or all of it, as the beginning of another one; pure.

The generated ids and the conversation's date stay the same, so the engine finds what it has read already.
"""

import re
from collections.abc import Sequence

import msgspec

from app.conversations.records import Conversation, Message, MessageState, new_id
from app.conversations.titles import UNTITLED
from app.language import mark, tr

_WORD = mark("branch")


def copy_of_branch(
    conversation: Conversation, branch: Sequence[Message], now: float
) -> tuple[Conversation, list[Message]]:
    """Return a conversation that holds copies of these messages, root to leaf, under ids of its own.

    now: seconds since the epoch, when it was changed last. The sequence numbers are still those of the originals.
    """
    line = [
        msgspec.structs.replace(message, parent_id=branch[place - 1].id if place else None)
        for place, message in enumerate(branch)
    ]
    shown = msgspec.structs.replace(
        conversation, title=branch_title(conversation.title), active_leaf_id=branch[-1].id if branch else None
    )
    return _copy(shown, line, now)


def copy_of_tree(
    conversation: Conversation, messages: Sequence[Message], now: float
) -> tuple[Conversation, list[Message]]:
    """Return a copy of a conversation with all its versions, as copy_of_branch does with one branch."""
    title = tr("{title} (copy)").format(title=conversation.title or tr(UNTITLED))
    return _copy(msgspec.structs.replace(conversation, title=title), messages, now)


def _copy(conversation: Conversation, messages: Sequence[Message], now: float) -> tuple[Conversation, list[Message]]:
    copied_id = new_id()
    ids = {message.id: new_id() for message in messages}
    copies = [
        msgspec.structs.replace(
            message,
            id=ids[message.id],
            conversation_id=copied_id,
            parent_id=ids.get(message.parent_id or ""),
            state=MessageState.INTERRUPTED if message.state is MessageState.STREAMING else message.state,
            context_start_id=ids.get(message.context_start_id or ""),
        )
        for message in messages
    ]
    begun = msgspec.structs.replace(
        conversation,
        id=copied_id,
        name=None,
        updated_at=now,
        active_leaf_id=ids.get(conversation.active_leaf_id or ""),
        draft="",
        draft_attachments=(),
        deleted_at=None,
        is_pinned=False,
        is_unread=False,
    )
    return begun, copies


def branch_title(title: str) -> str:
    """Return e.g. "Tides (branch)" for "Tides", and "Tides (branch 2)" for that."""
    word = tr(_WORD)
    found = re.search(rf" \({re.escape(word)}(?: (\d+))?\)$", title)
    if found is None:
        return f"{title} ({word})"
    return f"{title[: found.start()]} ({word} {int(found[1] or 1) + 1})"
