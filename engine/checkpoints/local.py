"""What is usable on this computer: the starter model, the Hugging Face cache, and folders the user named.

Reads configurations and headers only; neither torch nor transformers is needed, so that a list takes no seconds.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from engine.api.checkpoint import CheckpointKind, LocalCheckpoint
from engine.api.errors import EngineError
from engine.checkpoints import starter
from engine.checkpoints.files import CheckpointFiles
from engine.checkpoints.safety import check
from engine.hub import cache

_DEEPEST_FOLDER = 2
_MOST_FOLDERS = 2_000


def list_checkpoints(data_folder: Path, folders: Iterable[str] = ()) -> tuple[LocalCheckpoint, ...]:
    """Return the checkpoints that load() would take, the starter model first, then by name."""
    found: dict[str, LocalCheckpoint] = {}
    for checkpoint in (*_cached(), *_in_folders(folders)):
        found.setdefault(checkpoint.reference, checkpoint)
    others = sorted(found.values(), key=lambda checkpoint: (checkpoint.name.casefold(), checkpoint.reference))
    return (*_starter(data_folder), *others)


def _starter(data_folder: Path) -> Iterator[LocalCheckpoint]:
    if starter.is_available(data_folder):
        yield LocalCheckpoint(
            reference=starter.REFERENCE,
            name=starter.NAME,
            kind=CheckpointKind.STARTER,
            size_bytes=starter.SIZE_BYTES,
            revision=starter.SHA256[:8],
            architecture="llama",
        )


def _cached() -> Iterator[LocalCheckpoint]:
    for hub_id in cache.repositories():
        snapshot = cache.find(hub_id)
        if snapshot is not None:
            name = hub_id.split("/")[-1]
            files = CheckpointFiles(hub_id, name, CheckpointKind.HUB_CACHE, snapshot.folder, snapshot.revision)
            yield from _usable(files)


def _in_folders(folders: Iterable[str]) -> Iterator[LocalCheckpoint]:
    for text in folders:
        try:
            folder = Path(text).expanduser().resolve()
            places = list(_walk(folder))
        except (OSError, ValueError, RuntimeError):
            continue
        for place in places:
            if place.suffix == ".gguf":
                yield _gguf(place)
            else:
                yield from _usable(CheckpointFiles(str(place), place.name, CheckpointKind.FOLDER, place))


def _walk(folder: Path) -> Iterator[Path]:
    """Yield folders with a config.json and GGUF files, down to two levels below (as `publisher/model`)."""
    waiting = [(folder, 0)]
    for _ in range(_MOST_FOLDERS):
        if not waiting:
            return
        current, depth = waiting.pop(0)
        if (current / "config.json").is_file():
            yield current
            continue
        try:
            entries = sorted(current.iterdir())
        except OSError:
            continue
        yield from (entry for entry in entries if entry.suffix == ".gguf" and entry.is_file())
        if depth < _DEEPEST_FOLDER:
            waiting += [(entry, depth + 1) for entry in entries if entry.is_dir() and not entry.name.startswith(".")]


def _gguf(path: Path) -> LocalCheckpoint:
    size = path.stat().st_size
    return LocalCheckpoint(reference=str(path), name=path.stem, kind=CheckpointKind.GGUF, size_bytes=size)


def _usable(files: CheckpointFiles) -> Iterator[LocalCheckpoint]:
    try:
        contents = check(files)
    except (EngineError, OSError):
        return
    yield LocalCheckpoint(
        reference=files.reference,
        name=files.name,
        kind=files.kind,
        size_bytes=contents.weight_bytes,
        revision=files.revision,
        architecture=str(contents.config.get("model_type", "")),
    )
