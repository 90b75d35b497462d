"""What to do where a publisher wants to be asked before the files may be downloaded."""

from app.language import mark, tr
from engine.api.errors import ErrorKind, ErrorReport
from engine.api.hub import Gating, HubCheckpoint

_WORDS = {
    Gating.TERMS: mark("The publisher asks you to accept terms before you download this model."),
    Gating.APPROVAL: mark(
        "The publisher lets people download this model after a request, which somebody has to answer."
    ),
}
_HINT = mark(
    "Sign in on the model's page, agree there, and give Hearth an access token of your account. If you have done so "
    "already, just download."
)


def gate_note(checkpoint: HubCheckpoint, page: str) -> ErrorReport:
    """Return the note with the page's address; raises KeyError for a model that is open to all."""
    return ErrorReport(kind=ErrorKind.TOKEN_NEEDED, message=tr(_WORDS[checkpoint.gating]), hint=tr(_HINT), link=page)
