"""What is being downloaded into a repository's folder of the cache, noted so that others know of it after a crash."""

import os
import re
import threading
from dataclasses import dataclass
from pathlib import Path

import msgspec

from engine.api.files import replace_file
from engine.hub.cache import repositories, repository_folder
from engine.hub.download.part import present_bytes

_PATTERN = ".hearth-download-*.json"
_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class WantedFile(msgspec.Struct, frozen=True):
    """One file of a download; digest names its blob: SHA-256, or the SHA-1 of git for small ones."""

    path: str
    size_bytes: int
    digest: str


class Record(msgspec.Struct, frozen=True):
    """A download that was begun; revision is the branch, tag or commit that was asked for.

    steady_bytes: what came without trouble before it was paused in good order, 0 while it runs (see Exposure).
    """

    hub_id: str
    revision: str
    commit: str
    files: tuple[WantedFile, ...]
    steady_bytes: int = 0


@dataclass(frozen=True)
class Unfinished:
    """A download that was begun and not finished, also one that runs at this moment.

    missing_bytes is never 0: where all bytes are there but not yet handed over, it is 1. folder: of the repository.
    """

    hub_id: str
    revision: str
    commit: str
    total_bytes: int
    missing_bytes: int
    folder: Path


def unfinished() -> tuple[Unfinished, ...]:
    """Return the downloads in the cache that were begun and not finished, by Hub id. Raises nothing."""
    return tuple(
        _as_unfinished(record, repository_folder(hub_id))
        for hub_id in repositories()
        for record in records(repository_folder(hub_id))
        if record.hub_id == hub_id
    )


def records(folder: Path) -> list[Record]:
    """Return the records in a repository's folder; damaged ones count as none."""
    found = []
    for path in sorted(folder.glob(_PATTERN)):
        try:
            record = msgspec.json.decode(path.read_bytes(), type=Record)
        except (OSError, msgspec.DecodeError):
            continue
        if _DIGEST.fullmatch(record.commit) and all(_DIGEST.fullmatch(file.digest) for file in record.files):
            found.append(record)
    return found


def write_record(folder: Path, record: Record) -> None:
    """Note a download that begins; one of the same branch at an older commit is forgotten. Raises OSError."""
    for other in records(folder):
        if other.revision == record.revision and other.commit != record.commit:
            remove_record(folder, other.commit)
    path = _path(folder, record.commit)
    # By thread as well: two lanes may fetch the same model, as a branch and as the commit that it stands for.
    staged = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.new")
    staged.write_bytes(msgspec.json.encode(record))
    replace_file(staged, path)


def remove_record(folder: Path, commit: str) -> None:
    """Forget a download."""
    _path(folder, commit).unlink(missing_ok=True)


def bytes_there(blobs: Path, file: WantedFile) -> int:
    """Return how many bytes of a file are in the cache, finished or not."""
    try:
        if (blobs / file.digest).stat().st_size == file.size_bytes:
            return file.size_bytes
    except OSError:
        pass
    return present_bytes(blobs, file.digest, file.size_bytes)


def _path(folder: Path, commit: str) -> Path:
    return folder / f".hearth-download-{commit}.json"


def _as_unfinished(record: Record, folder: Path) -> Unfinished:
    total = sum(file.size_bytes for file in record.files)
    there = sum(bytes_there(folder / "blobs", file) for file in record.files)
    return Unfinished(record.hub_id, record.revision, record.commit, total, max(1, total - there), folder)
