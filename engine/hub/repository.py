"""The files of one repository on the Hub at one revision, and which of them make a checkpoint."""

from dataclasses import dataclass
from urllib.parse import quote

from huggingface_hub import ModelInfo

from engine.api.errors import EngineError, ErrorKind
from engine.api.hub import HubAccess
from engine.hub.failures import HUB_FAILURES, explained
from engine.hub.selection import INDEX_NAME, needs_index, select
from engine.hub.session import HubSession, repository_path, session_for


@dataclass(frozen=True)
class RemoteFile:
    """One file of a repository; sha256 is empty for the small ones, which git keeps itself under blob_id (SHA-1)."""

    path: str
    size_bytes: int
    sha256: str
    blob_id: str = ""

    @property
    def digest(self) -> str:
        """The name of its blob in the cache, by which its content is checked too."""
        return self.sha256 or self.blob_id


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
    """Ask the Hub for the files of a model. One request (two if only the index tells its weights), no retries.

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
    present = {item.rfilename for item in found.siblings or ()}
    chosen = select(present, _indexed(session, hub_id, found.sha or revision) if needs_index(present) else ())
    files = tuple(
        RemoteFile(item.rfilename, item.size or 0, item.lfs.sha256 if item.lfs else "", item.blob_id or "")
        for item in found.siblings or ()
        if item.rfilename in chosen
    )
    if not any(file.path.endswith(".safetensors") for file in files):
        raise EngineError(
            ErrorKind.CHECKPOINT_UNSUPPORTED,
            f"The model {hub_id} has no .safetensors files, the only format Hearth downloads.",
            "Choose another version of the model.",
        )
    names = tuple(item.rfilename for item in found.siblings or () if "/" not in item.rfilename)
    return RemoteCheckpoint(hub_id, found.sha or "", files, names)


def _indexed(session: HubSession, hub_id: str, revision: str) -> set[str]:
    """Return the files of weights that the index names; none where it can't be read."""
    try:
        address = session.file_url(hub_id, revision, INDEX_NAME).removeprefix(session.endpoint)
        return set(session.get(address).json()["weight_map"].values())
    except (*HUB_FAILURES, KeyError, AttributeError):
        return set()
