"""The standard Hugging Face cache as folders on this computer; nothing here asks the network."""

import re
from dataclasses import dataclass
from pathlib import Path

_PREFIX = "models--"
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


def find(hub_id: str, revision: str = "main") -> CachedSnapshot | None:
    """Return the snapshot of the id in the cache: the branch's, else the only one there, else None."""
    if not _ID.fullmatch(hub_id) or ".." in hub_id or "--" in hub_id:
        return None
    repository = repository_folder(hub_id)
    try:
        commit = (repository / "refs" / revision).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        commit = ""
    if commit and (repository / "snapshots" / commit).is_dir():
        return CachedSnapshot(repository / "snapshots" / commit, commit)
    try:
        snapshots = [folder for folder in (repository / "snapshots").iterdir() if folder.is_dir()]
    except OSError:
        return None
    return CachedSnapshot(snapshots[0], snapshots[0].name) if len(snapshots) == 1 else None
