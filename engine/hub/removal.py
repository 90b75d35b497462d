"""Deletes from the standard cache: a repository, one revision of it, or one file; what others still use stays.

What goes is first renamed into a folder that every program passes over, in one step, so that no crash leaves what
looks whole and isn't; an abandoned rest is removed at the next opportunity. Only the parts of a repository are looked
at, never the whole cache.
"""

import contextlib
import logging
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock

from engine.api.errors import EngineError, ErrorKind
from engine.hub import shared_blobs
from engine.hub.cache import cache_folder, entries_of, is_folder, refs, repository_folder, snapshots
from engine.hub.disk_use import files_below, freed_bytes
from engine.hub.download.locking import try_lock

_LOCKS = ".locks"  # passed over by huggingface_hub's scan, and in the same file system
_ASIDE_PREFIX = ".hearth-deleted-"
_LOCK_SUFFIX = ".lock"
_PART_SUFFIX = ".incomplete"
_RECORD_PREFIX = ".hearth-download-"

_log = logging.getLogger(__name__)


def repository_bytes(hub_id: str) -> int:
    """Return what deleting the whole repository would free."""
    folder = repository_folder(hub_id)
    if folder.is_symlink():  # only the link would go, never what lies at its end
        return 0
    return _bytes_of(list(files_below(folder)), list(_paths_in(folder / "blobs")))


def revision_bytes(hub_id: str, commit: str) -> int:
    """Return what deleting one revision would free: its own files, and blobs that no other revision uses."""
    own, blobs = _parts_of(hub_id, commit)
    return _bytes_of([*own, *blobs], blobs)


def file_bytes(hub_id: str, file: Path) -> int:
    """Return what deleting one file of a revision would free."""
    blobs = _only_used_by(hub_id, {file})
    return _bytes_of([file, *blobs], blobs)


def takes_all(hub_id: str, commit: str) -> bool:
    """Return whether nothing is left of the repository without this revision."""
    return not _has_parts(hub_id) and all(each.revision == commit for each in snapshots(hub_id))


def parts_bytes(hub_id: str) -> int:
    """Return what the unfinished downloads of a repository take."""
    names = _paths_in(repository_folder(hub_id) / "blobs")
    return freed_bytes([path for path in names if path.name.endswith(_PART_SUFFIX)])


def delete_repository(hub_id: str) -> int:
    """Delete all revisions and unfinished downloads and return the bytes freed.

    Raises EngineError: INVALID_COMMAND while anybody downloads it, DISK if it can't be deleted; then it is still there.
    """
    folder = repository_folder(hub_id)
    with _unused(hub_id), _explained(hub_id):
        stored = shared_blobs.targets(cache_folder(), _paths_in(folder / "blobs"))
        expected = repository_bytes(hub_id)
        left = _bytes_below(_moved_aside(folder))
        shared_blobs.sweep(cache_folder(), stored)
        _refuse_rest(hub_id, left)
        return expected


def delete_revision(hub_id: str, commit: str) -> int:
    """Delete one revision, with the branches that name it; the last one takes the repository along. Raises as above."""
    if takes_all(hub_id, commit):
        return delete_repository(hub_id)
    folder = repository_folder(hub_id)
    with _unused(hub_id), _explained(hub_id):
        _, blobs = _parts_of(hub_id, commit)
        expected = revision_bytes(hub_id, commit)
        stored = shared_blobs.targets(cache_folder(), blobs)
        for branch in _branches_of(hub_id, commit):
            branch.unlink(missing_ok=True)
        left = _bytes_below(_moved_aside(folder / "snapshots" / commit))
        left += _unlink(blobs)
        shared_blobs.sweep(cache_folder(), stored)
        _refuse_rest(hub_id, left)
        return expected


def delete_file(hub_id: str, file: Path) -> int:
    """Delete one file of a revision; the repository goes when nothing is left in it. Raises as above."""
    folder = repository_folder(hub_id)
    with _unused(hub_id), _explained(hub_id):
        blobs = _only_used_by(hub_id, {file})
        expected = file_bytes(hub_id, file)
        stored = shared_blobs.targets(cache_folder(), blobs)
        file.unlink()
        left = _unlink(blobs)
        shared_blobs.sweep(cache_folder(), stored)
        _refuse_rest(hub_id, left)
    if not any(True for _ in files_below(folder / "snapshots")) and not _has_parts(hub_id):
        return expected + delete_repository(hub_id)
    return expected


def remove_abandoned() -> None:
    """Remove what a deletion left behind that was cut off. Never raises."""
    for entry in entries_of(cache_folder() / _LOCKS):
        if entry.name.startswith(_ASIDE_PREFIX) and is_folder(entry, follows=False):
            shutil.rmtree(entry.path, ignore_errors=True)


