"""Conversations as Open WebUI exports them: a tree of messages by id with the one that was shown last."""

import html
import re
from collections.abc import Iterator

from app.conversations.attachment import Attachment
from app.conversations.exchange.found import FoundConversation, FoundMessage, Source
from app.conversations.exchange.lenient import Thing, text, thing, things, time_of, whole_number
from engine.api.message import Role

_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT}
_DETAILS = re.compile(r'<details type="reasoning"[^>\n]{0,500}>(.*?)</details>', re.DOTALL)
_SUMMARY = re.compile(r"<summary>[^<]{0,500}</summary>")
_TOOL_CALL = re.compile(r'<details type="tool_calls"[^>]{0,20000}>.*?</details>', re.DOTALL)


def is_conversation(value: Thing) -> bool:
    """Return whether this is one of Open WebUI's conversations, with or without what is known about it."""
    chat = _chat(value)
    return isinstance(thing(chat.get("history")).get("messages"), dict) or (
        isinstance(value.get("chat"), dict) and isinstance(chat.get("messages"), list)
    )


def read(value: Thing) -> FoundConversation:
    """Return what is found in one conversation."""
    chat = _chat(value)
    history = thing(chat.get("history"))
    found = FoundConversation(
        source=Source.OPEN_WEBUI,
        key=text(value.get("id")) or text(chat.get("id")) or f"{chat.get('timestamp')!r:.40}",
        title=text(value.get("title")) or text(chat.get("title")),
        created_at=time_of(value.get("created_at")) or time_of(chat.get("timestamp")),
        updated_at=time_of(value.get("updated_at")),
        system_prompt=text(thing(chat.get("params")).get("system")) or text(chat.get("system")),
        is_pinned=value.get("pinned") is True,
        leaf=text(history.get("currentId")) or None,
    )
    nodes = thing(history.get("messages"))
    if nodes:
        for key, node in nodes.items():
            found.messages.append(_node(key, text(thing(node).get("parentId")) or None, thing(node)))
    else:  # before there was a tree
        for place, message in enumerate(things(chat.get("messages"))):
            found.messages.append(_node(str(place), found.leaf, message))
            found.leaf = str(place)
    return found


def _chat(value: Thing) -> Thing:
    return thing(value.get("chat")) or value


def _node(key: str, parent: str | None, node: Thing) -> FoundMessage:
    role = _ROLES.get(text(node.get("role")))
    content = text(node.get("content"))
    thinking = ""
    if role is Role.ASSISTANT and "<details" in content:
        thoughts = [_thought(match) for match in _DETAILS.findall(content)]
        thinking = "\n\n".join(thought for thought in thoughts if thought)
        content = _TOOL_CALL.sub("", _DETAILS.sub("", content)).strip("\n")
    return FoundMessage(
        key=key,
        parent=parent,
        role=role,
        text=content,
        thinking=thinking,
        created_at=time_of(node.get("timestamp")),
        model=text(node.get("model")) if role is Role.ASSISTANT else "",
        attachments=tuple(_files(node)) if role is Role.USER else (),
    )


def _thought(details: str) -> str:
    lines = html.unescape(_SUMMARY.sub("", details)).strip("\n").split("\n")
    return "\n".join(line.removeprefix(">").removeprefix(" ") for line in lines).strip()


def _files(node: Thing) -> Iterator[Attachment]:
    for each in things(node.get("files")):
        file = thing(each.get("file"))
        content = text(thing(file.get("data")).get("content"))
        size = whole_number(each.get("size")) or whole_number(thing(file.get("meta")).get("size"))
        yield Attachment(
            name=text(each.get("name")) or text(file.get("filename")) or "file",
            text=content,
            size_bytes=max(0, size),
            media_type=text(thing(file.get("meta")).get("content_type")) or "application/octet-stream",
            note="" if content else "Open WebUI's export holds no text of this file.",
        )
