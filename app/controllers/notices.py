"""What the window says beside the transcript when something went wrong, and the button that helps. Pure.

How an answer ended stands under the answer itself; a notice adds what is not seen there.
"""

from app.conversations.errors import StoreError
from app.conversations.records import Conversation, Message, MessageState
from app.models.notice import Notice, Severity
from engine.api.errors import ErrorKind, ErrorReport

ANSWER_KEY = "answer"
NOT_SAVED_KEY = "not_saved"
ENGINE_KEY = "engine"
MODEL_KEY = "model"
CONTINUE = "continue:"
RETRY = "retry:"
OPEN = "open:"
UNDO_DELETE = "undo_delete:"
RETRY_SAVING = "retry_saving"
LOAD_MODEL = "load_model"
CHOOSE_MODEL = "choose_model"
RESTART_ENGINE = "restart_engine"


def answer_notice(answer: Message, conversation: Conversation, *, is_shown: bool) -> Notice | None:
    """Return what to say about an answer that has just ended, None if the transcript says enough."""
    if answer.state not in (MessageState.INTERRUPTED, MessageState.FAILED) or answer.error is None:
        return None
    if not is_shown:
        return _answer_notice(
            answer.error, f"In “{conversation.title}”: {answer.error.message}", "Show", f"{OPEN}{conversation.id}"
        )
    if answer.error.kind is ErrorKind.NO_MODEL_LOADED:
        return _answer_notice(answer.error, answer.error.message, "Load the model", LOAD_MODEL)
    if answer.error.kind is ErrorKind.ENGINE_DIED:
        if answer.content:
            return _answer_notice(answer.error, answer.error.message, "Continue", f"{CONTINUE}{answer.id}")
        return _answer_notice(answer.error, answer.error.message, "Try again", f"{RETRY}{answer.id}")
    return None


def not_saved_notice(error: StoreError) -> Notice:
    """Return the notice that stays until everything is saved again."""
    return Notice(
        key=NOT_SAVED_KEY,
        text=f"Not saved. {error.sentence()}",
        severity=Severity.ERROR,
        action="Try again",
        action_key=RETRY_SAVING,
        details=error.details,
    )


def store_notice(error: StoreError) -> Notice:
    """Return the notice for anything else that the store could not do."""
    return Notice(key="store", text=error.sentence(), severity=Severity.ERROR, details=error.details)


def deleted_notice(conversation: Conversation) -> Notice:
    """Return the notice that offers to bring a conversation back."""
    return Notice(
        key=deleted_key(conversation.id),
        text=f"“{conversation.title}” was deleted.",
        action="Undo",
        action_key=f"{UNDO_DELETE}{conversation.id}",
    )


def deleted_key(conversation_id: str) -> str:
    """Return the key of deleted_notice."""
    return f"deleted:{conversation_id}"


def load_failed_notice(error: ErrorReport) -> Notice:
    """Return what to say when a model could not be loaded."""
    died = error.kind is ErrorKind.ENGINE_DIED
    return Notice(
        key=MODEL_KEY,
        text=error.sentence(),
        severity=Severity.ERROR,
        action="Load again" if died else "Choose another model",
        action_key=LOAD_MODEL if died else CHOOSE_MODEL,
        details=error.details,
    )


def _answer_notice(error: ErrorReport, text: str, action: str, action_key: str) -> Notice:
    return Notice(
        key=ANSWER_KEY,
        text=text,
        severity=Severity.WARNING,
        action=action,
        action_key=action_key,
        details=error.details,
    )
