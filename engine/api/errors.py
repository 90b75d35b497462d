"""The failures that a person can be told about: a kind, one sentence, and what to do next.

EngineError                 carries an ErrorReport through the engine until it becomes CommandFailed
ErrorReport                 what crosses the pipe and is shown
ErrorKind                   what the app may decide upon
Remedy                      a way out that the app offers as a button
Cancelled                   not an error: the user stopped this command
"""

from enum import StrEnum

import msgspec

from engine.api.plan import PrecisionChoice


class ErrorKind(StrEnum):
    """What went wrong, in the few classes that lead to different next steps.

    MESSAGE_TOO_LONG: by itself or with the instructions; PROMPT_TOO_LONG: with the messages before it, which may be
    left out.
    """

    CHECKPOINT_NOT_FOUND = "checkpoint_not_found"
    CHECKPOINT_INCOMPLETE = "checkpoint_incomplete"
    CHECKPOINT_UNSAFE = "checkpoint_unsafe"
    CHECKPOINT_UNSUPPORTED = "checkpoint_unsupported"
    NO_CHAT_TEMPLATE = "no_chat_template"
    TEMPLATE_FAILED = "template_failed"
    PRECISION_UNAVAILABLE = "precision_unavailable"
    PROMPT_EMPTY = "prompt_empty"
    PROMPT_TOO_LONG = "prompt_too_long"
    MESSAGE_TOO_LONG = "message_too_long"
    NO_MODEL_LOADED = "no_model_loaded"
    OUT_OF_MEMORY = "out_of_memory"
    DEVICE_LOST = "device_lost"
    MODEL_CHANGED = "model_changed"
    NETWORK = "network"
    OFFLINE = "offline"
    TOKEN_NEEDED = "token_needed"
    TERMS_NOT_ACCEPTED = "terms_not_accepted"
    DISK = "disk"
    INVALID_COMMAND = "invalid_command"
    ENGINE_DIED = "engine_died"
    INTERNAL = "internal"


class Remedy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way out that the app offers as a button: load the model again with these choices (None: as before).

    draft "" stands for loading without a draft model.
    """

    label: str
    precision: PrecisionChoice | None = None
    context_tokens: int | None = None
    device: str | None = None
    draft: str | None = None


class ErrorReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One failure for a person: what happened, what to do, and the folded technical part.

    link: address of the page where the person can do something about it, empty if there is none.
    """

    kind: ErrorKind
    message: str
    hint: str = ""
    details: str = ""
    remedies: tuple[Remedy, ...] = ()
    link: str = ""

    def sentence(self) -> str:
        """Return message and hint as the one line that a terminal prints."""
        return f"{self.message} {self.hint}".strip()


class EngineError(Exception):
    """A failure of the world (files, memory, network, input), never a bug of ours."""

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        hint: str = "",
        details: str = "",
        remedies: tuple[Remedy, ...] = (),
        link: str = "",
    ) -> None:
        super().__init__(message)
        self.report = ErrorReport(kind=kind, message=message, hint=hint, details=details, remedies=remedies, link=link)


class Cancelled(Exception):
    """Raised at a point where a cancelled command may stop; ends it quietly."""
