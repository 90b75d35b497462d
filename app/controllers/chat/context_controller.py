"""How much of the context window the shown conversation takes with what is being typed: counted by the engine while it
has nothing else to do, and guessed from the length of the text until then.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
from PySide6.QtCore import QObject, Signal, Slot

from app.controllers.conversations.answer import reply_parent
from app.controllers.conversations.conversation_controller import ConversationController
from app.controllers.submitting import Submit
from app.conversations.attachment import Attachment
from app.conversations.prompting import context_start, prompt_of, quoted
from app.conversations.records import Conversation, Message, new_id
from app.models.context_use import ContextUse
from app.settings.schema import Settings, overlaid, sampling_from
from engine.api.codec import clean_text, utf8_length
from engine.api.commands import CountTokens, WhenFull, room_for_answer
from engine.api.events import CommandCancelled, CommandFailed, TokensCounted
from engine.api.message import PromptMessage, Role
from engine.api.plan import Plan

# Close enough for most languages: four letters of English, or a bit more than one Chinese character.
_BYTES_PER_TOKEN = 4
_TEMPLATE_TOKENS = 6
# Nobody needs to know exactly by how much a pasted book is too long.
_COUNTED_WINDOWS = 4
_Key = tuple[object, ...]


@dataclass(frozen=True)
class _Page:
    """What a count is about: a conversation, and the messages that the typed one would follow."""

    conversation: Conversation
    branch: tuple[Message, ...]
    leaves_out: bool


@dataclass(frozen=True)
class _Count:
    """What the engine said, or was asked, about a page with a draft of that length."""

    key: _Key
    draft_bytes: int
    tokens: int = 0
    command_id: str = ""


class ContextController(QObject):
    """Signal use_changed(ContextUse | None: nothing is known, or no model is loaded). One count is open at most."""

    use_changed = Signal(object)

    def __init__(
        self,
        conversations: ConversationController,
        submit: Submit,
        is_idle: Callable[[], bool],
        settings: Callable[[], Settings],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._conversations = conversations
        self._submit = submit
        self._is_idle = is_idle
        self._settings = settings
        self._plan: Plan | None = None
        self._draft = ""
        self._attached: tuple[Attachment, ...] = ()
        self._typed_bytes = 0  # of what the model would read as the next message, about; put together when it is asked
        self._open: _Count | None = None
        self._known: _Count | None = None
        self._refused: _Key | None = None
        self._history: tuple[_Key, int] | None = None  # of the page: guessing ten thousand messages takes a moment
        self.use: ContextUse | None = None
        conversations.shown.connect(self.refresh)

    @Slot(object)
    def set_plan(self, plan: Plan | None) -> None:
        """Know the model whose window is filled; None while there is none."""
        self._plan = plan
        self._known = None
        self._refused = None
        self.refresh()

    @Slot(object)
    def set_draft(self, text: str) -> None:
        """Know what is typed, after a pause in typing or because another draft is shown."""
        self._draft = clean_text(text)
        self._measure()
        self.refresh()

    @Slot(object)
    def set_attachments(self, attachments: tuple[Attachment, ...]) -> None:
        """Know what is attached to the message that is typed."""
        self._attached = attachments
        self._measure()
        self.refresh()

    def _measure(self) -> None:
        around = utf8_length(quoted([msgspec.structs.replace(each, text="") for each in self._attached]))
        written = utf8_length(self._draft) if self._draft.strip() else 0
        self._typed_bytes = around + sum(each.text_bytes for each in self._attached) + written

    @property
    def _typed(self) -> str:
        typed = self._draft if self._draft.strip() else ""
        return "\n\n".join(part for part in (quoted(self._attached), typed) if part)

    @Slot()
    def refresh(self) -> None:
        """Say what is known now, and have it counted if nothing else is to be done."""
        page = self._page()
        key = self._key(page)
        self._tell(page, key)
        if self._open is not None or not self._typed_bytes or not self._is_idle() or self._plan is None:
            return
        asked = _Count(key, self._typed_bytes)
        is_known = self._known is not None and (self._known.key, self._known.draft_bytes) == (key, asked.draft_bytes)
        too_long = self._guess(page, key) > _COUNTED_WINDOWS * self._plan.context_window
        if not is_known and not too_long and key != self._refused:
            self._count(page, asked)

    @Slot(object)
    def on_event(self, event: object) -> None:
        """Take an event of the engine; those of other commands change nothing."""
        asked = self._open
        if asked is None or getattr(event, "command_id", None) != asked.command_id:
            return
        if not isinstance(event, TokensCounted | CommandFailed | CommandCancelled):
            return
        self._open = None
        if isinstance(event, TokensCounted):
            self._known = _Count(asked.key, asked.draft_bytes, event.prompt_tokens)
            self.refresh()
        elif isinstance(event, CommandFailed):
            self._refused = asked.key

    def _page(self) -> _Page:
        loaded = self._conversations.current
        if loaded is None:
            now, prompt = time.time(), self._conversations.system_prompt
            conversation = Conversation(
                id="new",
                title="",
                created_at=now,
                updated_at=now,
                system_prompt=prompt,
                is_private=self._conversations.is_private,
            )
            return _Page(conversation, (), leaves_out=False)
        branch = loaded.tree.branch(reply_parent(loaded.branch()))
        rolls = self._conversations.when_full(loaded.conversation) is WhenFull.ROLL
        return _Page(loaded.conversation, tuple(branch), leaves_out=rolls)

    def _key(self, page: _Page) -> _Key:
        leaf = page.branch[-1] if page.branch else None
        version = (leaf.id, len(leaf.content)) if leaf is not None else None
        model = (self._plan.checkpoint, self._plan.context_window) if self._plan is not None else None
        return (page.conversation.id, page.conversation.system_prompt, version, page.leaves_out, model)

    def _count(self, page: _Page, asked: _Count) -> None:
        typed = Message(
            id="draft",
            conversation_id=page.conversation.id,
            parent_id=None,
            sequence=0,
            role=Role.USER,
            content=self._typed,
            created_at=page.conversation.created_at,
        )
        command = CountTokens(
            command_id=new_id(),
            conversation_id=page.conversation.id,
            messages=prompt_of(page.conversation, (*page.branch, typed), leaves_out=page.leaves_out).messages,
            started_at=page.conversation.created_at,
            is_private=page.conversation.is_private,
        )
        self._open = _Count(asked.key, asked.draft_bytes, command_id=command.command_id)
        self._submit(command)

    def _guess(self, page: _Page, key: _Key) -> int:
        draft_bytes = self._typed_bytes
        if self._known is not None and self._known.key == key and draft_bytes:
            return max(1, self._known.tokens + (draft_bytes - self._known.draft_bytes) // _BYTES_PER_TOKEN)
        typed = draft_bytes // _BYTES_PER_TOKEN + _TEMPLATE_TOKENS if draft_bytes else 0
        return self._history_tokens(page, key) + typed

    def _history_tokens(self, page: _Page, key: _Key) -> int:
        leaf = page.branch[-1] if page.branch else None
        wanted = (*key, leaf is not None and leaf.statistics is not None)
        if self._history is None or self._history[0] != wanted:
            self._history = (wanted, _tokens_of(page))
        return self._history[1]

    def _longest_answer(self, page: _Page) -> int | None:
        own = self._conversations.page.sampling if self._conversations.page is not None else page.conversation.sampling
        return overlaid(sampling_from(self._settings()), own).maximum_tokens

    def _tell(self, page: _Page, key: _Key) -> None:
        use: ContextUse | None = None
        has_draft = bool(self._typed_bytes)
        if self._plan is not None and (page.branch or has_draft):
            counted = self._known is not None and self._known.key == key
            use = ContextUse(
                used_tokens=self._guess(page, key),
                window_tokens=self._plan.context_window,
                answer_tokens=room_for_answer(self._plan.context_window, self._longest_answer(page)),
                leaves_out=page.leaves_out,
                has_history=len(page.branch) > 1,
                has_draft=has_draft,
                is_exact=counted and self._known is not None and self._known.draft_bytes == self._typed_bytes,
            )
        if use != self.use:
            self.use = use
            self.use_changed.emit(use)


def _tokens_of(page: _Page) -> int:
    """Return about how many tokens a branch takes: what its last answer cost, and a guess for the rest."""
    rest: list[PromptMessage] = []
    if page.leaves_out or context_start(page.branch) is None:
        for place, message in reversed(list(enumerate(page.branch))):
            if message.statistics is not None and message.content:
                after = prompt_of(page.conversation, page.branch[place + 1 :], leaves_out=False).messages
                rest = [turn for turn in after if turn.role is not Role.SYSTEM]
                return message.statistics.prompt_tokens + message.statistics.generated_tokens + _guess_of(rest)
    return _guess_of(prompt_of(page.conversation, page.branch, leaves_out=page.leaves_out).messages)


def _guess_of(turns: Sequence[PromptMessage]) -> int:
    return sum(utf8_length(turn.content) // _BYTES_PER_TOKEN + _TEMPLATE_TOKENS for turn in turns)
