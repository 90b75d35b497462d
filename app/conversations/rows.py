"""Records to and from database rows; a damaged value becomes an empty one, so that its text stays readable."""

import logging
import sys
from array import array
from enum import StrEnum
from typing import TypeVar

import msgspec

from app.conversations.attachment import Attachment
from app.conversations.database import Row, Value
from app.conversations.records import Conversation, Message, MessageState
from engine.api.codec import clean_text
from engine.api.commands import WhenFull
from engine.api.errors import ErrorReport
from engine.api.events import FinishReason, Statistics
from engine.api.message import Role
from engine.api.sampling import Sampling

CONVERSATION_COLUMNS = (
    "id, title, created_at, updated_at, name, title_is_manual, system_prompt, active_leaf_id, draft, deleted_at, "
    "when_full, folder_id, is_pinned, is_unread, sampling, draft_attachments"
)
# Changed by methods of their own, as another process, or another part of this one, may just have changed them.
OWN_COLUMNS = frozenset({"folder_id", "is_pinned", "is_unread", "sampling", "draft_attachments"})
MESSAGE_COLUMNS = (
    "id, conversation_id, parent_id, sequence, role, created_at, state, tokenizer_id, model, precision, "
    "finish_reason, statistics, error, token_ids, content, context_start_id, attachments, is_edited, "
    "opens_thinking, thinking_seconds"
)

_log = logging.getLogger(__name__)
_Record = TypeVar("_Record")
_Choice = TypeVar("_Choice", bound=StrEnum)
_PIECE_CHARACTERS = 128 * 1024  # encoded within 2 ms


def conversation_row(conversation: Conversation) -> tuple[Value, ...]:
    """Return the values in the order of CONVERSATION_COLUMNS."""
    return (
        conversation.id,
        clean_text(conversation.title),
        conversation.created_at,
        conversation.updated_at,
        None if conversation.name is None else clean_text(conversation.name),
        int(conversation.title_is_manual),
        clean_text(conversation.system_prompt),
        conversation.active_leaf_id,
        clean_text(conversation.draft),
        conversation.deleted_at,
        None if conversation.when_full is None else conversation.when_full.value,
        conversation.folder_id,
        int(conversation.is_pinned),
        int(conversation.is_unread),
        None if conversation.sampling is None else msgspec.json.encode(conversation.sampling),
        attachments_blob(conversation.draft_attachments),
    )


def conversation_from(row: Row, *, is_private: bool = False) -> Conversation:
    """Return the conversation of a row in the order of CONVERSATION_COLUMNS."""
    return Conversation(
        id=_text(row[0]),
        title=_text(row[1]),
        created_at=_real(row[2]),
        updated_at=_real(row[3]),
        name=None if row[4] is None else _text(row[4]),
        title_is_manual=bool(row[5]),
        system_prompt=_text(row[6]),
        active_leaf_id=None if row[7] is None else _text(row[7]),
        draft=_text(row[8]),
        deleted_at=None if row[9] is None else _real(row[9]),
        when_full=_choice(WhenFull, row[10]),
        is_private=is_private,
        folder_id=None if row[11] is None else _text(row[11]),
        is_pinned=bool(row[12]),
        is_unread=bool(row[13]),
        sampling=_decoded(Sampling, row[14]),
        draft_attachments=attachments_from(row[15]),
    )


def message_row(message: Message) -> tuple[Value, ...]:
    """Return the values in the order of MESSAGE_COLUMNS."""
    return (
        message.id,
        message.conversation_id,
        message.parent_id,
        message.sequence,
        message.role.value,
        message.created_at,
        message.state.value,
        message.tokenizer_id,
        clean_text(message.model),
        message.precision,
        None if message.finish_reason is None else message.finish_reason.value,
        None if message.statistics is None else msgspec.json.encode(message.statistics),
        None if message.error is None else msgspec.json.encode(_clean_report(message.error)),
        packed(message.token_ids),
        clean_text(message.content),
        message.context_start_id,
        attachments_blob(message.attachments),
        int(message.is_edited),
        int(message.opens_thinking),
        message.thinking_seconds,
    )


