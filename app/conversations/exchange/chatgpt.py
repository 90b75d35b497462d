"""Conversations as ChatGPT exports them: nodes by id, each with its parent, and the one that was shown last."""

import re
from collections.abc import Iterator

from app.conversations.attachment import Attachment
from app.conversations.exchange.found import ROLES, FoundConversation, FoundMessage, Source, with_parents
from app.conversations.exchange.lenient import Thing, decoded, text, texts, thing, things, time_of, whole_number
from engine.api.message import Role

PAGE = re.compile(rb"\bjsonData\s*=\s*\[")  # behind it the page of all conversations holds them, as a list
# What the program told itself, or tells about the person: nobody said it in the conversation.
_HIDDEN_KINDS = frozenset(
    {"user_editable_context", "model_editable_context", "reasoning_recap", "tether_browsing_display", "system_error"}
)
_CANVAS = "canmore."
_COMPUTERS = ("python", "container", "all")
_MARK = re.compile("\ue200[^\ue200\ue201]*\ue201")
_PICTURE = "[picture]"
_RECORDING = "[recording]"


def is_conversation(value: Thing) -> bool:
    """Return whether this is one of ChatGPT's conversations."""
    return isinstance(value.get("mapping"), dict)


def read(value: Thing) -> FoundConversation:
    """Return what is found in one conversation."""
    mapping = thing(value.get("mapping"))
    children = {key: texts(thing(node).get("children")) for key, node in mapping.items()}
    usual_model = text(value.get("default_model_slug"))
    return FoundConversation(
        source=Source.CHATGPT,
        key=text(value.get("conversation_id")) or text(value.get("id")) or text(value.get("title")),
        title=text(value.get("title")),
        created_at=time_of(value.get("create_time")),
        updated_at=time_of(value.get("update_time")),
        is_pinned=value.get("is_starred") is True,
        leaf=text(value.get("current_node")) or None,
        unreadable=sum(map(_is_unreadable, mapping.values())),
        messages=with_parents([_node(key, thing(node), usual_model) for key, node in mapping.items()], children),
    )


def _is_unreadable(node: object) -> bool:
    """Return whether somebody said something here, but what can't be told; a node without a message is none."""
    if not isinstance(node, dict):
        return True
    message = node.get("message")
    return message is not None and not (isinstance(message, dict) and isinstance(message.get("content"), dict))


def _node(key: str, node: Thing, usual_model: str) -> FoundMessage:
    message = thing(node.get("message"))
    content = thing(message.get("content"))
    metadata = thing(message.get("metadata"))
    role = _role(message, content, metadata)
    found = FoundMessage(
        key=key, parent=text(node.get("parent")) or None, role=role, created_at=time_of(message.get("create_time"))
    )
    if text(content.get("content_type")) == "thoughts":
        found.thinking = "\n\n".join(_thoughts(content))
    elif text(message.get("recipient")).startswith(_CANVAS):
        found.text = _canvas("".join(_parts(content | {"content_type": "text"})))
    else:
        found.text = _without_marks("\n\n".join(part for part in _parts(content) if part.strip()), metadata)
    if role is Role.ASSISTANT:
        found.model = text(metadata.get("model_slug")) or usual_model
    elif role is Role.USER:
        found.attachments = tuple(_files(metadata))
    return found


def _files(metadata: Thing) -> Iterator[Attachment]:
    for each in things(metadata.get("attachments")):
        yield Attachment(
            name=text(each.get("name")) or "file",
            text="",
            size_bytes=max(0, whole_number(each.get("size"))),
            media_type=text(each.get("mime_type")) or "application/octet-stream",
            note="ChatGPT's export holds no text of this file.",
        )


def _role(message: Thing, content: Thing, metadata: Thing) -> Role | None:
    kind = text(content.get("content_type"))
    if metadata.get("is_visually_hidden_from_conversation") is True or kind in _HIDDEN_KINDS:
        return None
    speaker = text(thing(message.get("author")).get("role"))
    if speaker == "tool" and _PICTURE in _parts(content):
        return Role.ASSISTANT  # a tool has drawn it, and it stood there as the answer
    role = ROLES.get(speaker)
    recipient = text(message.get("recipient"))
    is_shown = recipient in ("", "all") or recipient.startswith(_CANVAS)
    runs_code = kind == "code" and recipient.startswith(_COMPUTERS)
    return None if role is Role.ASSISTANT and not (is_shown or runs_code) else role


def _canvas(call: str) -> str:
    """Return the document that was written beside the conversation, or what replaces a part of it."""
    try:
        document = thing(decoded(call.encode("utf-8", "replace")))
    except ValueError:
        return call
    texts = [
        text(document.get("content")),
        *(text(each.get("replacement")) for each in things(document.get("updates"))),
    ]
    kind, _, language = text(document.get("type")).partition("/")
    written = "\n\n".join(each for each in texts if each.strip())
    return _fenced(written, language) if kind == "code" else written


def _parts(content: Thing) -> Iterator[str]:
    kind = text(content.get("content_type"))
    if kind == "code":
        language = text(content.get("language"))
        yield _fenced(text(content.get("text")), "" if language == "unknown" else language)
        return
    parts = content.get("parts")
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict):
            yield _other_part(part)
    if not isinstance(parts, list):
        yield text(content.get("text")) or text(content.get("result")) or text(content.get("content"))


def _other_part(part: Thing) -> str:
    kind = text(part.get("content_type"))
    if kind == "audio_transcription":
        return text(part.get("text"))
    if "image" in kind:
        return _PICTURE
    if "audio" in kind or "video" in kind:
        return _RECORDING
    return text(part.get("text"))


def _thoughts(content: Thing) -> Iterator[str]:
    yield from texts(content.get("parts"))
    for thought in things(content.get("thoughts")):
        lines = (text(thought.get("summary")), text(thought.get("content")))
        yield "\n\n".join(line for line in lines if line.strip())


def _without_marks(said: str, metadata: Thing) -> str:
    """Return a text with links in place of the marks that a search on the web has left in it, which say nothing."""
    for reference in things(metadata.get("content_references")):
        mark = text(reference.get("matched_text"))
        if _MARK.fullmatch(mark):  # it may be a blank as well, which stands everywhere
            said = said.replace(mark, text(reference.get("alt")))
    return _MARK.sub("", said)


def _fenced(code: str, language: str) -> str:
    """Return code as Markdown, whatever stands in it."""
    if not code.strip():
        return ""
    fence = "```"
    while fence in code:
        fence += "`"
    return f"{fence}{language if language.isalnum() else ''}\n{code}\n{fence}"
