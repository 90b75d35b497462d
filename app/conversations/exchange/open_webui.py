"""Conversations as Open WebUI exports them: a tree of messages by id with the one that was shown last."""

import html
import re
from collections.abc import Iterator

from app.conversations.attachment import Attachment
from app.conversations.exchange.found import ROLES, FoundConversation, FoundMessage, Source, with_parents
from app.conversations.exchange.lenient import Thing, parts_text, text, texts, thing, things, time_of, whole_number
from engine.api.message import Role

# What was cut off has no end.
_DETAILS = re.compile(r"""<details type=["']reasoning["'][^>\n]{0,500}>(.*?)(?:</details>|\Z)""", re.DOTALL)
_SUMMARY = re.compile(r"<summary>[^<]{0,500}</summary>")
_TOOL_CALL = re.compile(r"""<details type=["']tool_calls["'][^>]*+>.*?(?:</details>|\Z)""", re.DOTALL)
_CODE_RUN = re.compile(r"""<details type=["']code_interpreter["'][^>]*+>(.*?)(?:</details>|\Z)""", re.DOTALL)


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
        leaf=text(history.get("currentId")) or text(history.get("current_id")) or None,
    )
    nodes = thing(history.get("messages"))
    if nodes:
        found.unreadable = sum(not isinstance(node, dict) for node in nodes.values())
        children = {key: texts(thing(node).get("childrenIds")) for key, node in nodes.items()}
        listed = [_node(key, text(thing(node).get("parentId")) or None, thing(node)) for key, node in nodes.items()]
        found.messages = with_parents(listed, children)
    else:  # before there was a tree
        messages = chat.get("messages")
        found.unreadable = sum(not isinstance(each, dict) for each in messages) if isinstance(messages, list) else 0
        for place, message in enumerate(things(messages)):
            found.messages.append(_node(str(place), found.leaf, message))
            found.leaf = str(place)
    return found


def _chat(value: Thing) -> Thing:
    return thing(value.get("chat")) or value


def _node(key: str, parent: str | None, node: Thing) -> FoundMessage:
    role = ROLES.get(text(node.get("role")))
    found = FoundMessage(
        key=key,
        parent=parent,
        role=role,
        text=parts_text(node.get("content")),
        created_at=time_of(node.get("timestamp")),
        attachments=tuple(_files(node)) if role is Role.USER else (),
    )
    if role is not Role.ASSISTANT:
        return found
    thoughts = [_thought(match) for match in _DETAILS.findall(found.text)] if "<details" in found.text else []
    if "<details" in found.text:
        said = _TOOL_CALL.sub("", _DETAILS.sub("", found.text))
        found.text = _CODE_RUN.sub(lambda match: _SUMMARY.sub("", match[1]).strip("\n"), said).strip("\n")
    output = things(node.get("output"))
    thoughts = thoughts or [text(node.get("reasoning_content")), *_output(output, "reasoning")]
    found.text = found.text or "\n\n".join(_output(output, "message"))
    found.thinking = "\n\n".join(thought for thought in thoughts if thought.strip())
    found.model = text(node.get("model")) or text(node.get("modelName"))
    return found


def _output(items: list[Thing], kind: str) -> Iterator[str]:
    """Yield what newer versions keep beside the text, in case there is no text."""
    for item in items:
        if item.get("type") == kind:
            yield parts_text(item.get("content")) or parts_text(item.get("summary"))


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
