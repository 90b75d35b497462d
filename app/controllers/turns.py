"""What one turn writes into the store before the engine is asked: run on the thread that owns the store."""

import time
from dataclasses import dataclass

import msgspec

from app.controllers.answer import new_answer
from app.conversations.records import Conversation, Message, MessageState, new_id
from app.conversations.store import ConversationStore
from app.conversations.titles import UNTITLED, title_from
from engine.api.message import Role
from engine.api.plan import Plan


@dataclass(frozen=True)
class Turn:
    """What was saved: the conversation that now shows the answer, the question if there is a new one, the answer."""

    conversation: Conversation
    question: Message | None
    answer: Message


def begin_turn(
    store: ConversationStore, conversation: Conversation, parent_id: str | None, question: str | None, plan: Plan
) -> Turn:
    """Save a question below parent_id and an empty answer to it; with question None the answer to parent_id itself.

    Raises StoreError; then nothing was saved.
    """
    asked: Message | None = None
    if question is not None:
        asked = _question(conversation.id, parent_id, store.next_sequence(), question)
        parent_id = asked.id
    if parent_id is None:
        raise ValueError("an answer needs a question")
    answer = new_answer(new_id(), conversation.id, parent_id, store.next_sequence(), plan)
    return _save(store, conversation, asked, answer)


def continue_turn(store: ConversationStore, conversation: Conversation, answer: Message, *, as_version: bool) -> Turn:
    """Save that an answer is being written on; as_version does so in a copy beside it, as something follows it already.

    Raises StoreError; then nothing was saved.
    """
    if as_version:
        answer = msgspec.structs.replace(answer, id=new_id(), sequence=store.next_sequence(), created_at=time.time())
    return _save(store, conversation, None, msgspec.structs.replace(answer, state=MessageState.STREAMING))


def _save(store: ConversationStore, conversation: Conversation, question: Message | None, answer: Message) -> Turn:
    # Title and draft may have been changed by another process since the conversation was opened here.
    known = store.load_conversation(conversation.id) or conversation
    saved = msgspec.structs.replace(
        known, title=_title(known, question), updated_at=time.time(), active_leaf_id=answer.id
    )
    store.save_turn(saved, [question, answer] if question is not None else [answer])
    return Turn(saved, question, answer)


def _title(conversation: Conversation, question: Message | None) -> str:
    if question is None or conversation.title_is_manual or conversation.title not in ("", UNTITLED):
        return conversation.title
    return title_from(question.content)


def _question(conversation_id: str, parent_id: str | None, sequence: int, text: str) -> Message:
    return Message(
        id=new_id(),
        conversation_id=conversation_id,
        parent_id=parent_id,
        sequence=sequence,
        role=Role.USER,
        content=text,
        created_at=time.time(),
    )
