"""Whether a reference leads to something on this computer, told without torch and without the network."""

from pathlib import Path

from engine.api.checkpoint import CheckpointKind
from engine.api.errors import EngineError, ErrorKind
from engine.checkpoints import starter
from engine.checkpoints.files import CheckpointFiles
from engine.checkpoints.safety import check
from engine.hub import cache

_PATH_STARTS = (".", "/", "~", "\\")


def is_local(reference: str) -> bool:
    """Return whether only this computer can answer for the reference: it is here, or it can be no name on the Hub.

    A cached checkpoint that is incomplete is not here: the Hub knows the rest of it.
    """
    if reference == starter.REFERENCE or not reference.strip():
        return True
    hub_id, _ = cache.split_revision(reference)
    if reference.startswith(_PATH_STARTS) or "\\" in reference or ":" in reference or hub_id.count("/") > 1:
        return True
    try:
        if Path(reference).exists():
            return True
    except (OSError, ValueError):
        return True
    cached = cache.find(reference)
    if cached is None:
        return False
    try:
        check(CheckpointFiles(reference, reference, CheckpointKind.HUB_CACHE, cached.folder, cached.revision))
    except EngineError as error:
        return error.report.kind is not ErrorKind.CHECKPOINT_INCOMPLETE
    return True
