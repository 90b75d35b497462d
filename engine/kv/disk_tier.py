"""The disk as a tier for one loaded model: what it holds, written behind by a thread of its own, checked when read.

Owns the thread `kv-writer`, which lives while something waits, and the files of its model's folder. A file that can't
be used is a miss; a disk that can't be written to is left alone until the next load.
"""

import logging
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path

import torch

from engine.kv import catalogue, disk_folder, item_files
from engine.kv.catalogue import SECONDS_PER_POSITION, Found
from engine.kv.disk_room import DiskRoom
from engine.kv.item_files import SUFFIX, DamagedError, Header
from engine.kv.memory_tier import Buffer
from engine.kv.tree import Item, KvTree

# Longer, a dropped item that is being written isn't waited for.
_SETTLE_SECONDS = 1.0
_LOCK_SECONDS = 0.1
_LOOK_SECONDS = 0.01
_LOW_PRIORITY = 10
_log = logging.getLogger(__name__)


class DiskTier:
    """Files below `root`, of all models together up to budget_bytes. All methods belong to the compute lane."""

    def __init__(self, root: Path, model_name: str, fingerprint: str, budget_bytes: int) -> None:
        self.root = root
        self.budget_bytes = budget_bytes
        self.problem = ""
        self.lacks_thread = False
        self._folder = root / model_name
        self._fingerprint = fingerprint
        self._lock = threading.Condition()
        self._idle = threading.Event()
        self._idle.set()
        self._writing = ""
        self._room = DiskRoom(root)
        self._stored: dict[str, Header] = {}
        self._owners: dict[str, set[str]] = {}
        self._unwritable: set[str] = set()
        self._pending: OrderedDict[str, tuple[Item, str, Buffer]] = OrderedDict()
        self._kept: Collection[str] = ()
        self._thread: threading.Thread | None = None

    def __contains__(self, item: Item) -> bool:
        return item.key in self._stored

    @property
    def used_bytes(self) -> int:
        """Bytes of the files of all models."""
        with self._lock:  # else a file that is deleted meanwhile and the one it makes room for may both be counted
            return sum(found.size_bytes for found in disk_folder.stored_files(self.root))

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
        found = self._pending.get(item.key)  # without the lock, which is held while the disk works
        return found[2] if found is not None and found[0] is item else None

    def keep(self, keys: Collection[str]) -> None:
        """Never delete these for want of room: they belong to the conversation that runs."""
        with self._lock:
            self._kept = frozenset(keys)

    def read_catalogue(self, tree: KvTree) -> None:
        """Add to the tree what the folder holds for this model; delete what can't be used, or is over the budget."""
        if self._folder.is_symlink():
            self.problem = "could not be used (its folder is a link)"  # what lies behind it would never be forgotten
            return
        disk_folder.tidy(self.root)
        disk_folder.make_room(self.root, self.budget_bytes)
        self._room.look()
        found = self._take_up(tree)
        for key in found.orphans:
            disk_folder.delete(self._folder, key)
        if found.orphans:
            _log.warning("%s stored items can't be used: what comes before them is missing", len(found.orphans))

    def look(self, tree: KvTree) -> None:
        """Know of what other processes have stored since, and no longer of what they have deleted."""
        if self.problem or not self._room.look():
            return
        self.miss_deleted()
        self._take_up(tree)

    def miss_deleted(self) -> None:
        """Know no longer of what other processes have deleted; what of it is still used is written again."""
        with self._lock:  # what is just being written gets its name under this lock
            there = {found.key for found in disk_folder.files_of(self._folder)}
            for key in self._stored.keys() - there:
                self._lose(key)

    def _take_up(self, tree: KvTree) -> Found:
        with self._lock:
            found = catalogue.take_up(self._folder, self._fingerprint, tree, self._stored)
            self._stored |= found.headers
            self._owners |= found.owners
        for key, reason in found.damaged.items():
            self._discard(key, reason)
        return found

    def write_later(self, item: Item, root_name: str, buffer: Buffer) -> None:
        """Have the item written; the buffer must not change any more."""
        if self.problem:
            return
        with self._lock:
            if item.key in self._unwritable:
                return
            self._pending[item.key] = (item, root_name, buffer)
            self._idle.clear()
            self._has_writer()

    def read(self, item: Item, into: torch.Tensor) -> bool:
        """Fill the tensor with an item's bytes; False if they are no longer there or not what was written."""
        header = self._stored.get(item.key)
        if header is None:
            return False
        try:
            item_files.read_data(self._path(item.key), header, into)
            return True
        except FileNotFoundError:
            self._lose(item.key)
        except DamagedError as error:
            if self._is_renewed(item, header):
                return self.read(item, into)
            self._discard(item.key, str(error))
        return False

    def _is_renewed(self, item: Item, header: Header) -> bool:
        """Return whether another process has written the item since its header was read, which is known then."""
        try:
            fresh = item_files.read_header(self._path(item.key), self._fingerprint)
        except (DamagedError, FileNotFoundError):
            return False
        if fresh.metadata.checksum == header.metadata.checksum or not _describes(fresh, item):
            return False
        with self._lock:
            self._stored[item.key] = fresh
        return True

    def use(self, items: Iterable[Item]) -> None:
        """Note on disk when these were used."""
        for item in items:
            if item.key in self._stored and not self._set_time(item):
                self._lose(item.key)

    def own(self, item: Item, owner: str) -> None:
        """Note that a stored item belongs to this conversation as well."""
        with self._lock:  # an item that is being written gets its owners under this lock
            if item.key not in self._stored:
                return
            try:
                disk_folder.own(self._folder, item.key, owner)
                self._owners.setdefault(item.key, set()).add(owner)
            except OSError as error:
                _log.warning("an owner could not be noted: %s", error)

    def disown(self, item: Item, owner: str) -> None:
        """Note that it no longer does."""
        with self._lock:  # as above: it would be noted again
            disk_folder.disown(self._folder, item.key, owner)
            self._owners.get(item.key, set()).discard(owner)

    def drop(self, item: Item) -> int:
        """Delete an item, written or not; return the bytes freed."""
        with self._lock:
            self._pending.pop(item.key, None)
            if self._stored.pop(item.key, None) is None:
                return 0
            return disk_folder.delete(self._folder, item.key, self._owners.pop(item.key, ()))

    def settle(self) -> None:
        """Wait until nothing of what was dropped is being written; not for a disk that hangs."""
        with self._lock:
            self._lock.wait_for(lambda: not self._writing or self._writing in self._pending, _SETTLE_SECONDS)

    def clear(self) -> int:
        """Delete everything of all models; return the bytes freed."""
        with self._lock:
            self._pending.clear()
            self.settle()
            self._stored.clear()
            self._owners.clear()
            return disk_folder.clear(self.root)

    def flush(self, timeout_seconds: float, should_stop: Callable[[], bool] = lambda: False) -> bool:
        """Wait until everything is written, or somebody waits for the caller; return whether it is.

        Where the system has no thread for it, it is written here.
        """
        ends = time.monotonic() + timeout_seconds
        while not self._idle.is_set() and (left := ends - time.monotonic()) > 0 and not should_stop():
            if self._has_writer():
                self._idle.wait(min(_LOOK_SECONDS, left))
            else:
                self._write_next()
        return self._idle.is_set()

    def close(self, timeout_seconds: float) -> None:
        """Write what waits, as far as the time allows; nothing is written afterwards."""
        self.flush(timeout_seconds)
        self.problem = self.problem or "closed"
        if self._lock.acquire(timeout=_LOCK_SECONDS):  # a disk that hangs may hold it for ever
            self._pending.clear()
            self._lock.release()

    def _has_writer(self) -> bool:
        """Have a thread write what waits; return whether there is one.

        A system that has no thread to give now may have one for the next item, or when flush() is called.
        """
        if self._thread is not None:  # it may hold the lock for ever, if the disk hangs
            return True
        with self._lock:
            if self._pending:  # else it has just been done, and its thread is over
                thread = threading.Thread(target=self._write_all, name="kv-writer", daemon=True)
                try:
                    thread.start()
                except (RuntimeError, MemoryError) as error:
                    if not self.lacks_thread:
                        _log.warning("no thread to write conversations with: %s", error)
                    self.lacks_thread = True
                    return False
                self._thread, self.lacks_thread = thread, False
            return self._thread is not None

    def _write_all(self) -> None:
        """Write what waits, in order, and end when nothing does."""
        _give_way()
        while self._write_next():
            pass

    def _write_next(self) -> bool:
        """Write what has waited longest; False if nothing waits."""
        with self._lock:
            if not self._pending or self.problem:
                self._pending.clear()
                self._thread = None
                self._idle.set()
                return False
            key, waiting = next(iter(self._pending.items()))
            self._writing = key
        try:
            self._write(*waiting)
        except OSError as error:
            self._give_up(error.strerror or str(error))
        except Exception as error:  # a thread that dies would leave everything waiting, and in memory
            self._give_up(type(error).__name__)
        with self._lock:
            if self._pending.get(key) is waiting:  # not one that was stored again after this one was dropped
                del self._pending[key]
            self._writing = ""
            self._lock.notify_all()
        return True

    def _write(self, item: Item, root_name: str, buffer: Buffer) -> None:
        """Write one item, unless it is dropped meanwhile. Raises OSError."""
        for folder in (self.root, self._folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = disk_folder.part_path(self._folder, item.key)
        try:
            if not item_files.write(part, item, root_name, self._fingerprint, buffer.data, self._has_room):
                return
            with self._lock:
                waiting = self._pending.get(item.key)
                if waiting is None or waiting[0] is not item or not item.may_be_written or self.problem:
                    return
                owners = item.owners - item.private_owners
                for owner in owners:
                    disk_folder.own(self._folder, item.key, owner)
                self._name(part, item.key)
                self._room.note_addition()
                self._stored[item.key] = item_files.read_header(self._path(item.key), self._fingerprint)
                self._owners[item.key] = owners
            self._set_time(item)
        except (DamagedError, FileNotFoundError) as error:
            _log.warning("an item of KV was lost while it was written: %s", error)
        finally:
            part.unlink(missing_ok=True)

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
        with self._lock:
            owners = None
            if folder == self._folder and self._stored.pop(key, None) is not None:
                owners = self._owners.pop(key, ())
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
            owners = self._owners.pop(key, ())
        disk_folder.delete(self._folder, key, owners)
        if os.path.lexists(self._path(key)):
            self._unwritable.add(key)  # something that is no file stands in its place

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{SUFFIX}"

    def _set_time(self, item: Item) -> bool:
        """Note when an item was used; return whether its file is there."""
        at = (item.last_used or time.time()) - item.end * SECONDS_PER_POSITION
        try:
            os.utime(self._path(item.key), (at, at))
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True

    def _lose(self, key: str) -> None:
        """Know no longer of a file that another process has deleted."""
        with self._lock:
            self._stored.pop(key, None)
            self._owners.pop(key, None)


def _describes(header: Header, item: Item) -> bool:
    """Return whether a file's tensors are what the item says of its own."""
    told = header.metadata
    return (header.layout.places, told.earliest, told.parts) == (item.layout.places, item.earliest, item.parts)


def _give_way() -> None:
    """Let this thread wait for those that compute, where the system has priorities for threads."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOW_PRIORITY)
