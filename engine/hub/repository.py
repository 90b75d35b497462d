"""The files of one repository on the Hub at one revision, and which of them make a checkpoint."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote

from engine.api.errors import EngineError, ErrorKind
from engine.api.hub import HubAccess
from engine.hub.announced import announced, is_digest
from engine.hub.answers import LARGEST_NUMBER, items, mapping, text, texts
from engine.hub.failures import HUB_FAILURES, explained
from engine.hub.selection import INDEX_NAME, needs_index, select
from engine.hub.session import HubSession, NoHubAnswer, repository_path, session_for

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHA1_LETTERS = 40


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
    """Ask the Hub for the files of a model, without retries.

    One request; two if only the index tells its weights, and one more for each file of which a server doesn't list size
    and digest. Raises EngineError: CHECKPOINT_NOT_FOUND, CHECKPOINT_UNSUPPORTED (no safetensors), NETWORK,
    INVALID_COMMAND and what else keeps the Hub from answering.
    """
    session = session_for(access)
    try:
        path = f"/api/models/{repository_path(hub_id)}/revision/{quote(revision, safe='')}"
        answer = mapping(session.ask(path, {"blobs": "true"}))
        commit = text(answer, "sha")
        if not _COMMIT.fullmatch(commit):  # it becomes the name of a folder
            raise NoHubAnswer(is_page=False)
        listed = {name: entry for entry in map(mapping, items(answer.get("siblings"))) if (name := _name_in(entry))}
        chosen = select(listed, _indexed(session, hub_id, commit) if needs_index(listed) else ())
        files = tuple(_file(session, hub_id, commit, name, listed[name]) for name in listed if name in chosen)
    except HUB_FAILURES as error:
        raise explained(error, hub_id, access) from error
    if not any(file.path.endswith(".safetensors") for file in files):
        raise EngineError(
            ErrorKind.CHECKPOINT_UNSUPPORTED,
            f"The model {hub_id} has no .safetensors files, the only format Hearth downloads.",
            "Choose another version of the model.",
        )
    return RemoteCheckpoint(hub_id, commit, files, tuple(name for name in listed if "/" not in name))


def _name_in(entry: Mapping[str, object]) -> str:
    name = entry.get("rfilename")
    return name if isinstance(name, str) else ""


def _file(session: HubSession, hub_id: str, commit: str, path: str, entry: Mapping[str, object]) -> RemoteFile:
    """Return a file as the list has it; what is left out there, or is none, is asked for."""
    stored = mapping(entry, "lfs")
    size = next((each for each in (entry.get("size"), stored.get("size")) if _is_size(each)), None)
    digest = (text(stored, "sha256") if entry.get("lfs") else text(entry, "blobId")).lower()
    if size is None or not is_digest(digest):  # the digest becomes the name of a file
        size, digest = announced(session, hub_id, commit, path)
    is_git = len(digest) == _SHA1_LETTERS
    return RemoteFile(path, cast("int", size), "" if is_git else digest, digest if is_git else "")


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_NUMBER


def _indexed(session: HubSession, hub_id: str, revision: str) -> set[str]:
    """Return the files of weights that the index names; none where it can't be read."""
    try:
        address = session.file_url(hub_id, revision, INDEX_NAME).removeprefix(session.endpoint)
        return set(texts(list(mapping(session.ask(address), "weight_map").values())))
    except HUB_FAILURES:
        return set()
