"""What the Hub has: the files of one repository at one revision, and its failures in one sentence each."""

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from urllib.parse import urlsplit

import httpx2
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from engine.api.errors import EngineError, ErrorKind

WANTED_PATTERNS = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model", "tokenizer*")
UNWANTED_PATTERNS = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle", "*.py", "*/*")
_TIMEOUT_SECONDS = 15.0
_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_HTTP_UNAUTHORIZED, _HTTP_FORBIDDEN, _HTTP_TOO_MANY, _HTTP_SERVER_ERROR = 401, 403, 429, 500


@dataclass(frozen=True)
class RemoteFile:
    """One file of a repository; sha256 is empty for the small ones, which git keeps itself."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class RemoteCheckpoint:
    """The files worth downloading of a repository at a commit; names: of all files beside each other at its top."""

    hub_id: str
    commit: str
    files: tuple[RemoteFile, ...]
    names: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.size_bytes for file in self.files)


def inspect(hub_id: str, revision: str, endpoint: str, token: str) -> RemoteCheckpoint:
    """Ask the Hub (empty endpoint: the public one) for the files of a model. One request, without retries.

    Raises EngineError: CHECKPOINT_NOT_FOUND, CHECKPOINT_UNSUPPORTED (no safetensors), NETWORK, INVALID_COMMAND.
    """
    refuse_leaking_token(endpoint, token)
    api = HfApi(endpoint=endpoint or None, token=token or False)
    try:
        found = api.model_info(hub_id, revision=revision, files_metadata=True, timeout=_TIMEOUT_SECONDS)
    except (HfHubHTTPError, HFValidationError, httpx2.HTTPError, OSError) as error:
        raise explained(error, hub_id) from error
    files = tuple(
        RemoteFile(item.rfilename, item.size or 0, item.lfs.sha256 if item.lfs else "")
        for item in found.siblings or ()
        if is_wanted(item.rfilename)
    )
    if not any(file.path.endswith(".safetensors") for file in files):
        raise EngineError(
            ErrorKind.CHECKPOINT_UNSUPPORTED,
            f"The model {hub_id} has no .safetensors files, the only format Hearth downloads.",
            "Choose another version of the model.",
        )
    names = tuple(item.rfilename for item in found.siblings or () if "/" not in item.rfilename)
    return RemoteCheckpoint(hub_id, found.sha or "", files, names)


def is_wanted(path: str) -> bool:
    """Return whether a file of a repository belongs to a checkpoint that Hearth can load."""
    wanted = any(fnmatch(path, pattern) for pattern in WANTED_PATTERNS)
    return wanted and not any(fnmatch(path, pattern) for pattern in UNWANTED_PATTERNS)


def refuse_leaking_token(endpoint: str, token: str) -> None:
    """Raise EngineError(INVALID_COMMAND) if the token would travel unencrypted to another machine."""
    address = urlsplit(endpoint or constants.ENDPOINT)
    if token and address.scheme != "https" and address.hostname not in _LOOPBACK_HOSTS:
        raise EngineError(
            ErrorKind.INVALID_COMMAND,
            "The access token is not sent over an unencrypted connection.",
            "Use an https:// address for the Hub, or remove the token.",
        )


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
