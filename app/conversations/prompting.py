"""From the branch that is shown to the turns the model is prompted with."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.conversations.records import Conversation, Message
from engine.api.message import PromptMessage, Role


@dataclass(frozen=True)
class Prompt:
    """The turns, and for each the id of the branch's message that it begins with (None: the system prompt)."""

    messages: tuple[PromptMessage, ...] = ()
    sources: tuple[str | None, ...] = ()

    def source_of(self, place: int) -> str | None:
        """Return the message that the turn at a place begins with; None for a place that is none."""
        return self.sources[place] if 0 <= place < len(self.sources) else None


def prompt_of(conversation: Conversation, branch: Sequence[Message], *, leaves_out: bool) -> Prompt:
    """Return the system prompt (if any) and the branch's turns, in order.

    leaves_out: what was left out for an answer of this branch, because it was full, stays left out. Otherwise all of
    it is there.

    An assistant turn without text is left out (it failed, or was stopped before its first word); one that failed
    after some text stays, as the user sees it too and may have it continued. User turns that follow each other
    because of that become one: many publishers' templates refuse two in a row.
    """
    turns: list[PromptMessage] = []
    sources: list[str | None] = []
    if conversation.system_prompt.strip():
        turns.append(PromptMessage(role=Role.SYSTEM, content=conversation.system_prompt))
        sources.append(None)
    for message in _still_read(branch) if leaves_out else branch:
        if message.role is Role.ASSISTANT and not message.content:
            continue
        if message.role is Role.USER and turns and turns[-1].role is Role.USER:
            turns[-1] = PromptMessage(role=Role.USER, content=f"{turns[-1].content}\n\n{message.content}")
        else:
            turns.append(_turn(message))
            sources.append(message.id)
    return Prompt(tuple(turns), tuple(sources))


def context_start(branch: Sequence[Message]) -> str | None:
    """Return the first message that is still read on a branch from which others were left out; None if none were."""
    ids = {message.id for message in branch}
    starts = (message.context_start_id for message in reversed(branch))
    return next((start for start in starts if start in ids), None)


def _still_read(branch: Sequence[Message]) -> Sequence[Message]:
    start_id = context_start(branch)
    first = next((place for place, message in enumerate(branch) if message.id == start_id), 0)
    return branch[first:]


def _turn(message: Message) -> PromptMessage:
    if message.role is not Role.ASSISTANT:
        return PromptMessage(role=message.role, content=message.content)
    return PromptMessage(
        role=message.role, content=message.content, token_ids=message.token_ids, tokenizer_id=message.tokenizer_id
    )
