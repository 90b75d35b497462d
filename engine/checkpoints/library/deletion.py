"""Deletes a checkpoint from this computer, with all that Hearth made of it, and says what that frees or would free.

Only what the list shows can be deleted. Nothing is deleted at the end of a link: then the link goes.
"""

from collections.abc import Iterable
from pathlib import Path

from engine.api.checkpoint import CheckpointKind
from engine.api.errors import EngineError, ErrorKind
from engine.checkpoints import conversion as conversions
from engine.checkpoints import copy_folders, starter
from engine.checkpoints.files import CheckpointFiles
from engine.checkpoints.library import usage
from engine.checkpoints.library.cached_rows import rows_of
from engine.checkpoints.library.listing import places_in
from engine.checkpoints.library.own_files import conversion_of, made_of, model_files
from engine.checkpoints.library.traces import Traces, traces_in
from engine.hub import cache, removal
from engine.hub.disk_use import freed_bytes
from engine.hub.download import discard, unfinished

_SHORTEST_COMMIT = 7


def delete_checkpoint(
    reference: str, revision: str, folders: Iterable[str], data_folder: Path, *, only_count: bool = False
) -> int:
    """Delete it and return the bytes freed; with only_count return what would be, and change nothing.

    revision: a commit (or its beginning), a branch or a tag of a Hub model; empty for all that is there.
    Raises EngineError: CHECKPOINT_NOT_FOUND for what is not listed, INVALID_COMMAND for the starter model and for what
    is being downloaded, DISK for what can't be deleted.
    """
    traces = traces_in(data_folder)
    if reference == starter.REFERENCE:
        raise EngineError(
            ErrorKind.INVALID_COMMAND,
            "The starter model can't be deleted: it is a part of Hearth.",
            "Delete another model to free space.",
        )
    if _is_in_cache(reference, traces):
        return _delete_cached(reference, revision, traces, only_count=only_count)
    if (hub_id := _repository_of(reference)) is not None:
        return _delete_cached_file(hub_id, Path(reference), traces, only_count=only_count)
    wanted = usage.key_of(reference)
    for place, is_file in places_in(folders):
        if reference == str(place) or wanted == str(place.parent.resolve() / place.name):
            delete = _delete_gguf if is_file else _delete_folder
            return delete(place, traces, only_count=only_count)
    raise _not_listed(reference)


def discard_download(reference: str, data_folder: Path) -> int:
    """Delete what is there of a model that is not there to the end, whoever left it so, and return the bytes freed.

    reference: a Hub id for all such revisions, or one of them behind an @. Those that are whole stay. Raises
    EngineError as delete_checkpoint does.
    """
    hub_id, _ = cache.split_revision(reference)
    if not cache.is_id(hub_id):
        raise _not_listed(reference)
    freed = discard(hub_id)
    for row in rows_of(hub_id, traces_in(data_folder), []):
        if reference in (row.reference, hub_id) and not row.is_complete:
            freed += removal.delete_revision(hub_id, row.revision)
    return freed


def _not_listed(reference: str) -> EngineError:
    return EngineError(
        ErrorKind.CHECKPOINT_NOT_FOUND,
        f"There is no model “{reference}” on this computer that could be deleted.",
        "`hearth models list` and the page of models show what there is.",
    )


def _is_in_cache(reference: str, traces: Traces) -> bool:
    hub_id, named = cache.split_revision(reference)
    if not cache.is_id(hub_id) or not cache.repository_folder(hub_id).is_dir():
        return False
    begun = [each for each in unfinished() if each.hub_id == hub_id]
    rows = [row for row in rows_of(hub_id, traces, begun) if row.kind is CheckpointKind.HUB_CACHE]
    is_listed = any(row.reference == reference for row in rows)
    return is_listed or (bool(rows) and (not named or cache.find(reference) is not None))


def _delete_cached(reference: str, revision: str, traces: Traces, *, only_count: bool) -> int:
    hub_id, named = cache.split_revision(reference)
    if named and cache.find(reference) is None:  # nothing of it is in its place yet
        return removal.parts_bytes(hub_id) if only_count else discard(hub_id)
    wanted = revision or named
    commit = _commit_of(hub_id, wanted) if wanted else ""
    is_all = not commit or removal.takes_all(hub_id, commit)
    gone = _references_of(hub_id, "" if is_all else commit, traces)
    made = sum(traces.copies.get(each, 0) for each in gone)
    if only_count:
        return made + (removal.repository_bytes(hub_id) if is_all else removal.revision_bytes(hub_id, commit))
    freed = removal.delete_revision(hub_id, commit) if commit else removal.delete_repository(hub_id)
    for each in gone:
        copy_folders.remove_of(traces.data_folder, each)
    usage.forget(traces.data_folder, *gone)
    return freed + made


