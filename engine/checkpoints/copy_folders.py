"""Where quantised copies lie: folders of known content below `<data folder>/quantized`, under a cap of bytes.

Owns that folder. A copy is filled in a folder of its own and renamed when it is complete; the one that was not used
for longest goes first when there is no room. A copy is never needed: whatever is wrong with one, it is removed and
made anew from the original. Neither torch nor transformers is needed here.
"""

import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.checkpoints.conversion import (
    RECORD_NAME,
    discard,
    is_complete,
    is_temporary,
    put_in_place,
    temporary_folder,
)

FOLDER_NAME = "quantized"
_LARGEST_CAP_BYTES = 30 * 2**30
_SHARE_OF_DISK = 4
_LEFT_FREE_BYTES = 5 * 2**30
_LEFT_FREE_SHARE = 10
# In the source of a copy, between the original and how it was packed.
_AS = " as "
# What is compared of a file: its beginning (with the header) and some pages, as a power cut may leave pages of zeros.
_BEGINNING_BYTES = 256 * 2**10
_PAGE_BYTES = 4096
_PAGES = 8

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Copy:
    folder: Path
    size_bytes: int
    last_used_ns: int
    source: str


def find(data_folder: Path, name: str) -> Path | None:
    """Return the folder of the copy if it is as it was written, and note that it is used; else remove what is there."""
    folder = data_folder / FOLDER_NAME / name
    if not folder.is_dir():
        return None
    if not (is_complete(folder) and _is_unchanged(folder)):
        _log.warning("the quantised copy %s is damaged; it is made anew", name)
        discard(folder)
        return None
    _note_use(folder)
    return folder


