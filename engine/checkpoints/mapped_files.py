"""The files that a loaded model's weights are still read from: what changes in them changes the model.

On a CPU weights stay where they lie, mapped from their file. A file that is replaced by another leaves the old one
mapped; one that is written to or cut gives other numbers from then on, or ends the process.
"""

from collections.abc import Mapping
from pathlib import Path

_SUFFIX = ".safetensors"
_MAPS = Path("/proc/self/maps")
_FIELDS_BEFORE_NAME = 5
_Stamp = tuple[int, int, int, int]


class MappedFiles:
    """Files as they were when they were mapped. Where the system doesn't list them (it is no Linux), there are none."""

    def __init__(self, stamps: Mapping[Path, _Stamp]) -> None:
        self._stamps = dict(stamps)

    @classmethod
    def of_this_process(cls) -> "MappedFiles":
        """Return those that are mapped now."""
        found = ((path, _stamp(path)) for path in _mapped())
        return cls({path: stamp for path, stamp in found if stamp is not None})

    def __bool__(self) -> bool:
        return bool(self._stamps)

    def changed(self) -> Path | None:
        """Return a file that was written to since. One that has gone, or was replaced, is still as it was in memory."""
        for path, (device, number, size, written_at) in self._stamps.items():
            now = _stamp(path)
            if now is not None and now[:2] == (device, number) and now[2:] != (size, written_at):
                return path
        return None


def _mapped() -> set[Path]:
    try:
        lines = _MAPS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return set()
    names = (line.split(maxsplit=_FIELDS_BEFORE_NAME)[_FIELDS_BEFORE_NAME:] for line in lines)
    return {Path(name[0]) for name in names if name and name[0].endswith(_SUFFIX)}


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