def _references_of(hub_id: str, commit: str, traces: Traces) -> list[str]:
    """Return the references that copies and loads were noted under: those that mean the commit, all if it is empty."""
    known = {hub_id, *traces.copies, *traces.loads}
    own = sorted(each for each in known if cache.split_revision(each)[0] == hub_id)
    if not commit:
        return own
    return [each for each in own if (found := cache.find(each)) is not None and found.revision == commit]


def _commit_of(hub_id: str, revision: str) -> str:
    commits = [each.revision for each in cache.snapshots(hub_id)]
    named = cache.refs(hub_id).get(revision, revision)
    if named in commits:
        return named
    begun = [commit for commit in commits if len(named) >= _SHORTEST_COMMIT and commit.startswith(named)]
    if len(begun) == 1:
        return begun[0]
    raise EngineError(
        ErrorKind.CHECKPOINT_NOT_FOUND,
        f"There is no revision “{revision}” of {hub_id} on this computer.",
        f"There is {', '.join(commits)}." if commits else "Leave the revision out to delete all that is there.",
    )


def _repository_of(reference: str) -> str | None:
    """Return the Hub id of the repository in the cache that a file's path lies in, None for other places."""
    try:
        parts = Path(reference).relative_to(cache.cache_folder()).parts
    except ValueError:
        return None
    owners = [each for each in cache.repositories() if parts and cache.repository_folder(each).name == parts[0]]
    return owners[0] if owners else None


def _delete_cached_file(hub_id: str, file: Path, traces: Traces, *, only_count: bool) -> int:
    if not any(row.reference == str(file) for row in rows_of(hub_id, traces, [])):
        raise _not_listed(str(file))
    made = made_of(file, traces)
    if only_count:
        return made + removal.file_bytes(hub_id, file)
    conversion, key = conversion_of(file, traces.data_folder), usage.key_of(str(file))
    freed = removal.delete_file(hub_id, file)
    _forget_conversion(conversion, key, traces)
    return freed + made


def _delete_gguf(file: Path, traces: Traces, *, only_count: bool) -> int:
    freed = freed_bytes([file]) + made_of(file, traces)
    if only_count:
        return freed
    conversion, key = conversion_of(file, traces.data_folder), usage.key_of(str(file))
    try:
        file.unlink()
    except OSError as error:
        raise _undeletable(file.name, error) from error
    _forget_conversion(conversion, key, traces)
    return freed


def _forget_conversion(conversion: Path | None, key: str, traces: Traces) -> None:
    if conversion is not None:
        copy_folders.remove_of(traces.data_folder, str(conversion))
        conversions.discard(conversion)
    usage.forget(traces.data_folder, key)


def _delete_folder(folder: Path, traces: Traces, *, only_count: bool) -> int:
    key = usage.key_of(str(folder))
    own = [] if folder.is_symlink() else model_files(CheckpointFiles(key, folder.name, CheckpointKind.FOLDER, folder))
    freed = freed_bytes(own) + traces.copies.get(key, 0)
    if only_count:
        return freed
    try:
        if folder.is_symlink():
            folder.unlink()
        else:
            _delete_files(folder, own)
    except OSError as error:
        raise _undeletable(folder.name, error) from error
    copy_folders.remove_of(traces.data_folder, key)
    usage.forget(traces.data_folder, key)
    return freed


def _delete_files(folder: Path, own: list[Path]) -> None:
    """Delete the weights first and the configuration last: what a crash leaves is incomplete, and still listed here."""
    for path in reversed(own):
        path.unlink(missing_ok=True)
    for emptied in (*{path.parent for path in own if path.parent != folder}, folder):
        if emptied.is_dir() and not any(emptied.iterdir()):
            emptied.rmdir()


def _undeletable(name: str, error: OSError) -> EngineError:
    return EngineError(
        ErrorKind.DISK,
        f"{name} could not be deleted: {error.strerror or 'the disk failed'}.",
        "Close the programs that use it, and check that you may change the folder it lies in.",
        repr(error),
    )
