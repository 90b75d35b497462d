"""Conversations as Jan keeps them: a thread, and its messages one in each line of a file beside it."""

from collections.abc import Iterable

from app.conversations.exchange.found import ROLES, FoundConversation, FoundMessage, Source
from app.conversations.exchange.lenient import Thing, text, thing, things, time_of
from engine.api.message import Role

THREAD_FILE = "thread.json"
MESSAGES_FILE = "messages.jsonl"


def is_thread(value: Thing) -> bool:
    """Return whether this is the description of one of Jan's threads."""
    return value.get("object") == "thread" or (isinstance(value.get("assistants"), list) and "title" in value)


def is_message(value: Thing) -> bool:
    """Return whether this is one of Jan's messages."""
    return value.get("object") == "thread.message" or ("thread_id" in value and "role" in value)


def read(thread: Thing, messages: Iterable[Thing]) -> FoundConversation:
    """Return what is found in a thread; it may be empty where only the messages are there."""
    lines = list(messages) or things(thread.get("messages"))
    ids = [text(line.get("thread_id")) for line in lines]
    assistant = next(iter(things(thread.get("assistants"))), {})
    found = FoundConversation(
        source=Source.JAN,
        key=text(thread.get("id")) or next(filter(None, ids), ""),
        title=text(thread.get("title")) or text(thread.get("summary")),
        created_at=time_of(thread.get("created")) or time_of(thread.get("created_at")),
        updated_at=time_of(thread.get("updated")) or time_of(thread.get("updated_at")),
        system_prompt=text(assistant.get("instructions")),
        is_pinned=True in (thread.get("isFavorite"), thing(thread.get("metadata")).get("is_favorite")),
    )
    model = text(thing(assistant.get("model")).get("id")) or text(thing(thread.get("model")).get("id"))
    ordered = sorted(enumerate(lines), key=lambda each: (time_of(each[1].get("created_at")), each[0]))
    known: dict[str, Thing] = {}
    for place, line in ordered:
        key = text(line.get("id")) or str(place)
        if key in known and known[key] == line:
            continue
        key = key if key not in known else f"{key} {place}"  # another message under the same id
        known[key] = line
        node = _node(key, found.leaf, line, model)
        found.messages.append(node)
        found.leaf = node.key
    return found


def _node(key: str, parent: str | None, line: Thing, model: str) -> FoundMessage:
    role = ROLES.get(text(line.get("role")))
    content = line.get("content")
    parts = [thing(each) for each in content] if isinstance(content, list) else []
    said = [_text(part) for part in parts if part.get("type") != "reasoning"]
    thoughts = [_text(part) for part in parts if part.get("type") == "reasoning"]
    return FoundMessage(
        key=key,
        parent=None if parent == key else parent,
        role=role,
        text=text(content) or "\n\n".join(part for part in said if part.strip()),
        thinking="\n\n".join(part for part in thoughts if part.strip()),
        created_at=time_of(line.get("created_at")),
        model=(text(thing(line.get("metadata")).get("modelId")) or model) if role is Role.ASSISTANT else "",
    )


def _text(part: Thing) -> str:
    return text(thing(part.get("text")).get("value")) or text(part.get("text"))
