"""The disk as a tier for one loaded model: what it holds, written behind by a thread of its own, checked when read.

Owns the files of its model's folder. A file that can't be used is a miss; a disk that can't be written to is left
alone until the next load.
"""

import logging
import os
import threading
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

import torch

from engine.kv.disk import catalogue, item_files
from engine.kv.disk import folder as disk_folder
from engine.kv.disk.catalogue import SECONDS_PER_POSITION, Seen
from engine.kv.disk.file_reader import HANGS_SECONDS, FileReader, GivenUpError, Patience
from engine.kv.disk.file_worker import FileWorker
from engine.kv.disk.folder_reader import FolderReader
from engine.kv.disk.item_files import SUFFIX, DamagedError, Header
from engine.kv.disk.room import DiskRoom
from engine.kv.disk.usage import DiskUsage
from engine.kv.memory_tier import Buffer
from engine.kv.tree import Item, KvTree
from engine.kv.use_clock import UseClock

# A disk that hangs (HANGS_SECONDS at one file) is neither read from nor waited for when something has to be gone;
# after this long it gets nothing more to write.
_GIVEN_UP_SECONDS = 60.0
_SAVE_SECONDS = 1.0
_log = logging.getLogger(__name__)

_Waiting = tuple[Item, str, Buffer]