def message_from(row: Row) -> Message:
    """Return the message of a row in the order of MESSAGE_COLUMNS."""
    return Message(
        id=_text(row[0]),
        conversation_id=_text(row[1]),
        parent_id=None if row[2] is None else _text(row[2]),
        sequence=int(_real(row[3])) if not isinstance(row[3], int) else row[3],
        role=_choice(Role, row[4]) or Role.ASSISTANT,
        created_at=_real(row[5]),
        state=_choice(MessageState, row[6]) or MessageState.INTERRUPTED,
        tokenizer_id=_text(row[7]),
        model=_text(row[8]),
        precision=_text(row[9]),
        finish_reason=_choice(FinishReason, row[10]),
        statistics=_decoded(Statistics, row[11]),
        error=_decoded(ErrorReport, row[12]),
        token_ids=unpacked(row[13]),
        content=_text(row[14]),
        context_start_id=None if row[15] is None else _text(row[15]),
        attachments=attachments_from(row[16]),
        is_edited=bool(row[17]),
        opens_thinking=bool(row[18]),
        thinking_seconds=None if row[19] is None else _real(row[19]),
    )


def attachments_blob(attachments: tuple[Attachment, ...]) -> bytes | bytearray | None:
    """Return what goes with a message as it is kept; None for nothing."""
    if not attachments:
        return None
    blob = bytearray()
    for attachment in attachments:
        blob += b"," if blob else b"["
        _add_json(attachment, blob)
    blob += b"]"
    return blob


def _add_json(attachment: Attachment, blob: bytearray) -> None:
    """Add an attachment; its text, a book perhaps, is encoded and added in pieces: no other thread runs meanwhile."""
    fields = msgspec.structs.asdict(attachment)
    text = clean_text(fields.pop("text"))
    for name in ("name", "note"):
        fields[name] = clean_text(fields[name])
    blob += msgspec.json.encode(fields)[:-1] + b',"text":"'
    for start in range(0, len(text), _PIECE_CHARACTERS):
        blob += msgspec.json.encode(text[start : start + _PIECE_CHARACTERS])[1:-1]
    blob += b'"}'


def attachments_from(blob: Value) -> tuple[Attachment, ...]:
    """Return what goes with a message; none for a damaged blob."""
    return (_decoded(tuple[Attachment, ...], blob) or ()) if blob is not None else ()


def packed(token_ids: tuple[int, ...]) -> bytes:
    """Return the ids as 4 bytes each, little-endian."""
    ids = array("I", token_ids)
    if sys.byteorder == "big":
        ids.byteswap()
    return ids.tobytes()


def unpacked(blob: Value) -> tuple[int, ...]:
    """Return the ids of a packed blob; a damaged one gives none (the text is then tokenised again)."""
    if not isinstance(blob, bytes) or len(blob) % 4:
        return ()
    ids = array("I", blob)
    if sys.byteorder == "big":
        ids.byteswap()
    return tuple(ids)


def _clean_report(report: ErrorReport) -> ErrorReport:
    return msgspec.structs.replace(
        report,
        message=clean_text(report.message),
        hint=clean_text(report.hint),
        details=clean_text(report.details),
    )


def _decoded(kind: type[_Record], blob: Value) -> _Record | None:
    if not isinstance(blob, bytes):
        return None
    try:
        return msgspec.json.decode(blob, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        _log.warning("a stored %s can't be read", getattr(kind, "__name__", "value"))
        return None


def _choice(kind: type[_Choice], value: Value) -> _Choice | None:
    try:
        return None if value is None else kind(str(value))
    except ValueError:
        _log.warning("a stored %s is unknown", kind.__name__)
        return None


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _real(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
