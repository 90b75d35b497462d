"""How much of the context window the shown conversation takes with what is being typed: counted by the engine while it
has nothing else to do, and guessed from the length of the text until then. What an answer takes that is being written
the engine tells on the way.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.controllers.chat.answer_tally import AnswerTally
from app.controllers.chat.context_page import (
    BYTES_PER_TOKEN,
    TEMPLATE_TOKENS,
    ContextPage,
    branch_tokens,
    page_of,
    turn_tokens,
)
from app.controllers.conversations.conversation_controller import ConversationController
from app.controllers.submitting import Submit
from app.conversations.attachment import Attachment
from app.conversations.prompting import prompt_of, quoted, user_text
from app.conversations.records import Message, new_id
from app.models.context_use import ContextUse
from engine.api.codec import clean_text, utf8_length
from engine.api.commands import CountTokens, room_for_answer
from engine.api.events import (
    CommandCancelled,
    CommandFailed,
    GenerationFinished,
    PrefillProgress,
    TextGenerated,
    TokensCounted,
)
from engine.api.message import Role
from engine.api.plan import Plan
from engine.api.sampling import Sampling

# Nobody needs to know exactly by how much a pasted book is too long.
_COUNTED_WINDOWS = 4
# How often the number changes while an answer is written: often enough to be true, seldom enough to be read.
_GROWING_MS = 1000
_Key = tuple[object, ...]


@dataclass(frozen=True)
class _Count:
    """What the engine said, or was asked, about a page with a draft of that length."""

    key: _Key
    draft_bytes: int
    tokens: int = 0
    command_id: str = ""
    typed: str = ""


class ContextController(QObject):
    """Signal use_changed(ContextUse | None: nothing is known, or no model is loaded). One count is open at most."""

    use_changed = Signal(object)

    def __init__(
        self,
        conversations: ConversationController,
        submit: Submit,
        is_idle: Callable[[], bool],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._conversations = conversations
        self._submit = submit
        self._is_idle = is_idle
        self._plan: Plan | None = None
        self._draft = ""
        self._attached: tuple[Attachment, ...] = ()
        self._typed_bytes = 0  # of what the model would read as the next message, about; put together when it is asked
        self._open: _Count | None = None
        self._known: _Count | None = None
        self._refused: _Key | None = None
        self._history: tuple[_Key, int] | None = None  # of the page: guessing ten thousand messages takes a moment
        self._tally = AnswerTally()
        self._growing_timer = QTimer(self, interval=_GROWING_MS, singleShot=True)
        self._growing_timer.timeout.connect(self.refresh)
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
        page = page_of(self._conversations)
        key = self._key(page)
        self._tell(page, key)
        if self._plan is None or self._open is not None or not self._typed_bytes:
            return
        if page.growing is not None or not self._is_idle():
            return
        asked = _Count(key, self._typed_bytes)
        is_known = self._known is not None and (self._known.key, self._known.draft_bytes) == (key, asked.draft_bytes)
        too_long = self._guess(page, key) > _COUNTED_WINDOWS * self._plan.context_window
        if not is_known and not too_long and key != self._refused:
            self._count(page, asked)

    @Slot(object)
    def on_event(self, event: object) -> None:
        """Take an event of the engine; those of other commands change nothing."""
        if isinstance(event, PrefillProgress):
            if self._tally.begin(event):
                self.refresh()
        elif isinstance(event, TextGenerated):
            self._tally.grow(event)
            if not self._growing_timer.isActive():
                self._growing_timer.start()
        elif isinstance(event, GenerationFinished):
            self._tally.end(event)
        else:
            self._take_count(event)

    def _take_count(self, event: object) -> None:
        asked = self._open
        if asked is None or getattr(event, "command_id", None) != asked.command_id:
            return
        if not isinstance(event, TokensCounted | CommandFailed | CommandCancelled):
            return
        self._open = None
        if isinstance(event, TokensCounted):
            self._known = _Count(asked.key, asked.draft_bytes, event.prompt_tokens, typed=asked.typed)
            self.refresh()
        elif isinstance(event, CommandFailed):
            self._refused = asked.key

    def _key(self, page: ContextPage) -> _Key:
        version = (page.leaf.id, len(page.leaf.content)) if page.leaf is not None else None
        answer_id = page.growing.id if page.growing is not None else None
        plan, thinking = self._plan, self._sampling(page).thinking
        model = (plan.checkpoint, plan.context_window, thinking) if plan is not None else None
        return (page.conversation.id, page.conversation.system_prompt, version, answer_id, page.leaves_out, model)

    def _count(self, page: ContextPage, asked: _Count) -> None:
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
            sampling=self._sampling(page),
        )
        self._open = _Count(asked.key, asked.draft_bytes, command_id=command.command_id, typed=self._typed)
        self._submit(command)

    def _guess(self, page: ContextPage, key: _Key) -> int:
        draft_bytes = self._typed_bytes
        if self._known is not None and self._known.key == key and draft_bytes:
            return max(1, self._known.tokens + (draft_bytes - self._known.draft_bytes) // BYTES_PER_TOKEN)
        typed = draft_bytes // BYTES_PER_TOKEN + TEMPLATE_TOKENS if draft_bytes else 0
        return self._held_tokens(page, key) + typed

    def _held_tokens(self, page: ContextPage, key: _Key) -> int:
        """Return about how many tokens the page takes without what is typed."""
        told = self._tally.tokens_of(page.growing.id) if page.growing is not None else None
        if told is None and page.growing is not None and not page.growing.content:
            told = self._sent_tokens(page, key)
        if told is None or self._plan is None:
            return self._untold_tokens(page, key)
        return min(told, self._plan.context_window)  # the last token of an answer that fills it has no place any more

    def _lasting_tokens(self, page: ContextPage, key: _Key, used_tokens: int) -> int:
        """Return about how many of them can't give way to an answer: the message that is typed and the instructions."""
        if not self._typed_bytes:
            return 0
        instructions = utf8_length(page.conversation.system_prompt) // BYTES_PER_TOKEN
        return max(0, used_tokens - self._held_tokens(page, key)) + instructions

    def _sent_tokens(self, page: ContextPage, key: _Key) -> int | None:
        """Return what was counted while the message was typed that is now to be answered; None if it was not."""
        known, sent = self._known, page.leaf
        if known is None or sent is None or user_text(sent).strip() != known.typed.strip():
            return None
        before = page.tree.get(sent.parent_id)
        followed = (before.id, len(before.content)) if before is not None else None
        asked, told = (page.conversation.system_prompt, followed, key[-1]), (*known.key[1:3], known.key[-1])
        return known.tokens if asked == told else None

    def _untold_tokens(self, page: ContextPage, key: _Key) -> int:
        wanted = (*key, page.leaf is not None and page.leaf.statistics is not None)
        tokenizer_id = self._plan.tokenizer_id if self._plan is not None else ""
        if self._history is None or self._history[0] != wanted:
            self._history = (wanted, branch_tokens(page, tokenizer_id))
        growing = (page.growing,) if page.growing is not None and page.growing.content else ()
        return self._history[1] + turn_tokens(growing, tokenizer_id)

    def _sampling(self, page: ContextPage) -> Sampling:
        return self._conversations.sampling(self._conversations.page or page.conversation)

    def _tell(self, page: ContextPage, key: _Key) -> None:
        use: ContextUse | None = None
        has_draft = bool(self._typed_bytes)
        if self._plan is not None and (page.leaf is not None or has_draft):
            counted = has_draft and self._known is not None and self._known.key == key
            used_tokens = self._guess(page, key)
            use = ContextUse(
                used_tokens=used_tokens,
                window_tokens=self._plan.context_window,
                answer_tokens=room_for_answer(self._plan.context_window, self._sampling(page).maximum_tokens),
                leaves_out=page.leaves_out,
                has_history=page.has_history(has_draft=has_draft),
                lasting_tokens=self._lasting_tokens(page, key, used_tokens),
                has_draft=has_draft,
                is_exact=counted and self._known is not None and self._known.draft_bytes == self._typed_bytes,
                is_growing=page.growing is not None,
                counts_thinking=page.counts_thinking and not counted,
            )
        if use != self.use:
            self.use = use
            self.use_changed.emit(use)
