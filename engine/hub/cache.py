"""The standard Hugging Face cache as folders on this computer; nothing here asks the network."""

import re
from dataclasses import dataclass
from pathlib import Path

_PREFIX = "models--"
_MAIN = "main"
_REVISION = re.compile(r"[\w][\w.+/-]*")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")


@dataclass(frozen=True)
class CachedSnapshot:
    """One downloaded revision: its commit and the folder with its files."""

    folder: Path
    revision: str


def cache_folder() -> Path:
    """Return the folder that huggingface_hub downloads into (HF_HOME, HF_HUB_CACHE are honoured)."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def repository_folder(hub_id: str) -> Path:
    """Return the folder of one repository in the cache."""
    return cache_folder() / (_PREFIX + hub_id.replace("/", "--"))


def repositories() -> list[str]:
    """Return the Hub ids that have anything in the cache."""
    try:
        names = sorted(folder.name for folder in cache_folder().iterdir() if folder.is_dir())
    except OSError:
        return []
    return [name.removeprefix(_PREFIX).replace("--", "/") for name in names if name.startswith(_PREFIX)]


def split_revision(reference: str) -> tuple[str, str]:
    """Return Hub id and revision of a reference such as `owner/name` (revision empty) or `owner/name@revision`."""
    hub_id, _, revision = reference.partition("@")
    return hub_id, revision


def find(reference: str) -> CachedSnapshot | None:
    """Return the snapshot that a reference means: that of its revision (branch, tag or commit) if it names one.

    Without one it is that of main, else the only one there; None if there is none.
    """
    hub_id, revision = split_revision(reference)
    if not _ID.fullmatch(hub_id) or ".." in reference or "--" in hub_id or not is_usable_revision(revision or _MAIN):
        return None
    found = _named(hub_id, revision or _MAIN)
    return found if found is not None or revision else _only(hub_id)


def is_usable_revision(revision: str) -> bool:
    """Return whether the text can be a branch, tag or commit, and so a path below `refs`."""
    return bool(_REVISION.fullmatch(revision)) and ".." not in revision


def _named(hub_id: str, revision: str) -> CachedSnapshot | None:
    repository = repository_folder(hub_id)
    try:
        commit = (repository / "refs" / revision).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        commit = revision if _COMMIT.fullmatch(revision) else ""
    folder = repository / "snapshots" / commit
    return CachedSnapshot(folder, commit) if commit and folder.is_dir() else None


def _only(hub_id: str) -> CachedSnapshot | None:
    try:
        snapshots = [folder for folder in (repository_folder(hub_id) / "snapshots").iterdir() if folder.is_dir()]
    except OSError:
        return None
    return CachedSnapshot(snapshots[0], snapshots[0].name) if len(snapshots) == 1 else None
