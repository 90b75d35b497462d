"""Follows a download with its hashes and brings it to the disk meanwhile, so that the end waits for neither."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from engine.hub.download.course import Course, DiskFailed
from engine.hub.download.fetching import FileProgress
from engine.hub.download.part import PartClosed

_READ_BYTES = 256 * 1024
_LEAST_BYTES = 2 * 2**20
_MOST_BYTES = 16 * 2**20
# Nobody tells of each block; so long a piece is left to be hashed when the last byte has come.
_WAIT_SECONDS = 0.01
# In small pieces, so that little is left to be brought to the disk when the last byte has come.
_SYNC_BYTES = 16 * 2**20
_SYNC_SECONDS = 5.0
_SYNC_LOOK_SECONDS = 0.03


class Damaged(Exception):
    """A file arrived with another hash than the Hub announced, twice; path names it."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class Verifier:
    """Hashes what has come of a course's files and makes blobs of those that are right; owns two threads."""

    def __init__(self, course: Course, blobs: Path) -> None:
        self._course = course
        self._blobs = blobs
        self._buffer = memoryview(bytearray(_READ_BYTES))  # fresh memory for each read would cost more than the hash
        names = {"download-hash": self._hash, "download-sync": self._sync}
        self._threads = [
            threading.Thread(target=self._guard, args=(work,), name=name, daemon=True) for name, work in names.items()
        ]
        for thread in self._threads:
            thread.start()

    def join(self, seconds: float) -> None:
        """Wait for the threads of a course that was stopped, for at most so long."""
        for thread in self._threads:
            thread.join(seconds / len(self._threads))

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except OSError as error:
            failed = DiskFailed()
            failed.__cause__ = error
            self._course.fail(failed)
        except BaseException as error:  # whatever it is, the lane's thread has to know
            self._course.fail(error)

    def _hash(self) -> None:
        course = self._course
        while True:
            with course.changed:
                while (found := self._hashable()) is None and not course.is_stopping:
                    course.changed.wait(_WAIT_SECONDS)
            if course.is_stopping or found is None:
                return
            try:
                self._follow(*found)
            except PartClosed:
                continue  # it was begun anew meanwhile, or all is over

    def _hashable(self) -> tuple[FileProgress, int] | None:
        """Return a file and up to where it is to be hashed now."""
        for progress in self._course.files:
            front = progress.front_bytes(progress.hashed_bytes)
            if front == progress.file.size_bytes or front - progress.hashed_bytes >= _LEAST_BYTES:
                return progress, min(front, progress.hashed_bytes + _MOST_BYTES)
        return None

    def _follow(self, progress: FileProgress, end: int) -> None:
        with self._course.changed:
            part, digest, place = progress.part, progress.digest, progress.hashed_bytes
        while place < end:
            count = part.read_into(self._buffer[: min(_READ_BYTES, end - place)], place)
            if count == 0:
                raise OSError(f"{part.path.name} has become shorter")
            digest.update(self._buffer[:count])
            place += count
        with self._course.changed:
            if progress.part is not part:
                return
            progress.hashed_bytes = end
        if end == progress.file.size_bytes:
            self._judge(progress)

    def _judge(self, progress: FileProgress) -> None:
        course = self._course
        if progress.digest.hexdigest() == progress.file.digest:
            progress.part.finish(self._blobs / progress.file.digest)
            with course.changed:
                course.files.remove(progress)
                course.done.append(progress)
                progress.lock.release()
                course.changed.notify_all()
            return
        with course.changed:
            while progress.taken and not course.is_stopping:
                course.changed.wait(_WAIT_SECONDS)
            if course.is_stopping:
                return
            if progress.was_damaged:
                progress.part.discard()
            else:
                progress.was_damaged = True
                progress.begin_anew()
                course.changed.notify_all()
                return
        course.fail(Damaged(progress.file.path))

    def _sync(self) -> None:
        course, last = self._course, time.monotonic()
        while True:
            with course.changed:
                course.changed.wait_for(lambda: course.is_stopping, _SYNC_LOOK_SECONDS)
                parts = [(progress.part, progress.is_received) for progress in course.files]
            if course.is_stopping:
                return
            is_time = time.monotonic() - last >= _SYNC_SECONDS
            for part, is_received in parts:
                if is_time or is_received or part.unsynced_bytes >= _SYNC_BYTES:
                    try:
                        part.sync()
                    except PartClosed:
                        continue
            if is_time:
                last = time.monotonic()