def add(
    data_folder: Path,
    name: str,
    source: str,
    wanted_bytes: int,
    fill: Callable[[Path], None],
    cap_bytes: int | None = None,
) -> bool:
    """Have fill write the copy into a folder and keep it; return False, without filling, if there is no room for it.

    source: what the copy is of; an older copy of the same source is removed. wanted_bytes: what fill will write.
    cap_bytes: for all copies together, see default_cap_bytes. Raises OSError and whatever fill raises; then and
    after False nothing of the copy is left.
    """
    parent = data_folder / FOLDER_NAME
    temporary = temporary_folder(parent)
    try:
        cap = default_cap_bytes(data_folder) if cap_bytes is None else cap_bytes
        _remove_superseded(parent, name, source)
        if not _make_room(parent, wanted_bytes, cap):
            return False
        fill(temporary)
        _write_record(temporary, source)
        written = _bytes_in(temporary)
        if written > wanted_bytes and not _make_room(parent, written, cap, besides=temporary):
            return False
        put_in_place(temporary, parent / name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return True


def used_bytes(data_folder: Path) -> int:
    """Return what all copies take, unfinished ones included; 0 if there are none or they can't be read."""
    return sum(_bytes_in(folder) for folder in _folders(data_folder / FOLDER_NAME))


def bytes_by_place(data_folder: Path) -> dict[str, int]:
    """Return what the copies of each original take: by Hub id, or by the path of its folder."""
    found: dict[str, int] = {}
    for folder in _folders(data_folder / FOLDER_NAME):
        if place := _place_of(folder):
            found[place] = found.get(place, 0) + _bytes_in(folder)
    return found


def remove_of(data_folder: Path, place: str) -> None:
    """Remove the copies of an original, in any precision; place as bytes_by_place gives it."""
    for folder in _folders(data_folder / FOLDER_NAME):
        if _place_of(folder) == place:
            discard(folder)


def _place_of(folder: Path) -> str:
    """Return what a folder holds a copy of, empty if it holds none (yet)."""
    if is_temporary(folder):
        return ""
    try:
        source = json.loads((folder / RECORD_NAME).read_text(encoding="utf-8"))["source"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return str(source).rpartition(_AS)[0]  # the words behind it hold no further one, a folder's name may


def clear(data_folder: Path) -> int:
    """Remove all copies but those that are being written now, and return the bytes that this freed."""
    before = used_bytes(data_folder)
    for folder in _folders(data_folder / FOLDER_NAME):
        if not is_temporary(folder):
            discard(folder)
    return before - used_bytes(data_folder)


def default_cap_bytes(data_folder: Path) -> int:
    """Return the cap where none was chosen: a quarter of what the disk would have free without copies, 30 GiB at most.

    Copies count as free, or each one would shrink the cap for the next and push out the others. Raises OSError.
    """
    free = shutil.disk_usage(data_folder).free + used_bytes(data_folder)
    return min(_LARGEST_CAP_BYTES, free // _SHARE_OF_DISK)


def fingerprint(path: Path) -> str:
    """Return a digest of the file's size, its beginning and some pages, the last one among them. Raises OSError.

    It takes milliseconds for any size. Files up to 256 KiB are read whole.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as stream:
        digest.update(stream.read(_BEGINNING_BYTES))
        rest = size - _BEGINNING_BYTES
        for number in range(1, _PAGES + 1) if rest > 0 else ():
            stream.seek(max(_BEGINNING_BYTES, _BEGINNING_BYTES + rest * number // _PAGES - _PAGE_BYTES))
            digest.update(stream.read(_PAGE_BYTES))
    return digest.hexdigest()


def _is_unchanged(folder: Path) -> bool:
    try:
        prints = json.loads((folder / RECORD_NAME).read_text(encoding="utf-8"))["fingerprints"]
        return all(fingerprint(folder / name) == expected for name, expected in prints.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _write_record(folder: Path, source: str) -> None:
    paths = [path for path in sorted(folder.iterdir()) if path.is_file()]
    record = {
        "source": source,
        "sizes": {path.name: path.stat().st_size for path in paths},
        "fingerprints": {path.name: fingerprint(path) for path in paths},
    }
    (folder / RECORD_NAME).write_text(json.dumps(record, indent=1), encoding="utf-8")
    _note_use(folder)


def _note_use(folder: Path) -> None:
    now = time.time_ns()
    try:
        os.utime(folder / RECORD_NAME, ns=(now, now))
    except OSError as error:  # a data folder that can't be written is no reason not to use what is in it
        _log.debug("the use of %s could not be noted: %s", folder.name, error)


def _make_room(parent: Path, wanted_bytes: int, cap_bytes: int, besides: Path | None = None) -> bool:
    """Remove the copies not used for longest until one of wanted_bytes fits; return whether it does."""
    if wanted_bytes > cap_bytes:
        return False
    copies = sorted(_copies(parent), key=lambda copy: copy.last_used_ns)
    used = sum(_bytes_in(folder) for folder in _folders(parent) if folder != besides)
    for copy in copies:
        if used + wanted_bytes <= cap_bytes:
            break
        _log.info("the quantised copy %s is removed to make room", copy.folder.name)
        discard(copy.folder)
        used -= copy.size_bytes - _bytes_in(copy.folder)  # on Windows a file that is in use stays
    disk = shutil.disk_usage(parent)
    free = disk.free + (_bytes_in(besides) if besides else 0)
    left_free = min(_LEFT_FREE_BYTES, disk.total // _LEFT_FREE_SHARE)
    return used + wanted_bytes <= cap_bytes and free - wanted_bytes >= left_free


def _remove_superseded(parent: Path, name: str, source: str) -> None:
    for copy in _copies(parent):
        if copy.source == source and copy.folder.name != name:
            _log.info("the quantised copy %s is of an older version and is removed", copy.folder.name)
            discard(copy.folder)


def _copies(parent: Path) -> Iterator[_Copy]:
    """Yield complete copies; what is none and isn't being written is removed."""
    for folder in _folders(parent):
        if is_temporary(folder):
            continue
        try:
            record = folder / RECORD_NAME
            source = str(json.loads(record.read_text(encoding="utf-8"))["source"])
            yield _Copy(folder, _bytes_in(folder), record.stat().st_mtime_ns, source)
        except (OSError, ValueError, KeyError, TypeError):
            discard(folder)


def _folders(parent: Path) -> list[Path]:
    try:
        return sorted(path for path in parent.iterdir() if path.is_dir() and not path.is_symlink())
    except OSError:
        return []


def _bytes_in(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118
            except OSError:
                continue  # removed meanwhile
    return total
