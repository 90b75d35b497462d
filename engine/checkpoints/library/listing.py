"""What is on this computer: the starter model, the Hugging Face cache, and folders the user named.

Reads configurations and headers only; neither torch nor transformers is needed, so that a list takes no seconds.
Whatever lies there broken is passed over, and hides nothing else.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from engine.api.checkpoint import CheckpointKind, LocalCheckpoint
from engine.api.errors import EngineError
from engine.checkpoints import starter
from engine.checkpoints.files import CheckpointFiles
from engine.checkpoints.library.cached_rows import rows_of_cache
from engine.checkpoints.library.own_files import made_of, model_files
from engine.checkpoints.library.traces import Traces, traces_in, used_at
from engine.checkpoints.safety import check
from engine.hub.cache import entries_of, is_folder
from engine.hub.disk_use import freed_bytes

_DEEPEST_FOLDER = 2
_MOST_FOLDERS = 2_000
_GGUF_SUFFIX = ".gguf"


def list_checkpoints(data_folder: Path, folders: Iterable[str] = ()) -> tuple[LocalCheckpoint, ...]:
    """Return what is there whole or in part, the starter model first, then by name.

    A repository of which one revision is whole and another is not has two rows, the whole one first.
    """
    traces = traces_in(data_folder)
    found: dict[tuple[str, bool], LocalCheckpoint] = {}
    for checkpoint in (*rows_of_cache(traces), *_in_folders(folders, traces)):
        found.setdefault((checkpoint.reference, checkpoint.is_complete), checkpoint)
    others = sorted(found.values(), key=lambda each: (each.name.casefold(), each.reference, not each.is_complete))
    return (*_starter(traces), *others)


def _starter(traces: Traces) -> Iterator[LocalCheckpoint]:
    if not starter.is_available(traces.data_folder):
        return
    folder, source = starter.folder_in(traces.data_folder), starter.source_file()
    yield LocalCheckpoint(
        reference=starter.REFERENCE,
        name=starter.NAME,
        kind=CheckpointKind.STARTER,
        size_bytes=starter.SIZE_BYTES,
        revision=starter.SHA256[:8],
        architecture="llama",
        used_at=traces.loads.get(starter.REFERENCE, 0.0),
        folder=str(source.parent if source is not None else folder),
    )


def _in_folders(folders: Iterable[str], traces: Traces) -> Iterator[LocalCheckpoint]:
    for place, is_file in places_in(folders):
        try:
            yield from _gguf(place, traces) if is_file else _folder(place, traces)
        except (OSError, ValueError):  # gone meanwhile, or not to be looked into
            continue


def places_in(folders: Iterable[str]) -> Iterator[tuple[Path, bool]]:
    """Yield folders with a config.json, and GGUF files (True), down to two levels below (as `publisher/model`).

    One of the folders may be such a file itself. Links are not followed in their names: what is loaded bears the name
    that it was opened by.
    """
    for text in folders:
        try:
            folder = Path(text).expanduser().absolute()
            is_there = folder.exists()
        except (OSError, ValueError, RuntimeError):
            continue
        if is_there:
            yield from _walk(folder)


def _walk(folder: Path) -> Iterator[tuple[Path, bool]]:
    if _is_gguf(folder):
        yield folder, True
        return
    waiting = [(folder, 0)]
    for _ in range(_MOST_FOLDERS):
        if not waiting:
            return
        current, depth = waiting.pop(0)
        entries = entries_of(current)
        is_model = any(entry.name == "config.json" and not is_folder(entry) for entry in entries)
        if is_model:
            yield current, False
        for entry in entries:
            if is_folder(entry):
                if depth < _DEEPEST_FOLDER and not is_model and not entry.name.startswith("."):
                    waiting.append((Path(entry.path), depth + 1))
            elif _is_gguf(Path(entry.path)):
                yield Path(entry.path), True


def _is_gguf(path: Path) -> bool:
    try:
        return path.name.lower().endswith(_GGUF_SUFFIX) and path.is_file()
    except OSError:
        return False


def _gguf(path: Path, traces: Traces) -> Iterator[LocalCheckpoint]:
    yield LocalCheckpoint(
        reference=str(path),
        name=path.stem,
        kind=CheckpointKind.GGUF,
        size_bytes=path.stat().st_size,
        disk_bytes=freed_bytes([path]) + made_of(path, traces),
        used_at=used_at(str(path), [path], traces),
        folder=str(path.parent),
    )


def _folder(place: Path, traces: Traces) -> Iterator[LocalCheckpoint]:
    files = CheckpointFiles(str(place), place.name, CheckpointKind.FOLDER, place)
    try:
        contents = check(files)
    except EngineError:
        return
    own = model_files(files)
    yield LocalCheckpoint(
        reference=files.reference,
        name=files.name,
        kind=files.kind,
        size_bytes=contents.weight_bytes,
        architecture=str(contents.config.get("model_type", "")),
        disk_bytes=(0 if place.is_symlink() else freed_bytes(own)) + traces.copies.get(str(place.resolve()), 0),
        used_at=used_at(files.reference, own, traces),
        folder=str(place),
    )
