"""What the Hub told about checkpoints that are to be planned, on its way from the lookup lane to the compute lane."""

import threading
from typing import TYPE_CHECKING

from engine.api.errors import EngineError

if TYPE_CHECKING:  # the engine starts without waiting for the Hub's library
    from engine.checkpoints.remote_files import RemoteFiles, RemoteShape

_MOST_KEPT = 256  # more than the plans of one page of results


def draft_key(command_id: str) -> str:
    """Return the key of what was found for the command's draft model."""
    return f"{command_id}/draft"


class Lookups:
    """Findings by command id (or draft_key), or why there are none. Any thread; the oldest go if nobody takes them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, RemoteFiles | RemoteShape | EngineError] = {}

    def put(self, command_id: str, found: "RemoteFiles | RemoteShape | EngineError") -> None:
        """Keep what was found for the command."""
        with self._lock:
            self._found[command_id] = found
            while len(self._found) > _MOST_KEPT:
                del self._found[next(iter(self._found))]

    def take(self, command_id: str) -> "RemoteFiles | RemoteShape | EngineError | None":
        """Return what was found for the command and forget it; None if nothing was looked up."""
        with self._lock:
            return self._found.pop(command_id, None)
