"""What the meter of the context window is about, and how many tokens that takes, guessed by the length of the text."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from app.controllers.conversations.answer import reply_parent
from app.controllers.conversations.conversation_controller import ConversationController
from app.conversations.prompting import context_start, prompt_of
from app.conversations.records import Conversation, Message, MessageState
from app.conversations.tree import ConversationTree
from app.rendering.thinking import begins_with_thinking
from engine.api.codec import utf8_length
from engine.api.commands import WhenFull
from engine.api.events import FinishReason
from engine.api.message import PromptMessage, Role

# Close enough for most languages: four letters of English, or a bit more than one Chinese character.
BYTES_PER_TOKEN = 4
TEMPLATE_TOKENS = 6


@dataclass(frozen=True)
class ContextPage:
    """A conversation, and the last of the messages that the typed one would follow (None: it would be the first).

    growing: the answer to that one, while it is being written; it is looked at alone each second, whatever the length
    of the branch before it. leaves_out: the oldest messages give way when there is no room left.
    """

    conversation: Conversation
    tree: ConversationTree
    leaf: Message | None = None
    growing: Message | None = None
    leaves_out: bool = False

    @property
    def branch(self) -> list[Message]:
        """The messages up to that one, first to last; ten thousand take a moment."""
        return self.tree.branch(self.leaf.id) if self.leaf is not None else []

    def has_history(self, *, has_draft: bool) -> bool:
        """Whether there are messages that could give way: none of the first turn can to its own answer."""
        if self.growing is not None and has_draft:
            return True
        return self.leaf is not None and self.tree.get(self.leaf.parent_id) is not None

    @property
    def counts_thinking(self) -> bool:
        """Whether the newest answer began with thinking, which most models don't read again."""
        answer = self.growing or self.leaf
        if answer is None or answer.role is not Role.ASSISTANT:
            return False
        return bool(answer.content) and begins_with_thinking(answer.content, answer.opens_thinking)


def page_of(conversations: ConversationController) -> ContextPage:
    """Return what is shown."""
    loaded = conversations.current
    if loaded is None:
        now = time.time()
        conversation = Conversation(
            id="new",
            title="",
            created_at=now,
            updated_at=now,
            system_prompt=conversations.system_prompt,
            is_private=conversations.is_private,
        )
        return ContextPage(conversation, ConversationTree())
    tree, rolls = loaded.tree, conversations.when_full(loaded.conversation) is WhenFull.ROLL
    last = tree.get(loaded.conversation.active_leaf_id)
    if last is not None and last.state is MessageState.STREAMING:
        return ContextPage(loaded.conversation, tree, tree.get(last.parent_id), growing=last, leaves_out=rolls)
    return ContextPage(loaded.conversation, tree, tree.get(reply_parent(loaded.branch())), leaves_out=rolls)


def branch_tokens(page: ContextPage, tokenizer_id: str) -> int:
    """Return about how many tokens the branch takes: what its last answer cost, and a guess for the rest."""
    rest: list[PromptMessage] = []
    branch = page.branch
    if page.leaves_out or context_start(branch) is None:
        for place, message in reversed(list(enumerate(branch))):
            if message.statistics is not None and message.content:
                after = prompt_of(page.conversation, branch[place + 1 :], leaves_out=False).messages
                rest = [turn for turn in after if turn.role is not Role.SYSTEM]
                known = message.statistics.prompt_tokens + message.statistics.generated_tokens
                known -= message.finish_reason is FinishReason.CONTEXT_FULL  # its last token found no room any more
                return known + turn_tokens(rest, tokenizer_id)
    return turn_tokens(prompt_of(page.conversation, branch, leaves_out=page.leaves_out).messages, tokenizer_id)


def turn_tokens(turns: Sequence[PromptMessage | Message], tokenizer_id: str) -> int:
    """Return about how many tokens turns take, template included: those that were generated are known."""
    return sum(_content_tokens(turn, tokenizer_id) + TEMPLATE_TOKENS for turn in turns)


def _content_tokens(turn: PromptMessage | Message, tokenizer_id: str) -> int:
    if turn.token_ids and turn.tokenizer_id == tokenizer_id:
        return len(turn.token_ids)
    return utf8_length(turn.content) // BYTES_PER_TOKEN
