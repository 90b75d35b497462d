"""What the Hugging Face cache holds, as rows of the list: whole models, GGUF files, and what is there only in part."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from engine.api.checkpoint import CheckpointKind, LocalCheckpoint
from engine.api.errors import EngineError, ErrorKind
from engine.checkpoints.files import (
    CONFIG_NAME,
    CheckpointContents,
    CheckpointFiles,
    is_there,
    read_json,
    weight_bytes_in_all,
)
from engine.checkpoints.library.own_files import made_of
from engine.checkpoints.library.traces import Traces, used_at
from engine.checkpoints.safety import check
from engine.hub import cache, removal
from engine.hub.cache import CachedSnapshot
from engine.hub.disk_use import files_below
from engine.hub.download import Unfinished, unfinished

_GGUF_SUFFIX = ".gguf"
_WEIGHTS_SUFFIX = ".safetensors"
_PART_SUFFIX = ".incomplete"
_SHOWN_COMMIT = 8


@dataclass(frozen=True)
class _Judged:
    """A revision and what is wrong with it: None if it can be loaded, as contents says."""

    files: CheckpointFiles
    contents: CheckpointContents | None = None
    problem: ErrorKind | None = None


def rows_of_cache(traces: Traces) -> Iterator[LocalCheckpoint]:
    """Yield the rows of all repositories; one that can't be read has none."""
    begun: dict[str, list[Unfinished]] = {}
    for each in unfinished():
        begun.setdefault(each.hub_id, []).append(each)
    for hub_id in cache.repositories():
        try:
            yield from rows_of(hub_id, traces, begun.get(hub_id, []))
        except (OSError, ValueError):  # gone meanwhile, or not to be looked into
            continue


def rows_of(hub_id: str, traces: Traces, begun: list[Unfinished]) -> list[LocalCheckpoint]:
    """Return the rows of one repository.

    The id alone stands for what loading it takes. A further revision has a row if a branch or tag names it, if it has
    weights of its own, or if the id alone leads to nothing whole. A download that was begun has one, also beside an
    older revision that is whole.
    """
    rows = [_row(judged, traces) for judged in _wanted(hub_id)]
    known = {row.revision for row in rows if row is not None and row.is_complete}
    waiting = [_unfinished(each, traces) for each in begun if each.commit not in known]
    taken = {row.reference for row in waiting}
    kept = [row for row in rows if row is not None and (row.is_complete or row.reference not in taken)]
    return [*kept, *waiting, *_gguf_files(hub_id, traces)]


def _wanted(hub_id: str) -> Iterator[_Judged]:
    plain = cache.find(hub_id)
    first = _judged(hub_id, plain) if plain is not None else None
    if first is not None:
        yield first
    loads = first is not None and first.contents is not None
    names = {commit: name for name, commit in cache.refs(hub_id).items() if cache.is_usable_revision(name)}
    for snapshot in cache.snapshots(hub_id):
        if plain is not None and snapshot.revision == plain.revision:
            continue
        if snapshot.revision in names or not loads or _weights(snapshot) != _weights(plain):
            yield _judged(f"{hub_id}@{names.get(snapshot.revision, snapshot.revision)}", snapshot)


def _weights(snapshot: CachedSnapshot | None) -> set[Path]:
    """Return the files that a revision's weights lie in: an update often leaves them as they were."""
    entries = cache.entries_of(snapshot.folder) if snapshot is not None else []
    return {Path(entry.path).resolve() for entry in entries if entry.name.endswith(_WEIGHTS_SUFFIX)}


def _judged(reference: str, snapshot: CachedSnapshot) -> _Judged:
    hub_id, revision = cache.split_revision(reference)
    shown = revision[:_SHOWN_COMMIT] if revision == snapshot.revision else revision
    name = "@".join(part for part in (hub_id.split("/")[-1], shown) if part)
    files = CheckpointFiles(reference, name, CheckpointKind.HUB_CACHE, snapshot.folder, snapshot.revision)
    try:
        return _Judged(files, check(files))
    except EngineError as error:
        return _Judged(files, problem=error.report.kind)
    except (OSError, ValueError):
        return _Judged(files, problem=ErrorKind.DISK)


