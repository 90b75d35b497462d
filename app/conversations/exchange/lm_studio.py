"""A conversation as LM Studio keeps it: a row of messages, each with its versions and the one that is selected."""

from collections.abc import Iterator

from app.conversations.attachment import Attachment
from app.conversations.exchange.found import ROLES, FoundConversation, FoundMessage, Source
from app.conversations.exchange.lenient import Thing, text, thing, things, time_of, whole_number
from engine.api.message import Role


def is_conversation(value: Thing) -> bool:
    """Return whether this is one of LM Studio's conversations."""
    messages = value.get("messages")
    return isinstance(messages, list) and any(isinstance(each.get("versions"), list) for each in things(messages))


def read(value: Thing) -> FoundConversation:
    """Return what is found in one conversation."""
    created = time_of(value.get("createdAt"))
    last = max(time_of(value.get("userLastMessagedAt")), time_of(value.get("assistantLastMessagedAt")))
    found = FoundConversation(
        source=Source.LM_STUDIO,
        # There is no id in the file, and its name may have changed: the moment of its beginning stands for it.
        key=f"{value.get('createdAt')!r:.40} {text(value.get('name')) if not created else ''}",
        title=text(value.get("name")),
        created_at=created,
        updated_at=last or created,
        system_prompt=text(value.get("systemPrompt")),
        is_pinned=value.get("pinned") is True,
    )
    model = text(thing(value.get("lastUsedModel")).get("identifier"))
    listed = value.get("messages")
    messages = things(listed)
    found.unreadable = len(listed if isinstance(listed, list) else []) - len(messages)
    for place, message in enumerate(messages):
        above = found.leaf
        versions = things(message.get("versions"))
        found.unreadable += not versions
        selected = whole_number(message.get("currentlySelected"))
        for number, version in enumerate(versions):
            key = f"{place}.{number}"
            found.messages.append(_version(key, above, version, model))
            if number == selected or number == 0:
                found.leaf = key
    return found


def _version(key: str, parent: str | None, version: Thing, model: str) -> FoundMessage:
    blocks = [version, *(step for step in things(version.get("steps")) if step.get("type") == "contentBlock")]
    role = ROLES.get(text(version.get("role")))
    answers = [block for block in blocks if not _is_thinking(block)]
    models = (text(thing(block.get("genInfo")).get("identifier")) for block in reversed(blocks))
    sender = text(thing(version.get("senderInfo")).get("senderName"))
    return FoundMessage(
        key=key,
        parent=parent,
        role=role,
        text="\n\n".join(part for block in answers for part in _texts(block)),
        thinking="\n\n".join(part for block in blocks if _is_thinking(block) for part in _texts(block)),
        model=(next(filter(None, models), "") or sender or model) if role is Role.ASSISTANT else "",
        attachments=tuple(_files(version)) if role is Role.USER else (),
    )


def _is_thinking(block: Thing) -> bool:
    return text(thing(block.get("style")).get("type")) == "thinking"


def _texts(block: Thing) -> Iterator[str]:
    if text(block.get("content")).strip():
        yield text(block.get("content"))
    for part in things(block.get("content")):
        if text(part.get("text")).strip():
            yield text(part.get("text"))


def _files(version: Thing) -> Iterator[Attachment]:
    for part in things(version.get("content")):
        if part.get("type") == "file":
            yield Attachment(
                name=text(part.get("name")) or text(part.get("fileIdentifier")) or "file",
                text="",
                size_bytes=max(0, whole_number(part.get("sizeBytes"))),
                media_type="application/octet-stream",
                note="LM Studio's conversation holds no text of this file.",
            )
