"""What the window says beside the transcript when something went wrong, and the buttons that help. Pure.

How an answer ended stands under the answer itself; a notice adds what is not seen there.
"""

import sys
from collections.abc import Sequence

import msgspec

from app.conversations.deleting import Deletion
from app.conversations.errors import StoreError
from app.conversations.records import Conversation, Folder, Message, MessageState
from app.engine_words import said
from app.language import grouped, mark, tr
from app.models.notice import Choice, Notice, Severity
from app.paths import FolderUnusable
from engine.api.commands import WhenFull
from engine.api.errors import ErrorKind, ErrorReport, Remedy
from engine.api.events import FinishReason
from engine.api.message import Role
from engine.api.plan import Plan

ANSWER_KEY = "answer"
NOT_SAVED_KEY = "not_saved"
STORE_KEY = "store"
ENGINE_KEY = "engine"
MODEL_KEY = "model"
CONTINUE = "continue:"
RETRY = "retry:"
ANSWER_WITH = "answer_with:"
LEAVE_OUT = "leave_out:"
OPEN = "open:"
UNDO_DELETE = "undo_delete:"
UNDO_MESSAGES = "undo_messages:"
UNDO_FOLDER = "undo_folder:"
RETRY_SAVING = "retry_saving"
ASK_PRIVATELY = "ask_privately"
LOAD_MODEL = "load_model"
CHOOSE_MODEL = "choose_model"
RESTART_ENGINE = "restart_engine"
REMEDY = "remedy:"

_USE_CPU = Remedy(label=mark("Use the CPU"), device="cpu")
_AS_BEFORE = Remedy(label=mark("Load again"))
_CARD_HINT = mark("Restart the computer, or install the graphics driver again, and load the model again.")
_LINUX_CARD_HINT = mark(
    "If the computer has slept, “sudo rmmod nvidia_uvm” and then “sudo modprobe nvidia_uvm” often bring the card back"
    " without a restart of the computer; then load the model again."
)


class RemedyChoice(msgspec.Struct, frozen=True):
    """What a remedy's button stands for: the checkpoint ("": the one of before) and the answer that may go on then."""

    remedy: Remedy
    checkpoint: str = ""
    answer_id: str = ""
    answer_has_text: bool = False


def remedy_choice(action_key: str) -> RemedyChoice | None:
    """Return what the button of a remedy stands for; None for another button."""
    if not action_key.startswith(REMEDY):
        return None
    return msgspec.json.decode(action_key.removeprefix(REMEDY), type=RemedyChoice)


def _choice_of(choice: RemedyChoice) -> Choice:
    return Choice(said(choice.remedy.label), f"{REMEDY}{msgspec.json.encode(choice).decode()}")


def answer_notice(
    answer: Message, conversation: Conversation, *, is_shown: bool, when_full: WhenFull | None
) -> Notice | None:
    """Return what to say about an answer that has just ended, None if the transcript says enough.

    when_full is None if there is nothing in the conversation that could be left out.
    """
    if is_shown and when_full is not None and answer.finish_reason is FinishReason.CONTEXT_FULL:
        return _full_notice(answer, when_full)
    if answer.state not in (MessageState.INTERRUPTED, MessageState.FAILED) or answer.error is None:
        return None
    choices = tuple(
        _choice_of(RemedyChoice(remedy, answer_id=answer.id, answer_has_text=answer.has_text))
        for remedy in answer.error.remedies
    )
    if not is_shown:
        text = tr("In “{title}”: {message}").format(title=conversation.title, message=said(answer.error.message))
        return _answer_notice(answer.error, text, tr("Show"), f"{OPEN}{conversation.id}", choices)
    if when_full is WhenFull.STOP and answer.error.kind is ErrorKind.PROMPT_TOO_LONG:
        return _full_notice(answer, when_full)
    if choices:
        text = tr("Hearth can load the model so that it needs less memory, and then go on:")
        return _answer_notice(answer.error, text, "", "", choices)
    if answer.error.kind is ErrorKind.NO_MODEL_LOADED:
        return _answer_notice(answer.error, said(answer.error.message), tr("Load the model"), LOAD_MODEL)
    if answer.error.kind is ErrorKind.MODEL_CHANGED:
        return _answer_notice(answer.error, said(answer.error.message), tr("Load again"), LOAD_MODEL)
    if answer.error.kind in (ErrorKind.ENGINE_DIED, ErrorKind.DEVICE_LOST):
        return _answer_notice(answer.error, said(answer.error.message), *_going_on(answer.id, answer.has_text))
    return None


