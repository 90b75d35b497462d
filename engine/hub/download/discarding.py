"""Throwing away what is there of a checkpoint that was not downloaded to the end."""

import shutil
from pathlib import Path

from filelock import BaseFileLock

from engine.api.errors import EngineError, ErrorKind
from engine.hub.cache import repository_folder
from engine.hub.download.locking import try_lock
from engine.hub.download.part import part_files
from engine.hub.download.record import Record, records, remove_record


def discard(hub_id: str) -> int:
    """Delete parts, records and blobs that no snapshot uses of an unfinished download; return the bytes freed.

    Raises EngineError: INVALID_COMMAND while anybody downloads it, DISK if something can't be deleted.
    """
    folder = repository_folder(hub_id)
    found = records(folder)
    locks: list[BaseFileLock] = []
    try:
        _lock_all(hub_id, folder, found, locks)
        return _delete(folder, found)
    except OSError as error:
        raise EngineError(
            ErrorKind.DISK,
            f"Not all that is there of {hub_id} could be deleted.",
            "Check who owns the folder for downloads, and its permissions.",
            repr(error),
        ) from error
    finally:
        for lock in locks:
            lock.release()


def _lock_all(hub_id: str, folder: Path, found: list[Record], locks: list[BaseFileLock]) -> None:
    digests = {file.digest for record in found for file in record.files}
    digests |= {path.name.partition(".")[0] for path in part_files(folder / "blobs")}
    for digest in sorted(digests):
        lock = try_lock(folder, digest)
        if lock is None:
            raise EngineError(
                ErrorKind.INVALID_COMMAND, f"{hub_id} is being downloaded at this moment.", "Pause the download first."
            )
        locks.append(lock)


def _delete(folder: Path, found: list[Record]) -> int:
    blobs = folder / "blobs"
    used = {link.resolve() for link in folder.glob("snapshots/*/**/*") if link.is_symlink()}
    freed = sum(_remove(path) for path in part_files(blobs))
    for digest in {file.digest for record in found for file in record.files}:
        blob = blobs / digest
        if blob.exists() and blob.resolve() not in used:
            freed += _remove(blob)
    for record in found:
        remove_record(folder, record.commit)
    if folder.is_dir() and not any(path.is_file() or path.is_symlink() for path in folder.rglob("*")):
        shutil.rmtree(folder)
    return freed


def _remove(path: Path) -> int:
    status = path.lstat()  # of a link into a store that several repositories share, only the link goes
    path.unlink()
    return getattr(status, "st_blocks", 0) * 512 or status.st_size
