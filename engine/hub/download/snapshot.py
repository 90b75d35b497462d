"""How finished files become a snapshot of the standard cache: what tools look for is written last."""

import os
import threading
from pathlib import Path

from huggingface_hub.file_download import _create_symlink

from engine.api.files import replace_file
from engine.hub.cache import cache_folder
from engine.hub.download.record import Record, WantedFile

_CONFIGURATION = "config.json"
_TAG_NAME = "CACHEDIR.TAG"
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# This folder is a cache: see https://bford.info/cachedir/\n"


def prepare(folder: Path) -> None:
    """Make the folders of a repository, so that tools find it sound before anything is in it. Raises OSError."""
    for name in ("blobs", "snapshots"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    tag = cache_folder() / _TAG_NAME
    if not tag.exists():
        tag.write_text(_TAG, encoding="ascii")


def is_there(folder: Path, commit: str, file: WantedFile) -> bool:
    """Return whether the snapshot has a file."""
    try:
        return (folder / "snapshots" / commit / file.path).stat().st_size == file.size_bytes
    except OSError:
        return False


def has_blob(folder: Path, file: WantedFile) -> bool:
    """Return whether a file is among the repository's blobs, whoever put it there."""
    try:
        return (folder / "blobs" / file.digest).stat().st_size == file.size_bytes
    except OSError:
        return False


def enter(folder: Path, record: Record) -> None:
    """Point a snapshot's names at the blobs, the configuration's last, then the branch at it. Raises OSError."""
    snapshot = folder / "snapshots" / record.commit
    snapshot.mkdir(parents=True, exist_ok=True)
    for file in sorted(record.files, key=lambda each: each.path == _CONFIGURATION):
        if not is_there(folder, record.commit, file):
            blob = folder / "blobs" / file.digest
            # Where there are no symbolic links the blob itself is moved, unless it lies in another place.
            _create_symlink(str(blob), str(snapshot / file.path), new_blob=not blob.is_symlink())
    _point(folder / "refs", record.revision, record.commit)


def _point(refs: Path, revision: str, commit: str) -> None:
    reference = Path(os.path.normpath(refs / revision))
    if revision == commit or refs not in reference.parents:
        return
    reference.parent.mkdir(parents=True, exist_ok=True)
    try:
        if reference.read_text(encoding="utf-8") == commit:
            return
    except OSError:
        pass
    # Not beside it: whatever lies in that folder counts as a branch.
    staged = refs.parent / f".hearth-ref-{os.getpid()}-{threading.get_ident()}"
    staged.write_text(commit, encoding="utf-8")
    replace_file(staged, reference)