def _going_on(answer_id: str, has_text: bool) -> tuple[str, str]:
    """Return label and key of the button that has an answer written on, or once more."""
    return (tr("Continue"), f"{CONTINUE}{answer_id}") if has_text else (tr("Try again"), f"{RETRY}{answer_id}")


def _full_notice(answer: Message, when_full: WhenFull) -> Notice:
    if when_full is WhenFull.ROLL:
        text = tr("The model can't hold more at once. It can go on without the oldest messages; they stay on screen.")
        return Notice(key=ANSWER_KEY, text=text, action=tr("Continue"), action_key=f"{CONTINUE}{answer.id}")
    text = tr("The model can go on without the oldest messages of this conversation; they stay on screen.")
    choice = Choice(tr("Leave out the oldest messages"), f"{LEAVE_OUT}{answer.id}")
    return Notice(key=ANSWER_KEY, text=text, choices=(choice,))


def needs_its_page(notice: Notice) -> bool:
    """Return whether all that the notice offers is about an answer of the shown conversation."""
    keys = [*([notice.action_key] if notice.action else []), *(choice.key for choice in notice.choices)]
    return bool(keys) and all(key.startswith((CONTINUE, RETRY, ANSWER_WITH, LEAVE_OUT)) for key in keys)


def not_saved_notice(error: StoreError, *, is_message: bool) -> Notice:
    """Return the notice that stays until everything is saved again; a message can be asked where nothing is saved."""
    return Notice(
        key=NOT_SAVED_KEY,
        text=tr("Not saved. {sentence}").format(sentence=error.sentence()),
        severity=Severity.ERROR,
        action=tr("Try again"),
        action_key=RETRY_SAVING,
        choices=(Choice(tr("Ask in a private conversation"), ASK_PRIVATELY),) if is_message else (),
        details=error.details,
    )


def folder_notice(problem: FolderUnusable) -> Notice:
    """Return what to say when nothing can be written to one of Hearth's folders."""
    return Notice(key="folder", text=f"{problem.message} {problem.hint}", severity=Severity.WARNING)


def store_notice(error: StoreError) -> Notice:
    """Return the notice for anything else that the store could not do."""
    return Notice(key=STORE_KEY, text=error.sentence(), severity=Severity.ERROR, details=error.details)


def deleted_notice(conversations: Sequence[Conversation], undo_seconds: float) -> Notice:
    """Return the notice that offers to bring back what was deleted at once; it goes by the id of the first."""
    first, seconds = conversations[0], int(undo_seconds)
    one = tr("“{title}” was deleted. It can be restored for {seconds} seconds.").format(
        title=first.title, seconds=seconds
    )
    several = tr("{count} conversations were deleted. They can be restored for {seconds} seconds.").format(
        count=len(conversations), seconds=seconds
    )
    return Notice(
        key=deleted_key(first.id),
        text=one if len(conversations) == 1 else several,
        action=tr("Undo"),
        action_key=f"{UNDO_DELETE}{first.id}",
    )


def messages_deleted_notice(deletion: Deletion) -> Notice:
    """Return the notice that offers to bring deleted messages back."""
    answer = deletion.messages[0].role is Role.ASSISTANT
    more = len(deletion.messages) - 1
    if not more:
        text = tr("The answer was deleted.") if answer else tr("The message was deleted.")
    elif more == 1:
        text = (
            tr("The answer was deleted, with one that followed.")
            if answer
            else tr("The message and its answer were deleted.")
        )
    else:
        words = tr("The answer was deleted, with {count} messages that followed.")
        if not answer:
            words = tr("The message was deleted, with {count} that followed.")
        text = words.format(count=more)
    return Notice(
        key=messages_deleted_key(deletion.id),
        text=text,
        action=tr("Undo"),
        action_key=f"{UNDO_MESSAGES}{deletion.id}",
    )


def messages_deleted_key(deletion_id: str) -> str:
    """Return the key of messages_deleted_notice."""
    return f"messages_deleted:{deletion_id}"


def busy_deletion_notice() -> Notice:
    """Return what to say when a message can't be deleted as an answer still needs it."""
    text = tr(
        "An answer is being written here, or waits to be. Delete the message after that, or stop the answer first."
    )
    return Notice(key="busy_deletion", text=text)


