"""The files of one repository on the Hub at one revision, and which of them make a checkpoint."""

from dataclasses import dataclass
from fnmatch import fnmatch
from urllib.parse import quote

from huggingface_hub import ModelInfo

from engine.api.errors import EngineError, ErrorKind
from engine.api.hub import HubAccess
from engine.hub.failures import HUB_FAILURES, explained
from engine.hub.session import repository_path, session_for

WANTED_PATTERNS = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model", "tokenizer*")
UNWANTED_PATTERNS = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle", "*.py", "*/*")


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


def inspect(hub_id: str, revision: str, access: HubAccess) -> RemoteCheckpoint:
    """Ask the Hub for the files of a model. One request, without retries.

    Raises EngineError: CHECKPOINT_NOT_FOUND, CHECKPOINT_UNSUPPORTED (no safetensors), NETWORK, INVALID_COMMAND and
    what else keeps the Hub from answering.
    """
    session = session_for(access)
    try:
        path = f"/api/models/{repository_path(hub_id)}/revision/{quote(revision, safe='')}"
        found = ModelInfo(  # type: ignore[no-untyped-call]
            **session.get(path, {"blobs": "true"}).json()
        )
    except HUB_FAILURES as error:
        raise explained(error, hub_id, access) from error
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
