"""Conversations as ChatGPT exports them: nodes by id, each with its parent, and the one that was shown last."""

from collections.abc import Iterator

from app.conversations.attachment import Attachment
from app.conversations.exchange.found import FoundConversation, FoundMessage, Source
from app.conversations.exchange.lenient import Thing, text, thing, things, time_of, whole_number
from engine.api.message import Role

_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT}
# What the program told itself, or tells about the person: nobody said it in the conversation.
_HIDDEN_KINDS = frozenset(
    {"user_editable_context", "model_editable_context", "reasoning_recap", "tether_browsing_display", "system_error"}
)
_PICTURE = "[picture]"
_RECORDING = "[recording]"


def is_conversation(value: Thing) -> bool:
    """Return whether this is one of ChatGPT's conversations."""
    return isinstance(value.get("mapping"), dict)


def read(value: Thing) -> FoundConversation:
    """Return what is found in one conversation."""
    mapping = thing(value.get("mapping"))
    return FoundConversation(
        source=Source.CHATGPT,
        key=text(value.get("conversation_id")) or text(value.get("id")) or text(value.get("title")),
        title=text(value.get("title")),
        created_at=time_of(value.get("create_time")),
        updated_at=time_of(value.get("update_time")),
        is_pinned=value.get("is_starred") is True,
        leaf=text(value.get("current_node")) or None,
        messages=[_node(key, thing(node)) for key, node in mapping.items()],
    )


def _node(key: str, node: Thing) -> FoundMessage:
    message = thing(node.get("message"))
    content = thing(message.get("content"))
    metadata = thing(message.get("metadata"))
    found = FoundMessage(
        key=key,
        parent=text(node.get("parent")) or None,
        role=_role(message, content, metadata),
        created_at=time_of(message.get("create_time")),
        model=text(metadata.get("model_slug")),
    )
    if text(content.get("content_type")) == "thoughts":
        found.thinking = "\n\n".join(_thoughts(content))
    else:
        found.text = "\n\n".join(part for part in _parts(content) if part.strip())
    found.attachments = tuple(
        Attachment(
            name=text(each.get("name")) or "file",
            text="",
            size_bytes=max(0, whole_number(each.get("size"))),
            media_type=text(each.get("mime_type")) or "application/octet-stream",
            note="ChatGPT's export holds no text of this file.",
        )
        for each in things(metadata.get("attachments"))
    )
    if found.role is Role.ASSISTANT:
        found.attachments = ()
    return found


def _role(message: Thing, content: Thing, metadata: Thing) -> Role | None:
    kind = text(content.get("content_type"))
    if metadata.get("is_visually_hidden_from_conversation") is True or kind in _HIDDEN_KINDS:
        return None
    role = _ROLES.get(text(thing(message.get("author")).get("role")))
    to_a_tool = text(message.get("recipient")) not in ("", "all")
    return None if role is Role.ASSISTANT and to_a_tool and kind != "code" else role


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
    for thought in things(content.get("thoughts")):
        lines = (text(thought.get("summary")), text(thought.get("content")))
        yield "\n\n".join(line for line in lines if line.strip())


def _fenced(code: str, language: str) -> str:
    if not code.strip():
        return ""
    fence = "```"
    while fence in code:
        fence += "`"
    return f"{fence}{language if language.isalnum() else ''}\n{code}\n{fence}"