def restored_later_notice() -> Notice:
    """Return what to say when deleted messages stand behind others that are deleted as well."""
    text = tr("These messages come back with the ones they follow: undo that deletion as well.")
    return Notice(key="restored_later", text=text)


def deleted_key(conversation_id: str) -> str:
    """Return the key of deleted_notice."""
    return f"deleted:{conversation_id}"


def folder_deleted_notice(folder: Folder) -> Notice:
    """Return the notice that offers to bring a folder back."""
    return Notice(
        key=folder_deleted_key(folder.id),
        text=tr("The folder “{name}” was deleted. Its conversations are still here.").format(name=folder.name),
        action=tr("Undo"),
        action_key=f"{UNDO_FOLDER}{folder.id}",
    )


def folder_deleted_key(folder_id: str) -> str:
    """Return the key of folder_deleted_notice."""
    return f"folder:{folder_id}"


def load_failed_notice(error: ErrorReport, checkpoint: str, *, card_is_lost: bool) -> Notice:
    """Return what to say when a model could not be loaded; card_is_lost: after the graphics card had been lost."""
    again = card_is_lost or error.kind in (ErrorKind.ENGINE_DIED, ErrorKind.DEVICE_LOST)
    remedies = error.remedies
    if again and error.kind is not ErrorKind.ENGINE_DIED and not any(each.device for each in remedies):
        remedies = (*remedies, _USE_CPU)
    if error.kind is ErrorKind.DISK and not again:  # what the sentence asks for is done outside of Hearth
        remedies = (*remedies, _AS_BEFORE)
    return Notice(
        key=MODEL_KEY,
        text=f"{said(error.sentence())} {_card_hint()}" if card_is_lost else said(error.sentence()),
        severity=Severity.ERROR,
        action=tr("Load again") if again else tr("Choose another model"),
        action_key=LOAD_MODEL if again else CHOOSE_MODEL,
        choices=tuple(_choice_of(RemedyChoice(remedy, checkpoint)) for remedy in remedies),
        details=error.details,
    )


def card_gone_notice(plan: Plan) -> Notice:
    """Return what to say when the card was lost and the model has come back without it."""
    return Notice(
        key=MODEL_KEY,
        text=tr("The graphics card can't be reached any more, so {name} answers on the CPU now. {hint}").format(
            name=plan.name, hint=_card_hint()
        ),
        severity=Severity.WARNING,
        action=tr("Load again"),
        action_key=LOAD_MODEL,
    )


def switched_notice(plan: Plan) -> Notice:
    """Return what to say when another model was loaded for an answer."""
    text = tr("{model} is loaded now. It also answers what you write from here on.").format(model=plan.name)
    return Notice(key=MODEL_KEY, text=text)


def not_switched_notice(message_id: str, checkpoint: str) -> Notice:
    """Return what to say when the model that was to answer again can't be had."""
    return Notice(
        key=ANSWER_KEY,
        text=tr("The other model could not be loaded, so there is no new answer. What was there is kept."),
        severity=Severity.WARNING,
        action=tr("Try again"),
        action_key=f"{ANSWER_WITH}{message_id}:{checkpoint}",
    )


def loaded_again_notice(plan: Plan, choice: RemedyChoice) -> Notice:
    """Return what to say when a remedy has been applied, with the button that lets the answer go on."""
    place = plan.device_name or plan.device
    text = tr("{name} is loaded in {precision} on {place}, {context_window} tokens.").format(
        name=plan.name, precision=plan.precision.value.upper(), place=place, context_window=grouped(plan.context_window)
    )
    if not choice.answer_id:
        return Notice(key=MODEL_KEY, text=text)
    action, action_key = _going_on(choice.answer_id, choice.answer_has_text)
    return Notice(key=ANSWER_KEY, text=text, action=action, action_key=action_key)


def _card_hint() -> str:
    return tr(_LINUX_CARD_HINT) if sys.platform.startswith("linux") else tr(_CARD_HINT)


def _answer_notice(
    error: ErrorReport, text: str, action: str, action_key: str, choices: tuple[Choice, ...] = ()
) -> Notice:
    return Notice(
        key=ANSWER_KEY,
        text=text,
        severity=Severity.WARNING,
        action=action,
        action_key=action_key,
        choices=choices,
        details=error.details,
    )
