"""What a person calls a model -> the folder it lies in: `starter`, a folder, a GGUF file, or a Hub id in the cache."""

import hashlib
from pathlib import Path

from engine.api.cancellation import CancellationToken
from engine.api.checkpoint import CheckpointKind
from engine.api.errors import EngineError, ErrorKind
from engine.checkpoints import starter
from engine.checkpoints.conversion import ReportProgress, converted
from engine.checkpoints.files import CheckpointFiles, unreadable_gguf
from engine.hub import cache

_GGUF_MAGIC = b"GGUF"
_GGUF_MINIMUM_BYTES = 24
_IDENTITY_CHARACTERS = 12
_LONGEST_SHOWN = 80


def resolve(
    reference: str, data_folder: Path, cancellation: CancellationToken, report: ReportProgress
) -> CheckpointFiles:
    """Return the folder of the checkpoint, converting a GGUF file once if it is one.

    Raises EngineError (CHECKPOINT_NOT_FOUND, CHECKPOINT_INCOMPLETE, CHECKPOINT_UNSUPPORTED, DISK) and Cancelled.
    """
    files, source = locate(reference, data_folder)
    if files.kind is CheckpointKind.STARTER:
        starter.provide(data_folder, cancellation, report)
    elif source is not None:
        converted(source, files.folder, files.name, cancellation, report)
    return files


def locate(reference: str, data_folder: Path) -> tuple[CheckpointFiles, Path | None]:
    """Return where the checkpoint lies or will lie, and the GGUF file that it is to be converted from, if there is one.

    Nothing is converted. Raises EngineError (CHECKPOINT_NOT_FOUND, CHECKPOINT_UNSUPPORTED).
    """
    if reference == starter.REFERENCE:
        folder, source = starter.folder_in(data_folder), starter.source_file()
        return CheckpointFiles(reference, starter.NAME, CheckpointKind.STARTER, folder, starter.SHA256[:8]), source
    if not reference.strip():
        raise _not_found(reference)
    try:
        path = Path(reference).expanduser()
        is_folder, is_file = path.is_dir(), path.is_file()
    except (OSError, ValueError, RuntimeError):  # too long for a path, or holds a NUL
        raise _not_found(reference) from None
    if is_folder:
        folder = path.resolve()
        return CheckpointFiles(reference, folder.name or str(folder), CheckpointKind.FOLDER, folder), None
    if is_file:
        # A link gives its name: in the Hub's cache the file that it leads to is called by its hash.
        return _gguf(reference, path.name, path.resolve(), data_folder), path.resolve()
    cached = cache.find(reference)
    if cached is None:
        raise _not_found(reference)
    hub_id, revision = cache.split_revision(reference)
    name = "@".join(part for part in (hub_id.split("/")[-1], revision) if part)
    return CheckpointFiles(reference, name, CheckpointKind.HUB_CACHE, cached.folder, cached.revision), None


def _not_found(reference: str) -> EngineError:
    printable = "".join(character if character.isprintable() else "\ufffd" for character in reference)
    shown = printable if len(printable) <= _LONGEST_SHOWN else f"{printable[:_LONGEST_SHOWN]}..."
    return EngineError(
        ErrorKind.CHECKPOINT_NOT_FOUND,
        f"There is no model “{shown}” on this computer." if reference.strip() else "No model was named.",
        "Use starter, a folder with a model, a GGUF file, or the name of a model that has been downloaded.",
    )


def _gguf(reference: str, name: str, path: Path, data_folder: Path) -> CheckpointFiles:
    size = path.stat().st_size
    with path.open("rb") as stream:
        magic = stream.read(len(_GGUF_MAGIC))
    if magic != _GGUF_MAGIC or size < _GGUF_MINIMUM_BYTES:
        if name.lower().endswith(".gguf"):  # begun to be downloaded and not gone on, or something else's name
            raise unreadable_gguf(name)
        raise EngineError(
            ErrorKind.CHECKPOINT_UNSUPPORTED,
            f"{name} is not a model file that can be loaded.",
            "Choose a .gguf file, or the folder that the model's files lie in.",
        )
    stamp = f"{path}\0{size}\0{path.stat().st_mtime_ns}"
    identity = hashlib.sha256(stamp.encode("utf-8", "surrogateescape")).hexdigest()[:_IDENTITY_CHARACTERS]
    folder = data_folder / "checkpoints" / f"gguf-{identity}"
    return CheckpointFiles(reference, Path(name).stem, CheckpointKind.GGUF, folder, identity)
