"""From what the user asked for to the turn that is saved for it; pure but for the store that the result is given."""

from collections.abc import Callable

from app.controllers.chat.jobs import Ask, Continue, Edit, Job
from app.controllers.conversations.answer import reply_parent
from app.controllers.conversations.shelf import Loaded
from app.controllers.conversations.turns import Turn, begin_turn, continue_turn
from app.conversations.store import ConversationStore
from engine.api.message import Role
from engine.api.plan import Plan

BeginTurn = Callable[[ConversationStore], Turn]


def turn_of(job: Job, loaded: Loaded, plan: Plan) -> BeginTurn | None:
    """Return what saves the job's turn, None if what it was about is gone."""
    conversation = loaded.conversation
    if isinstance(job, Ask):
        parent_id, text, attached = reply_parent(loaded.branch()), job.text, job.attachments
        return lambda store: begin_turn(store, conversation, parent_id, text, plan, attached)
    message = loaded.tree.get(job.message_id)
    if message is None:
        return None
    if isinstance(job, Edit):
        above_id, edited = message.parent_id, job.text
        kept = message.attachments if job.attachments is None else job.attachments
        return lambda store: begin_turn(store, conversation, above_id, edited, plan, kept)
    if isinstance(job, Continue) and message.role is Role.ASSISTANT:
        as_version = bool(loaded.tree.children(message.id))
        return lambda store: continue_turn(store, conversation, message, as_version=as_version)
    question_id = message.parent_id if message.role is Role.ASSISTANT else message.id
    if question_id is None:
        return None
    return lambda store: begin_turn(store, conversation, question_id, None, plan)
