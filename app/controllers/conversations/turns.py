"""One turn, a question and its answer, and what of it is saved before the engine is asked.

What takes a store runs on the thread that owns it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from app.controllers.conversations.answer import new_answer
from app.conversations.attachment import Attachment
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


NextSequence = Callable[[], int]


def new_turn(
    conversation: Conversation,
    parent_id: str | None,
    question: str | None,
    plan: Plan,
    next_sequence: NextSequence,
    attachments: tuple[Attachment, ...] = (),
) -> Turn:
    """Return a question below parent_id and an empty answer to it; without question, another answer to parent_id."""
    asked: Message | None = None
    if question is not None:
        asked = _question(conversation.id, parent_id, next_sequence(), question, attachments)
        parent_id = asked.id
    if parent_id is None:
        raise ValueError("an answer needs a question")
    answer = new_answer(new_id(), conversation.id, parent_id, next_sequence(), plan)
    return _shown(conversation, asked, answer)


def begin_turn(
    store: ConversationStore,
    conversation: Conversation,
    parent_id: str | None,
    question: str | None,
    plan: Plan,
    attachments: tuple[Attachment, ...] = (),
) -> Turn:
    """Save a new turn; raises StoreError, and then nothing was saved."""
    newest = _newest(store, conversation)
    turn = new_turn(newest, parent_id, question, plan, lambda: store.next_sequence(conversation.id), attachments)
    store.save_turn(turn.conversation, [each for each in (turn.question, turn.answer) if each is not None])
    return turn


def continue_turn(store: ConversationStore, conversation: Conversation, answer: Message, *, as_version: bool) -> Turn:
    """Save that an answer is being written on; as_version does so in a copy beside it, as something follows it already.

    Raises StoreError; then nothing was saved.
    """
    if as_version:
        answer = msgspec.structs.replace(
            answer, id=new_id(), sequence=store.next_sequence(conversation.id), created_at=time.time()
        )
    streaming = msgspec.structs.replace(answer, state=MessageState.STREAMING)
    turn = _shown(_newest(store, conversation), None, streaming)
    store.save_turn(turn.conversation, [turn.answer])
    return turn


def edit_answer(store: ConversationStore, conversation: Conversation, answer: Message, text: str) -> Turn:
    """Save another version of an answer, written by the user; raises StoreError, and then nothing was saved.

    Its ids are no longer generated ones: the engine makes them of the text.
    """
    edited = msgspec.structs.replace(
        answer,
        id=new_id(),
        sequence=store.next_sequence(conversation.id),
        created_at=time.time(),
        content=text,
        state=MessageState.COMPLETE,
        token_ids=(),
        tokenizer_id="",
        finish_reason=None,
        statistics=None,
        error=None,
        is_edited=True,
        opens_thinking=False,
        thinking_seconds=None,
    )
    turn = _shown(_newest(store, conversation), None, edited)
    store.save_turn(turn.conversation, [turn.answer])
    return turn


def _newest(store: ConversationStore, conversation: Conversation) -> Conversation:
    """Title and draft may have been changed by another process since the conversation was opened here."""
    known = store.load_conversation(conversation.id) or conversation
    return msgspec.structs.replace(known, system_prompt=conversation.system_prompt)


def _shown(conversation: Conversation, question: Message | None, answer: Message) -> Turn:
    shown = msgspec.structs.replace(
        conversation, title=_title(conversation, question), updated_at=time.time(), active_leaf_id=answer.id
    )
    return Turn(shown, question, answer)


def _title(conversation: Conversation, question: Message | None) -> str:
    if question is None or conversation.title_is_manual or conversation.title not in ("", UNTITLED):
        return conversation.title
    return title_from(question.content or ", ".join(each.name for each in question.attachments))


def _question(
    conversation_id: str, parent_id: str | None, sequence: int, text: str, attachments: tuple[Attachment, ...]
) -> Message:
    return Message(
        id=new_id(),
        conversation_id=conversation_id,
        parent_id=parent_id,
        sequence=sequence,
        role=Role.USER,
        content=text,
        created_at=time.time(),
        attachments=attachments,
    )
