"""Where the window was and what it showed: convenient, never important, so a bad file is simply not there."""

import logging
from pathlib import Path
from typing import Annotated

import msgspec

from app.settings.atomic import write_atomically

_MAXIMUM_FILE_BYTES = 100_000
_Pixels = Annotated[int, msgspec.Meta(ge=-100_000, le=100_000)]
_log = logging.getLogger(__name__)


class WindowState(msgspec.Struct, frozen=True, kw_only=True):
    """geometry is what QWidget.saveGeometry() gave; empty means never saved. place: left, top, width and height.

    first_start_done: something was chosen on the page of the first start; None: an earlier version saved this.
    unfinished_import, unfinished_export: names of files that were being read or written when the window was closed.
    """

    geometry: bytes = b""
    place: tuple[_Pixels, _Pixels, _Pixels, _Pixels] | None = None
    sidebar_width: Annotated[int, msgspec.Meta(ge=0, le=10_000)] | None = None
    sidebar_shown: bool = True
    last_conversation_id: str | None = None
    first_start_done: bool | None = None
    unfinished_import: tuple[str, ...] = ()
    unfinished_export: str = ""

    @property
    def is_first_start(self) -> bool:
        """Whether nothing was chosen yet on the page of the first start."""
        return not (self.geometry if self.first_start_done is None else self.first_start_done)


def load_window_state(path: Path) -> WindowState:
    """Return what was saved, or the default if there is nothing usable."""
    try:
        if not path.is_file() or path.stat().st_size > _MAXIMUM_FILE_BYTES:
            return WindowState()
        return msgspec.json.decode(path.read_bytes(), type=WindowState)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        _log.info("window state ignored: %s", type(error).__name__)
        return WindowState()


def save_window_state(path: Path, state: WindowState) -> None:
    """Keep it if that is possible."""
    try:
        write_atomically(path, msgspec.json.encode(state))
    except OSError as error:
        _log.info("window state not saved: %s", error.strerror)
