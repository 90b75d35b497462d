"""A conversation and its messages as they are kept: frozen values, identified by random ids, ordered by sequence."""

import uuid
from enum import StrEnum

import msgspec

from engine.api.commands import WhenFull
from engine.api.errors import ErrorReport
from engine.api.events import FinishReason, Statistics
from engine.api.message import Role


class MessageState(StrEnum):
    """How far an answer came. A user's message is COMPLETE from the start."""

    STREAMING = "streaming"
    COMPLETE = "complete"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One turn in the tree; siblings share parent_id and are told apart by sequence (grows with every new message).

    token_ids are the generated ids of an assistant turn (end token excluded) under tokenizer_id. context_start_id: for
    this answer the messages before that one were left out, as the conversation had become too long.
    """

    id: str
    conversation_id: str
    parent_id: str | None
    sequence: int
    role: Role
    content: str
    created_at: float
    state: MessageState = MessageState.COMPLETE
    token_ids: tuple[int, ...] = ()
    tokenizer_id: str = ""
    model: str = ""
    precision: str = ""
    finish_reason: FinishReason | None = None
    statistics: Statistics | None = None
    error: ErrorReport | None = None
    context_start_id: str | None = None


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """A tree of messages with the branch that is shown (active_leaf_id). name is what `--conversation` finds it by.

    when_full: None means as the settings say. is_private: it is in memory only, and never on disk.
    """

    id: str
    title: str
    created_at: float
    updated_at: float
    name: str | None = None
    title_is_manual: bool = False
    system_prompt: str = ""
    active_leaf_id: str | None = None
    draft: str = ""
    deleted_at: float | None = None
    when_full: WhenFull | None = None
    is_private: bool = False


def new_id() -> str:
    """Return a fresh random identifier."""
    return uuid.uuid4().hex
