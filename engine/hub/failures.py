"""What went wrong between here and the Hub, in one sentence each; the libraries often hide the true cause."""

import errno
from collections.abc import Iterator

import httpx2
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from engine.api.errors import EngineError, ErrorKind

HUB_FAILURES = (HfHubHTTPError, HFValidationError, httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, TypeError)
"""What a request, or an answer that makes no sense, may raise."""

_HTTP_UNAUTHORIZED, _HTTP_FORBIDDEN, _HTTP_TOO_MANY, _HTTP_SERVER_ERROR = 401, 403, 429, 500


def explained(error: BaseException, hub_id: str) -> EngineError:
    """Return the failure of a Hub call as one sentence; the library often hides the true one in __cause__."""
    details = repr(error)
    for cause in _chain(error):
        found = _explain(cause, hub_id)
        if found is not None:
            kind, message, hint = found
            return EngineError(kind, message, hint, details)
    return EngineError(
        ErrorKind.NETWORK,
        f"The model {hub_id} could not be downloaded.",
        "Check the internet connection and try again.",
        details,
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    seen: set[int] = set()
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _explain(error: BaseException, hub_id: str) -> tuple[ErrorKind, str, str] | None:
    if isinstance(error, GatedRepoError):
        page = f"https://huggingface.co/{hub_id}"
        message = f"The publisher of {hub_id} gives it only to people who accepted the terms."
        return ErrorKind.NETWORK, message, f"Accept them at {page}, then enter your access token."
    if isinstance(error, RevisionNotFoundError):
        return ErrorKind.CHECKPOINT_NOT_FOUND, f"The model {hub_id} has no such revision.", "Use main."
    if isinstance(error, RepositoryNotFoundError | HFValidationError):
        message = f"There is no model “{hub_id}” on the Hub."
        return ErrorKind.CHECKPOINT_NOT_FOUND, message, "Check the name; a private model needs an access token."
    if isinstance(error, HfHubHTTPError):
        return _explain_status(error, hub_id)
    if isinstance(error, OfflineModeIsEnabled):
        return ErrorKind.NETWORK, "Downloads are switched off (HF_HUB_OFFLINE is set).", "Unset it and try again."
    if isinstance(error, httpx2.RemoteProtocolError | httpx2.ReadError):
        return ErrorKind.NETWORK, "The connection to the Hub was lost.", "Try again; complete files are kept."
    if isinstance(error, httpx2.TransportError | ConnectionError | TimeoutError):
        return ErrorKind.NETWORK, "The Hub could not be reached.", "Check the internet connection and try again."
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ErrorKind.DISK, f"The disk is full, {hub_id} does not fit.", "Free some space and try again."
    if isinstance(error, PermissionError):
        return ErrorKind.DISK, "The folder for downloads cannot be written.", "Check its owner and permissions."
    return None


def _explain_status(error: HfHubHTTPError, hub_id: str) -> tuple[ErrorKind, str, str]:
    status = error.response.status_code
    if status == _HTTP_UNAUTHORIZED:
        message = f"The model “{hub_id}” does not exist on the Hub, or is not shown to everyone."
        return ErrorKind.CHECKPOINT_NOT_FOUND, message, "Check the name, or enter a valid access token."
    if status == _HTTP_FORBIDDEN:
        return ErrorKind.NETWORK, f"The Hub does not allow access to {hub_id}.", "Check the access token's rights."
    if status == _HTTP_TOO_MANY:
        seconds = error.response.headers.get("Retry-After", "")
        wait = f"{seconds} seconds" if seconds.isdigit() else "a few minutes"
        return ErrorKind.NETWORK, "The Hub has had too many requests from here.", f"Try again in {wait}."
    if status >= _HTTP_SERVER_ERROR:
        return ErrorKind.NETWORK, f"The Hub has a problem of its own ({status}).", "Try again in a few minutes."
    return ErrorKind.NETWORK, f"The Hub answered {status} for {hub_id}.", "Check the name and try again."
