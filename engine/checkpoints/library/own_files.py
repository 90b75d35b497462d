"""Which files on this computer are a model's own: those that Hearth knows by name, and what it made of a GGUF file."""

from pathlib import Path

from engine.api.checkpoint import CheckpointKind
from engine.api.errors import EngineError
from engine.checkpoints.files import CONFIG_NAME, INDEX_NAME, SINGLE_NAME, CheckpointFiles, listed_shards
from engine.checkpoints.library.traces import Traces
from engine.checkpoints.resolve import locate
from engine.checkpoints.safety import KNOWN_FILES
from engine.hub.disk_use import files_below, folder_bytes

# Folders that belong to a model with all that is in them.
_KNOWN_FOLDERS = ("additional_chat_templates",)


def model_files(files: CheckpointFiles) -> list[Path]:
    """Return the model's files in its folder: the configuration first, the weights last. Nothing of anybody else's.

    Links are among them as links. Files that are not there are left out.
    """
    weights = {SINGLE_NAME, *listed_shards(files)}
    names = [CONFIG_NAME, *sorted(KNOWN_FILES - {CONFIG_NAME}), INDEX_NAME, *sorted(weights)]
    found = [path for name in names if _is_entry(path := files.folder / name)]
    for name in _KNOWN_FOLDERS:
        folder = files.folder / name
        if folder.is_symlink():
            found.append(folder)
        elif folder.is_dir():
            found += [path for path in files_below(folder) if path.suffix == ".jinja"]
    return found


def conversion_of(gguf: Path, data_folder: Path) -> Path | None:
    """Return the folder that a GGUF file was converted into, None if it was not."""
    try:
        found, _ = locate(str(gguf), data_folder)
        return found.folder if found.kind is CheckpointKind.GGUF and found.folder.is_dir() else None
    except (EngineError, OSError):
        return None


def made_of(gguf: Path, traces: Traces) -> int:
    """Return the bytes of what Hearth made of a GGUF file: the conversion, and quantised copies of that."""
    folder = conversion_of(gguf, traces.data_folder)
    return 0 if folder is None else folder_bytes(folder) + traces.copies.get(str(folder), 0)


def _is_entry(path: Path) -> bool:
    try:
        return path.is_symlink() or path.is_file()
    except OSError:
        return False
