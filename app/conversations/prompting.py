"""From the branch that is shown to the turns the model is prompted with."""

from collections.abc import Sequence

from app.conversations.records import Conversation, Message
from engine.api.message import PromptMessage, Role


def prompt_messages(conversation: Conversation, branch: Sequence[Message]) -> tuple[PromptMessage, ...]:
    """Return the system prompt (if any) and the branch's turns, in order.

    An assistant turn without text is left out (it failed, or was stopped before its first word); one that failed
    after some text stays, as the user sees it too and may have it continued. User turns that follow each other
    because of that become one: many publishers' templates refuse two in a row.
    """
    turns: list[PromptMessage] = []
    if conversation.system_prompt.strip():
        turns.append(PromptMessage(role=Role.SYSTEM, content=conversation.system_prompt))
    for message in branch:
        if message.role is Role.ASSISTANT and not message.content:
            continue
        if message.role is Role.USER and turns and turns[-1].role is Role.USER:
            turns[-1] = PromptMessage(role=Role.USER, content=f"{turns[-1].content}\n\n{message.content}")
        else:
            turns.append(_turn(message))
    return tuple(turns)


def _turn(message: Message) -> PromptMessage:
    if message.role is not Role.ASSISTANT:
        return PromptMessage(role=message.role, content=message.content)
    return PromptMessage(
        role=message.role, content=message.content, token_ids=message.token_ids, tokenizer_id=message.tokenizer_id
    )
