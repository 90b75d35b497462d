"""Replacing a small file so that a crash or a power cut leaves either the old one or the new one."""

import os
from pathlib import Path

from engine.api.files import replace_file


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside the path, flush to the disk, then take the path's place; raises OSError and leaves no debris.

    A link stays one: it may lead to where somebody keeps the settings of all programs.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.is_symlink():
        path = Path(os.path.realpath(path))
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        replace_file(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
