"""GGUF file -> folder with bf16 safetensors, tokenizer and configuration, made once and then loaded like any other.

Owns folders below `<data folder>/checkpoints`. A conversion happens in a folder of its own that is renamed when it
is complete: a killed conversion leaves nothing that could be taken for a checkpoint, and two processes at once
each convert, and the second one drops its copy.
"""

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil

from engine.api.cancellation import CancellationToken
from engine.api.errors import EngineError, ErrorKind
from engine.api.events import LoadPhase
from engine.api.files import replace_file, sync_file

RECORD_NAME = "hearth.json"
_TEMPORARY_PREFIX = ".converting-"
_STEPS = 1000
_CLOCK_SLACK_SECONDS = 2.0

ReportProgress = Callable[[LoadPhase, int, int], None]


def is_complete(folder: Path) -> bool:
    """Return whether the folder holds a finished conversion: every file of its record with its size."""
    try:
        sizes = json.loads((folder / RECORD_NAME).read_text(encoding="utf-8"))["sizes"]
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def converted(source: Path, target: Path, name: str, cancellation: CancellationToken, report: ReportProgress) -> Path:
    """Return target, converting the GGUF file into it first if that has not been done yet.

    name goes into the configuration. Raises EngineError (DISK, CHECKPOINT_INCOMPLETE, CHECKPOINT_UNSUPPORTED) and
    Cancelled.
    """
    if is_complete(target):
        return target
    try:
        temporary = temporary_folder(target.parent)
    except OSError as error:
        raise _disk_error(error) from error
    try:
        _convert(source, temporary, name, cancellation, report)
        put_in_place(temporary, target)
    except OSError as error:
        raise _disk_error(error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    report(LoadPhase.CONVERTING, _STEPS, _STEPS)
    return target


def discard(folder: Path) -> None:
    """Remove a folder that turned out to be damaged, so that the next load makes it anew; what can't be removed stays.

    The record goes first: what is left of a folder in use (Windows) is then no complete one any more.
    """
    with contextlib.suppress(OSError):
        (folder / RECORD_NAME).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _disk_error(error: OSError) -> EngineError:
    return EngineError(
        ErrorKind.DISK,
        f"The model could not be prepared on disk: {error.strerror or 'the disk failed'}.",
        "Free some space or check that the data folder can be written, then try again.",
        str(error),
    )


def temporary_folder(parent: Path) -> Path:
    """Return a new folder in parent, named as this process's; those of processes that have died are removed.

    Raises OSError.
    """
    parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(parent)
    temporary = parent / f"{_TEMPORARY_PREFIX}{os.getpid()}-{uuid.uuid4().hex[:8]}"
    temporary.mkdir()
    return temporary


def is_temporary(folder: Path) -> bool:
    """Return whether the folder is one that a process is filling, or was when it died."""
    return folder.name.startswith(_TEMPORARY_PREFIX)


def put_in_place(temporary: Path, target: Path) -> None:
    """Rename a complete folder, unless another process has been faster. Raises OSError.

    Its files are brought to the disk first: a power cut could leave zeros in weights whose names and sizes are right.
    """
    for path in temporary.iterdir():
        with path.open("rb+") as file:  # Windows syncs only what may be written
            sync_file(file.fileno())
    if target.exists() and not is_complete(target):
        shutil.rmtree(target)
    try:
        replace_file(temporary, target)
    except OSError:
        if not is_complete(target):  # else another process was faster, and its copy is as good
            raise


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{_TEMPORARY_PREFIX}*"):
        owner = folder.name.removeprefix(_TEMPORARY_PREFIX).split("-")[0]
        if not (owner.isdigit() and _is_filling(int(owner), folder)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_filling(process_id: int, folder: Path) -> bool:
    try:
        # Ids are used again (in a container the same one at each start): the owner is older than its folder.
        return bool(psutil.Process(process_id).create_time() <= folder.stat().st_mtime + _CLOCK_SLACK_SECONDS)
    except psutil.AccessDenied:
        return True
    except (OSError, psutil.Error):
        return False


def _convert(source: Path, folder: Path, name: str, cancellation: CancellationToken, report: ReportProgress) -> None:
    # Imported here: listing checkpoints must not wait for torch.
    from engine.checkpoints import gguf

    def tell(share: float) -> None:
        cancellation.raise_if_cancelled()
        report(LoadPhase.CONVERTING, int(share * _STEPS), _STEPS)

    gguf.convert(source, folder, name, tell)
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    # Two conversions of one file need not be equal: the program that makes them changes.
    record = json.dumps({"source": source.name, "sizes": sizes, "made": uuid.uuid4().hex}, indent=1)
    (folder / RECORD_NAME).write_text(record, encoding="utf-8")
