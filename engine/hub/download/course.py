"""Fetches the files that it is given, in ranges over several connections; owns the threads that receive."""

import threading
import time

from engine.hub.download.connection import Connections
from engine.hub.download.exposure import Exposure
from engine.hub.download.fetching import FileProgress, Range
from engine.hub.download.part import PartClosed
from engine.hub.download.retry import LINE_SECONDS, Troubles, Unresumable, WrongAnswer, may_pass
from engine.hub.download.width import MOST_CONNECTIONS, Width
from engine.hub.http_library import httpx2

_SHORTEST_BYTES = 32 * 1024
_LONGEST_BYTES = 32 * 2**20
_LOOK_SECONDS = 0.1


class DiskFailed(Exception):
    """The disk took or gave no bytes; __cause__ is the OSError."""


class Course:
    """What a download is doing. Its lock, changed, guards all its fields and those of the files in it.

    files: those being fetched, in the order in which their bytes are wanted. done: those that became blobs.
    received_bytes: what came over the network. failure: what ended it, to be raised in the lane's thread.
    """

    def __init__(self, connections: Connections, exposure: Exposure) -> None:
        self.changed = threading.Condition()
        self.files: list[FileProgress] = []
        self.done: list[FileProgress] = []
        self.received_bytes = 0
        self.failure: BaseException | None = None
        self.is_stopping = False
        self.exposure = exposure
        self.troubles = Troubles(line_seconds=LINE_SECONDS)
        self._connections = connections
        self._active = 0
        self._on_their_way = 0
        self._width = Width(time.monotonic())
        self._threads = [
            threading.Thread(target=self._receive, name=f"download-{number}", daemon=True)
            for number in range(MOST_CONNECTIONS)
        ]
        for thread in self._threads:
            thread.start()

    def add(self, progress: FileProgress) -> None:
        """Fetch one more file, after those before it."""
        with self.changed:
            self.files.append(progress)
            self.changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """End the course because of an error, the first one counts."""
        with self.changed:
            if not self.is_stopping and self.failure is None:
                self.failure = error
            self.changed.notify_all()

    def stop(self, seconds: float) -> None:
        """End all requests and wait for the threads for at most so long; none touches a part any more after that."""
        with self.changed:
            self.is_stopping = True
            self.changed.notify_all()
        self._connections.close()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        with self.changed:
            for progress in self.files:
                progress.close()

    def _receive(self) -> None:
        try:
            while (task := self._next()) is not None:
                self._run(*task)
        except OSError as error:  # a part could not be begun anew
            failed = DiskFailed()
            failed.__cause__ = error
            self.fail(failed)

    def _run(self, progress: FileProgress, found: Range, stall_seconds: float) -> None:
        began_at = time.monotonic()
        try:
            self._fetch(progress, found, stall_seconds)
        except PartClosed:
            pass
        except BaseException as error:  # whatever it is, the lane's thread has to know
            self._note_failure(progress, error, began_at)
        finally:
            with self.changed:
                self._active -= 1
                progress.give_back(found)
                self.changed.notify_all()

    def _next(self) -> tuple[FileProgress, Range, float] | None:
        with self.changed:
            while not self.is_stopping:
                task = self._take() if self.failure is None else None
                if task is not None:
                    self._active += 1
                    self._on_their_way += task[1].end - task[1].start
                    return *task, self.troubles.stall_seconds
                self.changed.wait(_LOOK_SECONDS)
            return None

    def _take(self) -> tuple[FileProgress, Range] | None:
        most = 1 if self.troubles.attempts else self._width.connections
        if time.monotonic() < self.troubles.until or self._active >= most:
            return None
        budget = self.exposure.budget_bytes
        length = max(_SHORTEST_BYTES, min(budget // most, _LONGEST_BYTES))
        room = budget - self._on_their_way
        for progress in self.files:
            if self._active and room < min(length, progress.file.size_bytes):
                continue
            if (found := progress.take(length)) is not None:
                return progress, found
        return None

    def _fetch(self, progress: FileProgress, found: Range, stall_seconds: float) -> None:
        place, part = found.start, progress.part
        try:
            with self._connections.blocks(progress.file, found.start, found.end, stall_seconds) as blocks:
                for block in blocks:
                    try:
                        new = part.write(place, block)
                    except OSError as error:
                        raise DiskFailed from error
                    place += len(block)
                    self._arrived(progress, found, len(block), new)
        finally:
            with self.changed:
                self._on_their_way -= found.end - place
        if place < found.end:
            raise httpx2.RemoteProtocolError("the answer ended early")

    def _arrived(self, progress: FileProgress, found: Range, count: int, new: int) -> None:
        with self.changed:
            self.received_bytes += count
            self._on_their_way -= count
            self._width.arrived(count, time.monotonic())
            progress.present_bytes += new
            if new:
                self.exposure.arrived(new)
                self.troubles.end()
                if found.end - found.start < progress.file.size_bytes:
                    progress.refusals = 0

    def _note_failure(self, progress: FileProgress, error: BaseException, began_at: float) -> None:
        with self.changed:
            if self.is_stopping:
                return
            if isinstance(error, Unresumable):
                progress.note_refusal(error.is_refusal)
            elif progress.is_fetched_whole:
                progress.refusals = 0  # perhaps there are ranges now
            if isinstance(error, Unresumable | WrongAnswer):
                self.exposure.deceived()
            else:
                self.exposure.cut_off()
            goes_on = may_pass(error) and self.troubles.note(error, began_at, time.monotonic())
        if not goes_on:
            self.fail(error)