def _row(judged: _Judged, traces: Traces) -> LocalCheckpoint | None:
    """Return the row of a revision, None for one that is no chat model or was never meant to be whole.

    Programs that only want a tokenizer or a configuration fetch just that.
    """
    files, contents = judged.files, judged.contents
    row = LocalCheckpoint(
        reference=files.reference,
        name=files.name,
        kind=files.kind,
        size_bytes=contents.weight_bytes if contents is not None else _weights_there(files),
        revision=files.revision,
        architecture=_architecture(files),
        disk_bytes=_disk_bytes(files, traces),
        used_at=_used_at(files, traces),
        folder=str(cache.repository_folder(cache.split_revision(files.reference)[0])),
    )
    if contents is not None:
        return row
    total = weight_bytes_in_all(files)
    was_meant = total or row.size_bytes or _has_parts(files)
    if judged.problem is not ErrorKind.CHECKPOINT_INCOMPLETE or not was_meant:
        return None
    return msgspec.structs.replace(
        row,
        total_bytes=max(total, row.size_bytes + 1) if total else 0,
        missing_bytes=max(1, total - row.size_bytes),
        wanted_revision=_wanted_revision(files),
    )


def _wanted_revision(files: CheckpointFiles) -> str:
    hub_id, revision = cache.split_revision(files.reference)
    found = cache.refs(hub_id)
    if revision or found.get(cache.MAIN) == files.revision:
        return revision or cache.MAIN
    return next((name for name, commit in found.items() if commit == files.revision), files.revision)


def _unfinished(begun: Unfinished, traces: Traces) -> LocalCheckpoint:
    is_main = begun.revision in ("", cache.MAIN)
    reference = begun.hub_id if is_main else f"{begun.hub_id}@{begun.revision}"
    return LocalCheckpoint(
        reference=reference,
        name=reference.split("/")[-1],
        kind=CheckpointKind.HUB_CACHE,
        size_bytes=max(0, begun.total_bytes - begun.missing_bytes),
        revision=begun.commit,
        disk_bytes=removal.parts_bytes(begun.hub_id),
        used_at=traces.loads.get(reference, 0.0),
        folder=str(cache.repository_folder(begun.hub_id)),
        total_bytes=begun.total_bytes,
        missing_bytes=max(1, begun.missing_bytes),
        wanted_revision=begun.revision,
    )


def _gguf_files(hub_id: str, traces: Traces) -> Iterator[LocalCheckpoint]:
    """Yield the GGUF files of a repository, each once though it may belong to several revisions."""
    seen: set[Path] = set()
    for snapshot in cache.snapshots(hub_id):
        for path in sorted(files_below(snapshot.folder)):
            if not path.name.lower().endswith(_GGUF_SUFFIX) or not path.is_file() or path.resolve() in seen:
                continue
            seen.add(path.resolve())
            yield LocalCheckpoint(
                reference=str(path),
                name=path.stem,
                kind=CheckpointKind.GGUF,
                size_bytes=path.stat().st_size,
                revision=snapshot.revision,
                disk_bytes=removal.file_bytes(hub_id, path) + made_of(path, traces),
                used_at=used_at(str(path), [path], traces),
                folder=str(path.parent),
            )


def _disk_bytes(files: CheckpointFiles, traces: Traces) -> int:
    hub_id, revision = cache.split_revision(files.reference)
    copies = copies_of(files.reference, traces)
    if revision:
        return removal.revision_bytes(hub_id, files.revision) + copies
    return removal.repository_bytes(hub_id) + copies


def copies_of(reference: str, traces: Traces) -> int:
    """Return the bytes of the quantised copies that go with a reference; with an id alone go those of all revisions."""
    hub_id, revision = cache.split_revision(reference)
    if revision:
        return traces.copies.get(reference, 0)
    return sum(size for place, size in traces.copies.items() if cache.split_revision(place)[0] == hub_id)


def _used_at(files: CheckpointFiles, traces: Traces) -> float:
    return max(used_at("", files_below(files.folder), traces), traces.loads.get(files.reference, 0.0))


def _weights_there(files: CheckpointFiles) -> int:
    total = 0
    for entry in cache.entries_of(files.folder):
        if entry.name.endswith(_WEIGHTS_SUFFIX):
            try:
                total += entry.stat().st_size
            except OSError:  # a link that leads nowhere
                continue
    return total


def _has_parts(files: CheckpointFiles) -> bool:
    hub_id, _ = cache.split_revision(files.reference)
    blobs = cache.entries_of(cache.repository_folder(hub_id) / "blobs")
    return any(entry.name.endswith(_PART_SUFFIX) for entry in blobs)


def _architecture(files: CheckpointFiles) -> str:
    try:
        config = read_json(files, CONFIG_NAME) if is_there(files, CONFIG_NAME) else None
    except EngineError:
        return ""
    return str(config.get("model_type", "")) if isinstance(config, dict) else ""
