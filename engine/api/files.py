"""Putting a file in another's place, for both processes."""

import sys
import time
from pathlib import Path

_PATIENCE_SECONDS = 1.0
_LOOK_SECONDS = 0.02


def replace_file(source: Path, target: Path) -> None:
    """Rename a file or folder, in place of the file of that name if there is one. Raises OSError.

    On Windows that fails while anybody has either open, as virus scanners and indexers have what was just written:
    there it is tried again for a moment.
    """
    if sys.platform == "win32":
        _replace_patiently(source, target)
    else:
        source.replace(target)


def _replace_patiently(source: Path, target: Path) -> None:
    ends = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            source.replace(target)
        except PermissionError:
            if time.monotonic() > ends:
                raise
            time.sleep(_LOOK_SECONDS)
        else:
            return
