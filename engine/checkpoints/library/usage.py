"""When each checkpoint was last loaded here. Owns `<data folder>/usage.json`; losing it costs nothing but the dates."""

import contextlib
import json
import logging
import os
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

from engine.checkpoints import starter

FILE_NAME = "usage.json"
_MOST_ENTRIES = 2_000
_LARGEST_FILE_BYTES = 4 * 2**20

_log = logging.getLogger(__name__)


def note_load(data_folder: Path, *references: str) -> None:
    """Note that these were loaded just now; empty ones are passed over. Never raises."""
    now = time.time()
    _change(data_folder, {key_of(reference): now for reference in references if reference.strip()}, ())


def forget(data_folder: Path, *references: str) -> None:
    """Forget when these were loaded. Never raises."""
    _change(data_folder, {}, tuple(key_of(reference) for reference in references))


def last_loads(data_folder: Path) -> Mapping[str, float]:
    """Return key_of(reference) -> seconds since the epoch; empty if nothing can be read."""
    path = data_folder / FILE_NAME
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST_FILE_BYTES:
            return {}
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {str(key): float(at) for key, at in content.items() if isinstance(at, int | float) and 0 <= at < 2**40}


def key_of(reference: str) -> str:
    """Return the name that every way of writing a reference has in common: paths are absolute, without links."""
    if reference == starter.REFERENCE:
        return reference
    try:
        path = Path(reference).expanduser()
        return str(path.resolve()) if path.exists() else reference
    except (OSError, ValueError, RuntimeError):
        return reference


def _change(data_folder: Path, loaded: Mapping[str, float], forgotten: tuple[str, ...]) -> None:
    temporary = data_folder / f".{FILE_NAME}.{os.getpid()}-{uuid.uuid4().hex[:8]}"
    before = last_loads(data_folder)
    content = {key: at for key, at in ({**before, **loaded}).items() if key not in forgotten}
    if content == before:
        return
    newest = sorted(content.items(), key=lambda item: item[1], reverse=True)[:_MOST_ENTRIES]
    try:
        temporary.write_text(json.dumps(dict(newest), indent=1), encoding="utf-8", errors="surrogateescape")
        temporary.replace(data_folder / FILE_NAME)
    except (OSError, ValueError) as error:  # a data folder that can't be written is no reason not to answer
        _log.warning("what was used when could not be noted: %s", error)
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
