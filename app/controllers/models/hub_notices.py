"""What the window says about downloads and the models on the disk, and the buttons that help. Pure."""

from app.engine_words import said
from app.language import tr
from app.models.amounts import file_size
from app.models.hub_rows import DownloadRow
from app.models.notice import Choice, Notice, Severity
from engine.api.errors import ErrorKind, ErrorReport

LIBRARY_KEY = "library"
SHOW_DOWNLOADS = "show_downloads"
ENTER_TOKEN = "enter_token"
OPEN_LINK = "open_link:"
LOAD = "load:"
RESUME = "resume_download:"


def download_key(key: str) -> str:
    """Return the key of the notices about one download."""
    return f"download:{key}"


def download_arrived_notice(row: DownloadRow, reference: str) -> Notice:
    """Return what to say when a model has been downloaded, with the button that loads it."""
    text = tr("{hub_id} has been downloaded.").format(hub_id=row.hub_id)
    return Notice(key=download_key(row.key), text=text, action=tr("Chat with it"), action_key=f"{LOAD}{reference}")


def download_failed_notice(row: DownloadRow, error: ErrorReport) -> Notice:
    """Return what to say when a download could not go on, and what to do about it."""
    sentence = said(error.sentence())
    name = "" if row.hub_id in error.sentence() else f"{row.hub_id}: "
    kept = " " + tr("What has arrived is kept.") if row.done_bytes and "kept" not in error.sentence() else ""
    action, action_key = tr("Try again"), f"{RESUME}{row.key}"
    if error.kind is ErrorKind.TOKEN_NEEDED:
        action, action_key = tr("Enter a token…"), ENTER_TOKEN
    choices = [Choice(tr("Show downloads"), SHOW_DOWNLOADS)]
    if error.kind is ErrorKind.TERMS_NOT_ACCEPTED and error.link:
        choices.insert(0, Choice(tr("Open its page"), f"{OPEN_LINK}{error.link}"))
    return Notice(
        key=download_key(row.key),
        text=f"{name}{sentence}{kept}",
        severity=Severity.WARNING,
        action=action,
        action_key=action_key,
        choices=tuple(choices),
        details=error.details,
    )


def deleted_model_notice(reference: str, freed_bytes: int) -> Notice:
    """Return what to say when a model has been deleted from the disk."""
    return Notice(
        key=LIBRARY_KEY,
        text=tr("{reference} was deleted: {size} are free again.").format(
            reference=reference, size=file_size(freed_bytes)
        ),
    )


def library_failed_notice(error: ErrorReport) -> Notice:
    """Return what to say when something about the models on the disk could not be done."""
    return Notice(key=LIBRARY_KEY, text=said(error.sentence()), severity=Severity.WARNING, details=error.details)
