"""The standard Hugging Face cache as folders on this computer; nothing here asks the network."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

_PREFIX = "models--"
MAIN = "main"
_REVISION = re.compile(r"[\w][\w.+/-]*")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_SNAPSHOT_NAME = re.compile(r"\w[\w.-]*", re.ASCII)
_LONGEST_REF = 256
_LONGEST_ID = 200  # the Hub allows 96; a name of a folder may have 255 bytes
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
    """Return the Hub ids that have anything in the cache; what lies there besides is passed over."""
    names = (entry.name for entry in entries_of(cache_folder()) if is_folder(entry))
    ids = (name.removeprefix(_PREFIX).replace("--", "/") for name in names if name.startswith(_PREFIX))
    return sorted(hub_id for hub_id in ids if is_id(hub_id))


def entries_of(folder: Path) -> "list[os.DirEntry[str]]":
    """Return what lies in the folder, in the order of names; nothing if it can't be read."""
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError:
        return []


def is_folder(entry: "os.DirEntry[str]", *, follows: bool = True) -> bool:
    """Return whether it is a folder, or (unless told otherwise) a link to one; False if that can't be told."""
    try:
        return entry.is_dir(follow_symlinks=follows)
    except OSError:  # a loop of links, a folder that may not be looked into
        return False


def split_revision(reference: str) -> tuple[str, str]:
    """Return Hub id and revision of a reference such as `owner/name` (revision empty) or `owner/name@revision`."""
    hub_id, _, revision = reference.partition("@")
    return hub_id, revision


def find(reference: str) -> CachedSnapshot | None:
    """Return the snapshot that a reference means: that of its revision (branch, tag or commit) if it names one.

    Without one it is that of main, else the only one there; None if there is none.
    """
    hub_id, revision = split_revision(reference)
    if not is_id(hub_id) or not is_usable_revision(revision or MAIN):
        return None
    found = _named(hub_id, revision or MAIN)
    if found is not None or revision:
        return found
    there = snapshots(hub_id)
    return there[0] if len(there) == 1 else None


def snapshots(hub_id: str) -> list[CachedSnapshot]:
    """Return every revision of the id in the cache, the one downloaded last first."""
    if not is_id(hub_id):
        return []
    found = [entry for entry in entries_of(repository_folder(hub_id) / "snapshots") if is_folder(entry)]
    return [CachedSnapshot(Path(entry.path), entry.name) for entry in sorted(found, key=_changed_at, reverse=True)]


def refs(hub_id: str) -> dict[str, str]:
    """Return branch or tag -> commit, of those that name one."""
    root = repository_folder(hub_id) / "refs"
    found = {}
    for place, _, names in os.walk(root):
        for path in (Path(place) / name for name in names):
            if commit := _commit_in(path):
                found[path.relative_to(root).as_posix()] = commit
    return found


def is_id(text: str) -> bool:
    """Return whether the text can be a repository's id, and so name a folder of the cache."""
    return len(text) <= _LONGEST_ID and bool(_ID.fullmatch(text)) and ".." not in text and "--" not in text


def is_usable_revision(revision: str) -> bool:
    """Return whether the text can be a branch, tag or commit, and so a path below `refs`."""
    return bool(_REVISION.fullmatch(revision)) and ".." not in revision


def _named(hub_id: str, revision: str) -> CachedSnapshot | None:
    repository = repository_folder(hub_id)
    commit = _commit_in(repository / "refs" / revision) or (revision if _COMMIT.fullmatch(revision) else "")
    try:
        folder = repository / "snapshots" / commit
        return CachedSnapshot(folder, commit) if commit and folder.is_dir() else None
    except OSError:
        return None


def _commit_in(path: Path) -> str:
    """Return the commit that a ref holds, empty for anything that is no ref: its text becomes a part of a path."""
    try:
        if not path.is_file() or path.stat().st_size > _LONGEST_REF:  # a pipe would be read for ever
            return ""
        text = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
    return text if _SNAPSHOT_NAME.fullmatch(text) else ""


def _changed_at(entry: "os.DirEntry[str]") -> float:
    try:
        return entry.stat().st_mtime
    except OSError:
        return 0.0
