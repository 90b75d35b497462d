"""Hearth's own files: each conversation and each message is read by itself, so that a bad one spoils no other."""

import re
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from app.conversations.exchange.document import FORMAT, VERSION, ConversationDocument, document_of
from app.conversations.exchange.errors import ExchangeError
from app.conversations.exchange.found import MOST_CHARACTERS, MOST_MESSAGES, stable_id
from app.conversations.exchange.lenient import Thing, decoded, text, thing
from app.conversations.records import Conversation, Folder, Message
from app.language import mark

_ID = re.compile(r"[\w-]{1,64}", re.ASCII)
_LONGEST_TITLE = 1000
_MOST_BYTES = 4 * MOST_CHARACTERS
_LARGEST_TOKEN = 2**32 - 1
_BAD_FIELD = re.compile(r"`\$\.(\w+)")  # in msgspec's sentences
# What stands for fields that have no default; only without the others nothing can be made of a record.
_INSTEAD = {"title": "", "created_at": 0.0, "updated_at": 0.0, "parent_id": None, "conversation_id": "", "sequence": 0}
_Record = TypeVar("_Record", Conversation, Message)


def is_file(value: Thing) -> bool:
    """Return whether this is one of Hearth's files."""
    return value.get("format") == FORMAT


def check_version(value: Thing) -> None:
    """Raise ExchangeError for a file of a newer Hearth."""
    version = value.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise ExchangeError(
            mark("This file was written by a newer Hearth, or is damaged."),
            mark("Update Hearth, and import it again."),
        )


def read_folders(value: Any) -> Iterator[Folder]:  # noqa: ANN401  whatever stands there
    """Yield the folders that can be read."""
    for each in value if isinstance(value, list) else ():
        try:
            folder = msgspec.convert(each, Folder)
        except (msgspec.ValidationError, RecursionError):
            continue
        if _ID.fullmatch(folder.id) and folder.name.strip():
            yield msgspec.structs.replace(folder, name=folder.name[:_LONGEST_TITLE])


def read(raw: msgspec.Raw) -> tuple[ConversationDocument, int]:
    """Return a conversation and how many messages of it can't be read; raises ValueError if all of it can't be."""
    value = thing(decoded(raw))
    conversation = _record(value.get("conversation"), Conversation)
    listed = value.get("messages")
    found = listed if isinstance(listed, list) else []
    if len(found) > MOST_MESSAGES or len(memoryview(raw)) > _MOST_BYTES:
        raise ValueError("too long")
    messages = [message for message in map(_message, found) if message is not None]
    document = _admitted(document_of(conversation, {message.id: message for message in messages}.values()))
    return document, len(found) - len(document.messages)


def _message(value: object) -> Message | None:
    try:
        message = _record(value, Message)
    except ValueError:
        return None
    if all(0 <= token <= _LARGEST_TOKEN for token in message.token_ids):
        return message
    return msgspec.structs.replace(message, token_ids=())


def _record(value: object, kind: type[_Record]) -> _Record:
    """Return the record that stands there, without those fields that hold something else; raises ValueError."""
    fields = _INSTEAD | thing(value)
    while True:
        try:
            return msgspec.convert(fields, kind)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
        except msgspec.ValidationError as error:
            bad = _BAD_FIELD.search(str(error))
            if bad is None or bad[1] not in fields or fields[bad[1]] is _INSTEAD.get(bad[1], _INSTEAD):
                raise
            del fields[bad[1]]
            if bad[1] in _INSTEAD:
                fields[bad[1]] = _INSTEAD[bad[1]]


def _admitted(document: ConversationDocument) -> ConversationDocument:
    """Return the document with ids that can be ones, and a title that can be shown."""
    conversation = document.conversation
    known = {conversation.id, *(message.id for message in document.messages)}
    others = {each: each if _ID.fullmatch(each) else stable_id(conversation.id, each) for each in known}

    def other(known_id: str | None) -> str | None:
        return others.get(known_id) if known_id is not None else None

    messages = tuple(
        msgspec.structs.replace(
            message,
            id=others[message.id],
            conversation_id=others[conversation.id],
            parent_id=other(message.parent_id),
            context_start_id=other(message.context_start_id),
        )
        for message in document.messages
    )
    folder_id = conversation.folder_id
    return ConversationDocument(
        conversation=msgspec.structs.replace(
            conversation,
            id=others[conversation.id],
            title=conversation.title[:_LONGEST_TITLE],
            name=text(conversation.name)[:_LONGEST_TITLE] or None,
            active_leaf_id=other(conversation.active_leaf_id),
            folder_id=folder_id if folder_id is not None and _ID.fullmatch(folder_id) else None,
        ),
        messages=messages,
    )