@contextmanager
def _unused(hub_id: str) -> Iterator[None]:
    """Hold the locks that downloads of the repository would take. Raises EngineError if one of them is taken."""
    folder = repository_folder(hub_id)
    held: list[BaseFileLock] = []
    try:
        for entry in entries_of(cache_folder() / _LOCKS / folder.name):
            if not entry.name.endswith(_LOCK_SUFFIX):
                continue
            try:
                lock = try_lock(folder, entry.name.removesuffix(_LOCK_SUFFIX))
            except OSError:  # locks of another user: what can't be locked can't be deleted either, and that is told
                continue
            if lock is None:
                raise EngineError(
                    ErrorKind.INVALID_COMMAND,
                    f"{hub_id} is being downloaded at this moment.",
                    "Pause the download first, or wait until it has finished.",
                )
            held.append(lock)
        yield
    finally:
        for lock in held:
            lock.release()


@contextmanager
def _explained(hub_id: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EngineError(
            ErrorKind.DISK,
            f"{hub_id} could not be deleted: {error.strerror or 'the disk failed'}.",
            "Close the programs that use it, and check that you may change the folder for downloads.",
            repr(error),
        ) from error


def _refuse_rest(hub_id: str, left_bytes: int) -> None:
    if left_bytes:
        raise EngineError(
            ErrorKind.DISK,
            f"{hub_id} is deleted, but {left_bytes:,} bytes of it are in use and could not be freed yet.",
            "Close the programs that use it; they are freed the next time that something is listed or deleted.",
        )


def _moved_aside(folder: Path) -> Path:
    """Rename the folder so that nobody finds it any more, then remove what can be removed; return its new place.

    Raises OSError, with nothing changed, if it can't be renamed or a folder in it may not be changed.
    """
    if folder.is_symlink():
        folder.unlink()
        return folder
    for place, _, _ in os.walk(folder):
        if not os.access(place, os.W_OK | os.X_OK):
            raise PermissionError(13, "a folder in it may not be changed", place)
    aside = cache_folder() / _LOCKS / f"{_ASIDE_PREFIX}{uuid.uuid4().hex[:12]}"
    aside.parent.mkdir(exist_ok=True)
    folder.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)
    return aside


def _unlink(paths: list[Path]) -> int:
    """Delete files and return the bytes of those that could not be deleted."""
    left = []
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("a file of the cache could not be deleted: %s", error)
            left.append(path)
    return freed_bytes(left)


def _parts_of(hub_id: str, commit: str) -> tuple[list[Path], list[Path]]:
    """Return the files of a revision with the branches that name it, and the blobs that only it uses."""
    folder = repository_folder(hub_id) / "snapshots" / commit
    own = [] if folder.is_symlink() else list(files_below(folder))
    return [*own, *_branches_of(hub_id, commit)], _only_used_by(hub_id, set(own))


def _branches_of(hub_id: str, commit: str) -> list[Path]:
    return [repository_folder(hub_id) / "refs" / name for name, named in refs(hub_id).items() if named == commit]


def _only_used_by(hub_id: str, files: set[Path]) -> list[Path]:
    """Return the blobs of the repository that no file of it but these leads to."""
    folder = repository_folder(hub_id)
    wanted = {blob for file in files if (blob := _blob_of(file, folder)) is not None}
    others = {_blob_of(file, folder) for file in files_below(folder / "snapshots") if file not in files}
    return sorted(wanted - others)


def _blob_of(file: Path, repository: Path) -> Path | None:
    """Return the blob that a file of a revision is a link to, if it is one of its repository's."""
    try:
        target = Path(os.path.normpath(file.parent / file.readlink()))
    except OSError:
        return None
    return target if target.parent == repository / "blobs" else None


def _bytes_of(paths: list[Path], blobs: list[Path]) -> int:
    stored = shared_blobs.targets(cache_folder(), blobs)
    return freed_bytes(paths) + shared_blobs.freed_bytes(cache_folder(), stored, set(blobs))


def _bytes_below(folder: Path) -> int:
    with contextlib.suppress(OSError):
        return freed_bytes(files_below(folder))
    return 0


def _has_parts(hub_id: str) -> bool:
    folder = repository_folder(hub_id)
    names = [path.name for path in (*_paths_in(folder), *_paths_in(folder / "blobs"))]
    return any(name.endswith(_PART_SUFFIX) or name.startswith(_RECORD_PREFIX) for name in names)


def _paths_in(folder: Path) -> Iterator[Path]:
    return (Path(entry.path) for entry in entries_of(folder))
