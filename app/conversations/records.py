"""A conversation and its messages as they are kept: frozen values, identified by random ids, ordered by sequence."""

import uuid
from enum import StrEnum

import msgspec

from app.conversations.attachment import Attachment
from engine.api.commands import WhenFull
from engine.api.errors import ErrorReport
from engine.api.events import FinishReason, Statistics
from engine.api.message import Role
from engine.api.sampling import Sampling


class MessageState(StrEnum):
    """How far an answer came. A user's message is COMPLETE from the start."""

    STREAMING = "streaming"
    COMPLETE = "complete"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One turn in the tree; siblings share parent_id and are told apart by sequence (grows with every new message).

    token_ids are the generated ids of an assistant turn (end token excluded) under tokenizer_id. context_start_id: for
    this answer the messages before that one were left out, as the conversation had become too long. is_edited: the user
    has rewritten the answer, so that it has no generated ids.

    Values in values hold no rings: the search for such garbage, which stops the window, leaves them out (``gc``).
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
    attachments: tuple[Attachment, ...] = ()
    is_edited: bool = False
    opens_thinking: bool = False
    thinking_seconds: float | None = None

    @property
    def has_text(self) -> bool:
        """Whether it says anything: blanks, as an answer that was stopped early can consist of, are no text."""
        return bool(self.content.strip())


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """A tree of messages with the branch that is shown (active_leaf_id). name is what `--conversation` finds it by.

    when_full, sampling: None means as the settings say. is_private: it is in memory only, and never on disk.
    What stands from folder_id on is changed by methods of its own only: saving a known conversation leaves it.
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
    folder_id: str | None = None
    is_pinned: bool = False
    is_unread: bool = False
    sampling: Sampling | None = None
    draft_attachments: tuple[Attachment, ...] = ()


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """A place for conversations in the list; one that is deleted leaves them where they were without it.

    is_collapsed: the list shows its name only.
    """

    id: str
    name: str
    created_at: float
    is_collapsed: bool = False


def new_id() -> str:
    """Return a fresh random identifier."""
    return uuid.uuid4().hex
