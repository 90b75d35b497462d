"""What the Hugging Face cache holds, as rows of the list: whole models, GGUF files, and what is there only in part."""

from collections.abc import Iterator
from pathlib import Path

from engine.api.checkpoint import CheckpointKind, LocalCheckpoint
from engine.api.errors import EngineError, ErrorKind
from engine.checkpoints import cached
from engine.checkpoints.cached import Judged
from engine.checkpoints.files import CONFIG_NAME, CheckpointFiles, read_json, weight_bytes_in_all
from engine.checkpoints.own_files import made_of
from engine.checkpoints.traces import Traces, used_at
from engine.hub import cache, removal
from engine.hub.disk_use import files_below
from engine.hub.download import Unfinished, unfinished

_GGUF_SUFFIX = ".gguf"
_WEIGHTS_SUFFIX = ".safetensors"
_PART_SUFFIX = ".incomplete"


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
    """Return the rows of one repository: the revision that loads, else or also what is incomplete, and GGUF files."""
    whole: Judged | None = None
    parts: list[Judged] = []
    for snapshot in cached.revisions(hub_id):
        judged = cached.judged(hub_id, snapshot)
        if judged.contents is not None:
            whole = judged
            break
        if judged.problem is ErrorKind.CHECKPOINT_INCOMPLETE:
            parts.append(judged)
    rows = [_whole(hub_id, whole, traces)] if whole is not None else []
    open_downloads = [each for each in begun if whole is None or each.commit != whole.files.revision]
    if open_downloads:
        rows.append(_unfinished(hub_id, open_downloads[-1], traces, is_beside=whole is not None))
    elif parts and (part := _left_by_others(hub_id, parts[0], traces, is_beside=whole is not None)) is not None:
        rows.append(part)
    return [*rows, *_gguf_files(hub_id, traces)]


def _whole(hub_id: str, judged: Judged, traces: Traces) -> LocalCheckpoint:
    assert judged.contents is not None
    return LocalCheckpoint(
        reference=hub_id,
        name=judged.files.name,
        kind=CheckpointKind.HUB_CACHE,
        size_bytes=judged.contents.weight_bytes,
        revision=judged.files.revision,
        architecture=str(judged.contents.config.get("model_type", "")),
        disk_bytes=_disk_bytes(hub_id, traces),
        used_at=_used_at(hub_id, traces),
        folder=str(cache.repository_folder(hub_id)),
    )


def _unfinished(hub_id: str, begun: Unfinished, traces: Traces, *, is_beside: bool) -> LocalCheckpoint:
    return LocalCheckpoint(
        reference=hub_id,
        name=hub_id.split("/")[-1],
        kind=CheckpointKind.HUB_CACHE,
        size_bytes=max(0, begun.total_bytes - begun.missing_bytes),
        revision=begun.commit,
        disk_bytes=0 if is_beside else _disk_bytes(hub_id, traces),
        used_at=0.0 if is_beside else traces.loads.get(hub_id, 0.0),
        folder=str(cache.repository_folder(hub_id)),
        total_bytes=begun.total_bytes,
        missing_bytes=max(1, begun.missing_bytes),
        wanted_revision=begun.revision,
    )


def _left_by_others(hub_id: str, judged: Judged, traces: Traces, *, is_beside: bool) -> LocalCheckpoint | None:
    """Return the row of a revision that another program left incomplete; None for one that was not to be whole.

    Programs that only want a tokenizer or a configuration fetch just that.
    """
    files = judged.files
    there = _weights_there(files)
    total = weight_bytes_in_all(files)
    if not there and not total and not _has_parts(hub_id):
        return None
    return LocalCheckpoint(
        reference=hub_id,
        name=files.name,
        kind=CheckpointKind.HUB_CACHE,
        size_bytes=there,
        revision=files.revision,
        architecture=_architecture(files),
        disk_bytes=0 if is_beside else _disk_bytes(hub_id, traces),
        used_at=0.0 if is_beside else _used_at(hub_id, traces),
        folder=str(cache.repository_folder(hub_id)),
        total_bytes=max(total, there + 1) if total else 0,
        missing_bytes=max(1, total - there),
        wanted_revision=next((name for name, commit in cache.refs(hub_id).items() if commit == files.revision), "")
        or files.revision,
    )


def _gguf_files(hub_id: str, traces: Traces) -> Iterator[LocalCheckpoint]:
    """Yield the GGUF files of a repository, each once though it may belong to several revisions."""
    seen: set[Path] = set()
    for snapshot in cached.revisions(hub_id):
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


def _disk_bytes(hub_id: str, traces: Traces) -> int:
    return removal.repository_bytes(hub_id) + traces.copies.get(hub_id, 0)


def _used_at(hub_id: str, traces: Traces) -> float:
    files = (file for snapshot in cache.snapshots(hub_id) for file in files_below(snapshot.folder))
    return max(used_at("", files, traces), traces.loads.get(hub_id, 0.0))


def _weights_there(files: CheckpointFiles) -> int:
    total = 0
    for entry in cache.entries_of(files.folder):
        if entry.name.endswith(_WEIGHTS_SUFFIX):
            try:
                total += entry.stat().st_size
            except OSError:  # a link that leads nowhere
                continue
    return total


def _has_parts(hub_id: str) -> bool:
    blobs = cache.entries_of(cache.repository_folder(hub_id) / "blobs")
    return any(entry.name.endswith(_PART_SUFFIX) for entry in blobs)


def _architecture(files: CheckpointFiles) -> str:
    try:
        config = read_json(files, CONFIG_NAME)
    except EngineError:
        return ""
    return str(config.get("model_type", "")) if isinstance(config, dict) else ""