class DiskTier:
    """Files below `root`, of all models together up to budget_bytes. All methods belong to the compute lane.

    No file is touched there: a disk that hangs would hold up the answer. A worker writes and deletes behind it, and
    for what is read it waits no longer than that is worth. The lock guards what is known of files, and is never held
    while one is worked on.
    """

    def __init__(
        self, root: Path, model_name: str, fingerprint: str, budget_bytes: int, reader: FileReader | None = None
    ) -> None:
        self.root = root
        self.budget_bytes = budget_bytes
        self.problem = ""
        self.clock = UseClock()
        self._folder = root / model_name
        self._fingerprint = fingerprint
        self._lock = threading.Lock()
        self._worker = FileWorker("kv-writer")
        self._room = DiskRoom(root, self.clock)
        self._usage = DiskUsage(root)
        self._stored: dict[str, Header] = {}
        self._owners: dict[str, set[str]] = {}
        self._doomed: set[str] = set()  # to be deleted
        self._unwritable: set[str] = set()
        self._pending: dict[str, _Waiting] = {}
        self._writing = ""
        self._is_writing_dropped = False
        self._kept: Collection[str] = ()
        files = reader or FileReader("kv-reader")
        self._reader = FolderReader(self._folder, fingerprint, self._room, self._usage, self.clock, files)

    def __contains__(self, item: Item) -> bool:
        return item.key in self._stored

    @property
    def used_bytes(self) -> int:
        """Bytes of the files of all models; as they were counted last where the disk hangs."""
        if not self.hangs:
            with suppress(GivenUpError):
                return self._reader.used_bytes()
        return self._usage.last_count

    @property
    def hangs(self) -> bool:
        """Whether the disk has done nothing for so long that nobody should wait for it."""
        return self._worker.busy_seconds > HANGS_SECONDS or self._reader.rests

    @property
    def lacks_thread(self) -> bool:
        """Whether the system had no thread to write with."""
        return self._worker.lacks_thread

    @property
    def stored_count(self) -> int:
        """How many items of this model are there."""
        return len(self._stored)

    @property
    def pending_bytes(self) -> int:
        """Bytes in memory that wait to be written."""
        with self._lock:
            return sum(buffer.data.nbytes for _, _, buffer in self._pending.values())

    def pending_keys(self) -> set[str]:
        """Return the keys of the items that wait to be written."""
        with self._lock:
            return set(self._pending)

    def waiting(self, item: Item) -> Buffer | None:
        """Return the bytes of an item that waits to be written, which are in memory until it is."""
        found = self._pending.get(item.key)
        return found[2] if found is not None and found[0] is item else None

    def keep(self, keys: Collection[str]) -> None:
        """Never delete these for want of room: they belong to the conversation that runs."""
        with self._lock:
            self._kept = frozenset(keys)

    def read_catalogue(self, tree: KvTree) -> None:
        """Add to the tree what the folder holds for this model; delete what can't be used, or is over the budget."""
        if self.problem:
            return
        try:
            seen = self._reader.open(self.budget_bytes)
        except GivenUpError:
            return
        if seen is None:
            self.problem = "could not be used (its folder is a link)"  # what lies behind it would never be forgotten
            return
        for key in (orphans := self._take_up(seen, tree)):
            self._worker.do_soon(partial(disk_folder.delete, self._folder, key))
        if orphans:
            _log.warning("%s stored items can't be used: what comes before them is missing", len(orphans))
        self.settle()

    def look(self, tree: KvTree, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Know of what other processes have stored since, and no longer of what they have deleted."""
        if self.problem or self.hangs:
            return
        stored = frozenset(self._stored)  # before looking: what is just being written gets its name meanwhile
        with suppress(GivenUpError):
            seen = self._reader.news(stored | self._doomed, should_stop)
            if seen is not None:
                self._miss(stored - seen.keys)
                self._take_up(seen, tree)

    def miss_deleted(self) -> None:
        """Know no longer of what other processes have deleted; what of it is still used is written again."""
        if self.hangs:
            return
        stored = frozenset(self._stored)
        with suppress(GivenUpError):
            self._miss(stored - self._reader.keys())

    def _take_up(self, seen: Seen, tree: KvTree) -> list[str]:
        """Add what was found to the tree; return what is of no use without what came before it."""
        found = catalogue.take_up(seen, tree)
        with self._lock:
            self._stored |= found.headers
            self._owners |= found.owners
        self.clock.has_seen(found.last_used)
        for key, reason in seen.damaged.items():
            self._discard(key, reason)
        return found.orphans

    def write_later(self, item: Item, root_name: str, buffer: Buffer) -> None:
        """Have the item written; the buffer must not change any more."""
        if self._worker.busy_seconds > _GIVEN_UP_SECONDS:
            self._give_up("it doesn't answer")
        if self.problem or item.key in self._unwritable:
            return
        with self._lock:
            self._pending[item.key] = (item, root_name, buffer)
        self._worker.do_later(partial(self._write_waiting, item.key))

    def read(self, item: Item, into: torch.Tensor, patience: Patience) -> bool:
        """Fill the tensor with an item's bytes; False if they are no longer there, not what was written, or not in
        time: the tensor may still be written to then."""
        header = self._stored.get(item.key)
        if header is None:
            return False
        try:
            used = self._reader.read(self._path(item.key), header, item, into, patience)
            with self._lock:
                if item.key in self._stored:
                    self._stored[item.key] = used
            return True
        except GivenUpError:
            return False
        except FileNotFoundError:
            self._miss([item.key])
        except DamagedError as error:
            self._discard(item.key, str(error))
        return False

    def use(self, items: Iterable[Item]) -> None:
        """Note on disk when these were used."""
        used = [(item.key, _file_time(item)) for item in items if item.key in self._stored]
        if used:
            self._worker.do_soon(partial(self._set_times, used))

    def own(self, item: Item, owner: str) -> None:
        """Note that a stored item belongs to this conversation as well."""
        if item.key in self._stored or item.key == self._writing:  # what waits is written with its owners
            self._worker.do_soon(partial(self._own, item.key, owner))

    def disown(self, item: Item, owner: str) -> None:
        """Note that it no longer does."""
        self._worker.do_soon(partial(self._disown, item.key, owner))

    def forget(self, conversation_id: str) -> None:
        """Have deleted what belongs to this conversation alone, of all models."""
        self._worker.do_soon(partial(disk_folder.forget, self.root, conversation_id))

    def drop(self, item: Item) -> int:
        """Have an item deleted, written or not; return the bytes freed."""
        with self._lock:
            self._pending.pop(item.key, None)
            self._is_writing_dropped |= item.key == self._writing
            header = self._stored.pop(item.key, None)
            if header is None:
                return 0
            self._doomed.add(item.key)
        self._worker.do_soon(partial(self._delete, item.key))
        return header.size_bytes

    def settle(self) -> None:
        """Wait until what was dropped is gone; not for a disk that hangs."""
        if self._worker.has_soon or self._is_writing_dropped:
            self._worker.settle(HANGS_SECONDS)

    def clear(self) -> int:
        """Delete everything of all models; return the bytes freed."""
        with self._lock:
            self._pending.clear()
            self._is_writing_dropped = bool(self._writing)
            self._stored.clear()
        self.settle()
        freed: list[int] = []
        self._worker.do_soon(lambda: freed.append(disk_folder.clear(self.root)))
        self.settle()
        with self._lock:
            self._owners.clear()
        return sum(freed)

    def flush(self, timeout_seconds: float, should_stop: Callable[[], bool] = lambda: False) -> bool:
        """Wait until everything is written, or somebody waits for the caller; return whether it is.

        Where the system has no thread for it, it is written here.
        """
        return self._worker.flush(timeout_seconds, should_stop)

    def close(self, timeout_seconds: float, save: Callable[[], None] = lambda: None) -> None:
        """Save what was learnt and write what waits, as far as the time allows; nothing is written afterwards."""
        with suppress(GivenUpError):
            self._reader.save(save, max(timeout_seconds, _SAVE_SECONDS))
        self.flush(timeout_seconds)
        self.problem = self.problem or "closed"
        with self._lock:
            self._pending.clear()

    def _write_waiting(self, key: str) -> None:
        """Write an item, unless it was dropped."""
        with self._lock:
            waiting = self._pending.get(key)
            if waiting is None or self.problem:
                self._pending.pop(key, None)
                return
            self._writing, self._is_writing_dropped = key, False
        try:
            self._write(*waiting)
        except OSError as error:
            self._give_up(error.strerror or str(error))
        except Exception as error:  # whatever it is, the next one would end the same way
            self._give_up(type(error).__name__)
        with self._lock:
            if self._pending.get(key) is waiting:  # not one that was stored again after this one was dropped
                del self._pending[key]
            self._writing, self._is_writing_dropped = "", False

    def _write(self, item: Item, root_name: str, buffer: Buffer) -> None:
        """Write one item, unless it is dropped meanwhile. Raises OSError."""
        for folder in (self.root, self._folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = disk_folder.part_path(self._folder, item.key)
        try:
            goes_on = self._worker.goes_on
            if not item_files.write(part, item, root_name, self._fingerprint, buffer.data, self._has_room, goes_on):
                return
            if self._is_writing_dropped or self.problem or not item.may_be_written:
                return
            owners = item.owners - item.private_owners
            for owner in owners:
                disk_folder.own(self._folder, item.key, owner)
            with self._usage.changing():
                self._name(part, item.key)
            self._room.note_addition()
            header = item_files.read_header(self._path(item.key), self._fingerprint)
            if self._has_stored(item.key, header, owners):
                self._set_times([(item.key, _file_time(item))])
            else:
                self._delete(item.key)
        except (DamagedError, FileNotFoundError) as error:
            _log.warning("an item of KV was lost while it was written: %s", error)
        finally:
            part.unlink(missing_ok=True)

    def _has_stored(self, key: str, header: Header, owners: set[str]) -> bool:
        """Know of a file that has its name; return False if it was dropped meanwhile."""
        with self._lock:
            self._owners[key] = owners
            if not self._is_writing_dropped:
                self._stored[key] = header
            return not self._is_writing_dropped

    def _has_room(self, size_bytes: int) -> bool:
        return self._room.make(size_bytes, self.budget_bytes, self._kept, self._drop_oldest)

    def _name(self, part: Path, key: str) -> None:
        """Give a written item its name. Raises DamagedError where something else has it and can't be replaced."""
        try:
            part.replace(self._path(key))
        except (IsADirectoryError, PermissionError) as error:  # on Windows also a file that somebody reads just now
            self._unwritable.add(key)
            raise DamagedError(error.strerror) from error

    def _drop_oldest(self, key: str, folder: Path) -> None:
        """Delete a file to make room."""
        owners = None
        if folder == self._folder:
            with self._lock:
                owners = self._owners.pop(key, ()) if self._stored.pop(key, None) is not None else None
        with self._usage.changing():
            disk_folder.delete(folder, key, owners)

    def _give_up(self, reason: str) -> None:
        with self._lock:
            if not self.problem:
                _log.warning("conversations are no longer kept on disk: %s", reason)
                self.problem = f"could not be written ({reason})"
            self._pending.clear()

    def _discard(self, key: str, reason: str) -> None:
        _log.warning("stored KV can't be used, it is read again: %s", reason)
        with self._lock:
            self._stored.pop(key, None)
            self._doomed.add(key)
        self._worker.do_soon(partial(self._delete_damaged, key))

    def _delete_damaged(self, key: str) -> None:
        self._delete(key)
        if os.path.lexists(self._path(key)):
            self._unwritable.add(key)  # something that is no file stands in its place

    def _delete(self, key: str) -> None:
        with self._lock:
            owners = self._owners.pop(key, ())
        with self._usage.changing():
            disk_folder.delete(self._folder, key, owners)
        with self._lock:
            self._doomed.discard(key)

    def _own(self, key: str, owner: str) -> None:
        if key not in self._stored:
            return
        try:
            disk_folder.own(self._folder, key, owner)
        except OSError as error:
            _log.warning("an owner could not be noted: %s", error)
            return
        with self._lock:
            self._owners.setdefault(key, set()).add(owner)

    def _disown(self, key: str, owner: str) -> None:
        disk_folder.disown(self._folder, key, owner)
        with self._lock:
            self._owners.get(key, set()).discard(owner)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{SUFFIX}"

    def _set_times(self, used: Iterable[tuple[str, float]]) -> None:
        """Note when items were used; know no longer of those whose files are gone."""
        for key, at in used:
            try:
                os.utime(self._path(key), (at, at))
            except FileNotFoundError:
                self._miss([key])
            except OSError:
                continue

    def _miss(self, keys: Iterable[str]) -> None:
        """Know no longer of files that another process has deleted."""
        with self._lock:
            for key in keys:
                self._stored.pop(key, None)
                self._owners.pop(key, None)


def _file_time(item: Item) -> float:
    return item.last_used - item.end * SECONDS_PER_POSITION
