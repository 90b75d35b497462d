"""Moves the standard cache to another folder, on the same disk or another one, and goes on after a crash.

On one disk folders are renamed. To another disk everything is copied first and compared by size; only then the source
is deleted, so that until then it stays whole. A second try finds what is there already and goes on.
"""

import contextlib
import errno
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from engine.api.cancellation import CancellationToken
from engine.api.errors import EngineError, ErrorKind
from engine.hub import merging
from engine.hub.cache import cache_folder, entries_of, is_folder
from engine.hub.disk_use import files_below, freed_bytes
from engine.hub.download.locking import try_lock
from engine.planning.sizes import in_gb

ReportBytes = Callable[[int, int], None]
"""(bytes done, bytes in all)"""

_SPACE_MARGIN = 1.02
_LOCKS = ".locks"
_LOCK_SUFFIX = ".lock"
_PROBE_NAME = ".hearth-probe-"


def move_cache(target: str, cancellation: CancellationToken, report: ReportBytes) -> tuple[Path, int]:
    """Move everything in the cache into the folder, beside what is there, and return the folder and the bytes moved.

    Raises EngineError: INVALID_COMMAND for a folder that makes no sense and while something is being downloaded, DISK
    where there is no room or something can't be written; and Cancelled, with the source whole and no copy left. After
    an error on the way, and after a crash, moving again goes on.
    """
    source = cache_folder().resolve()
    place = _checked(target, source)
    cancellation.raise_if_cancelled()
    if not source.is_dir():
        return place, 0
    with _explained(place):
        total = freed_bytes(files_below(source))
        report(0, total)
        with ExitStack() as held:
            _hold_downloads(source, held)
            merging.make_links_relative(source, (source, cache_folder().absolute()))
            _move(source, place, cancellation, lambda done: report(min(done, total), total))
        _move_locks(source, place)
        _remove_emptied(source)
    report(total, total)
    return place, total


def _move(source: Path, place: Path, cancellation: CancellationToken, report: Callable[[int], None]) -> None:
    entries = [Path(entry.path) for entry in entries_of(source) if entry.name != _LOCKS]
    pairs = [(path, place / path.name) for path in entries]
    if _can_rename(source, place):
        for path, target in pairs:
            merging.rename_tree(path, target)
        return
    _refuse_full_disk(pairs, place)
    merging.copy_trees(pairs, cancellation, report)
    for path, target in pairs:
        merging.delete_copied(path, target)


def _can_rename(source: Path, place: Path) -> bool:
    """Return whether both lie in one file system, told by trying: two mounts of one disk look alike."""
    name = f"{_PROBE_NAME}{uuid.uuid4().hex[:8]}"
    probe, moved = source / name, place / name
    probe.write_bytes(b"")
    try:
        probe.rename(moved)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False
    finally:
        probe.unlink(missing_ok=True)
        moved.unlink(missing_ok=True)
    return True


def _checked(target: str, source: Path) -> Path:
    try:
        named = Path(target.strip()).expanduser()
        place = named.resolve()
    except (OSError, ValueError, RuntimeError):
        raise _senseless("That is no folder.") from None
    if not target.strip() or not named.is_absolute():
        raise _senseless("The folder has to be named in full, from the root or the drive on.")
    if place == source:
        raise _senseless("The models lie in this folder already.")
    if source in place.parents:
        raise _senseless("The folder lies inside the one that is to be moved.")
    existing = next((each for each in (place, *place.parents) if os.path.lexists(each)), None)
    if existing is None:
        raise _senseless("That drive is not there.")
    if not existing.is_dir():
        raise _senseless(f"{existing} is a file, not a folder.")
    _refuse_unwritable(place)
    return place


def _refuse_unwritable(place: Path) -> None:
    """Make the folder and try to write into it, also a link, without which the cache can't be kept."""
    made: list[Path] = []
    probe = place / f"{_PROBE_NAME}{uuid.uuid4().hex[:8]}"
    try:
        made = [each for each in (place, *place.parents) if not each.exists()]
        place.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
        if os.name != "nt":  # Windows often has none, and then huggingface_hub gets by without
            probe.symlink_to("nowhere")
            probe.unlink()
    except OSError as error:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)
            for each in made:
                each.rmdir()
        raise EngineError(
            ErrorKind.DISK,
            f"Nothing can be written into {place}: {error.strerror or 'the disk refuses'}.",
            "Choose a folder of your own, on a disk that can hold links.",
            repr(error),
        ) from error


def _senseless(message: str) -> EngineError:
    return EngineError(ErrorKind.INVALID_COMMAND, message, "Choose another folder for the models.")


def _refuse_full_disk(pairs: list[tuple[Path, Path]], place: Path) -> None:
    needed = int(sum(merging.missing_bytes(*pair) for pair in pairs) * _SPACE_MARGIN)
    free = shutil.disk_usage(place).free
    if needed > free:
        raise EngineError(
            ErrorKind.DISK,
            f"The models need {in_gb(needed)} GB, but only {in_gb(free)} GB are free in {place}.",
            "Free some space there, delete models that you no longer need, or choose another folder.",
        )


def _hold_downloads(source: Path, held: ExitStack) -> None:
    """Take every lock that a download may hold. Raises EngineError if one runs."""
    for folder in entries_of(source / _LOCKS):
        for entry in entries_of(Path(folder.path)) if is_folder(folder, follows=False) else ():
            if not entry.name.endswith(_LOCK_SUFFIX):
                continue
            lock = try_lock(source / folder.name, entry.name.removesuffix(_LOCK_SUFFIX))
            if lock is None:
                raise EngineError(
                    ErrorKind.INVALID_COMMAND,
                    "Something is being downloaded at this moment.",
                    "Pause the downloads first, also those of other programs.",
                )
            held.callback(lock.release)


def _move_locks(source: Path, place: Path) -> None:
    """Take the empty files along that programs lock; they are made anew where that fails."""
    locks = source / _LOCKS
    with contextlib.suppress(OSError):
        if not (place / _LOCKS).exists() and _can_rename(source, place):
            locks.rename(place / _LOCKS)
        else:
            shutil.copytree(locks, place / _LOCKS, dirs_exist_ok=True)
    shutil.rmtree(locks, ignore_errors=True)


def _remove_emptied(source: Path) -> None:
    """Remove what is left of the folder if nothing but folders is; where a link led to it, it has to stay."""
    if cache_folder().is_symlink() or any(True for _ in files_below(source)):
        return
    shutil.rmtree(source, ignore_errors=True)


@contextlib.contextmanager
def _explained(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        message = f"{place} is full." if full else f"The models could not be moved: {error.strerror or error}."
        hint = "Free some space" if full else "Check that both folders can be written"
        raise EngineError(ErrorKind.DISK, message, f"{hint}, then move again: it goes on.", repr(error)) from error
