"""The downloads that were under way when Hearth closed; a bad file is simply not there. Owns one small file."""

import logging
from collections.abc import Iterable
from pathlib import Path

import msgspec

from app.settings.atomic import write_atomically

_MAXIMUM_FILE_BYTES = 1_000_000
_log = logging.getLogger(__name__)


class UnfinishedDownload(msgspec.Struct, frozen=True):
    """One download; is_paused: the user paused it, so it is not gone on with by itself."""

    hub_id: str
    revision: str = "main"
    is_paused: bool = False


def load_downloads(path: Path) -> tuple[UnfinishedDownload, ...]:
    """Return what was saved, nothing if there is nothing usable."""
    try:
        if not path.is_file() or path.stat().st_size > _MAXIMUM_FILE_BYTES:
            return ()
        return msgspec.json.decode(path.read_bytes(), type=tuple[UnfinishedDownload, ...])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        _log.info("the list of downloads was ignored: %s", type(error).__name__)
        return ()


def save_downloads(path: Path, downloads: Iterable[UnfinishedDownload]) -> None:
    """Keep the list if that is possible."""
    try:
        write_atomically(path, msgspec.json.encode(list(downloads)))
    except OSError as error:
        _log.warning("the list of downloads could not be saved: %s", error.strerror)
