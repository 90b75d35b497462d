"""Downloads one checkpoint: asks what it is made of, fetches what is missing, and hands it over to the cache whole."""

import errno
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from engine.api.cancellation import CancellationToken
from engine.api.errors import EngineError, ErrorKind
from engine.api.hub import DownloadPhase, HubAccess
from engine.hub import address
from engine.hub.cache import cache_folder, repository_folder
from engine.hub.download import snapshot
from engine.hub.download.asking import ask
from engine.hub.download.connection import Connections
from engine.hub.download.course import Course, DiskFailed
from engine.hub.download.exposure import Exposure
from engine.hub.download.fetching import FileProgress
from engine.hub.download.locking import try_lock
from engine.hub.download.part import Part, part_files
from engine.hub.download.rate import Rate
from engine.hub.download.record import Record, WantedFile, bytes_there, records, remove_record, write_record
from engine.hub.download.retry import AddressExpired, Unresumable, WrongAnswer
from engine.hub.download.verifying import Damaged, Verifier
from engine.hub.failures import explained
from engine.hub.repository import RemoteCheckpoint
from engine.hub.session import session_for
from engine.planning.sizes import in_gb

_TICK_SECONDS = 0.05
_REPORT_SECONDS = 0.2
_LOCK_SECONDS = 0.5
_STOP_SECONDS = 0.15
_SILENT_SECONDS = 3.0
_SPACE_MARGIN = 1.05
_OPEN_FILES = 12
_SMALL_BYTES = 2**20
_ELSEWHERE = "Another program is downloading this model."
_CANNOT_WRITE = (errno.EACCES, errno.EPERM, errno.EROFS)
_NO_FOLDER = (errno.ENOTDIR, errno.EEXIST, errno.EISDIR)


@dataclass(frozen=True)
class DownloadState:
    """How a download goes; the fields are those of DownloadProgress."""

    done_bytes: int = 0
    total_bytes: int = 0
    phase: DownloadPhase = DownloadPhase.ASKING
    bytes_per_second: float = 0.0
    seconds_left: float | None = None
    words: str = ""


@dataclass(frozen=True)
class Downloaded:
    """A checkpoint that is in the cache now; received_bytes: what came over the network for it."""

    hub_id: str
    commit: str
    received_bytes: int


ReportState = Callable[[DownloadState], None]


def download(
    checkpoint: str, revision: str, access: HubAccess, cancellation: CancellationToken, report: ReportState
) -> Downloaded:
    """Fetch what is missing of a checkpoint (a Hub id or an address) and return what is in the cache then.

    report is called about five times a second on this thread. Raises EngineError (CHECKPOINT_NOT_FOUND,
    CHECKPOINT_UNSUPPORTED, NETWORK, OFFLINE, DISK, INVALID_COMMAND and what failures.explained tells) and Cancelled;
    all that arrived stays for the next time in either case.
    """
    cancellation.raise_if_cancelled()
    found = address.parse(checkpoint, session_for(access).endpoint)
    hub_id = found.hub_id if found else checkpoint
    wanted = found.revision if found and found.revision else revision
    report(DownloadState())
    remote = ask(hub_id, wanted or "main", access, cancellation, lambda words: report(_waiting(words)))
    folder = repository_folder(hub_id)
    record = Record(hub_id, wanted or "main", remote.commit, _wanted_files(remote))
    try:
        return _Download(folder, record, access, cancellation, report).run()
    except OSError as error:
        raise _disk_error(error, hub_id, 0) from error


def _waiting(words: str) -> DownloadState:
    return DownloadState(phase=DownloadPhase.WAITING if words else DownloadPhase.ASKING, words=words)


def _wanted_files(remote: RemoteCheckpoint) -> tuple[WantedFile, ...]:
    """Return the files in the order in which they are fetched: what is small first."""
    files = sorted(remote.files, key=lambda file: (file.size_bytes > _SMALL_BYTES, file.path))
    return tuple(WantedFile(file.path, file.size_bytes, file.digest) for file in files)


class _Download:
    """One run of a download, on the lane's thread."""

    def __init__(
        self, folder: Path, record: Record, access: HubAccess, cancellation: CancellationToken, report: ReportState
    ) -> None:
        self._folder = folder
        self._record = record
        self._access = access
        self._cancellation = cancellation
        self._report = report
        self._blobs = folder / "blobs"
        self._total = sum(file.size_bytes for file in record.files)
        # Bytes that are there of the files that are not open.
        self._there = {file.path: self._present(file) for file in record.files}
        self._waiting = [file for file in record.files if self._there[file.path] < file.size_bytes]
        self._waiting += [file for file in record.files if file not in self._waiting and not self._is_settled(file)]
        self._next_lock_at = 0.0

    def run(self) -> Downloaded:
        """Fetch what is missing and hand it over."""
        record, received = self._record, 0
        if self._waiting:
            self._refuse_full_disk()
            snapshot.prepare(self._folder)
            steady = self._remember()
            try:
                received = self._fetch(steady)
            except EngineError:
                self._report(DownloadState(self._bytes_on_disk(), self._total, DownloadPhase.RECEIVING))
                raise
        snapshot.enter(self._folder, record)
        remove_record(self._folder, record.commit)
        self._report(DownloadState(self._total, self._total, DownloadPhase.VERIFYING))
        return Downloaded(record.hub_id, record.commit, received)

    def _bytes_on_disk(self) -> int:
        """Return how many bytes are there once nothing is open: less than was told if a file was thrown away."""
        return sum(self._present(file) for file in self._record.files)

    def _is_settled(self, file: WantedFile) -> bool:
        return snapshot.has_blob(self._folder, file) or snapshot.is_there(self._folder, self._record.commit, file)

    def _present(self, file: WantedFile) -> int:
        return file.size_bytes if self._is_settled(file) else bytes_there(self._blobs, file)

    def _refuse_full_disk(self) -> None:
        needed = self._total - sum(self._there.values())
        free = _free_bytes()
        if needed * _SPACE_MARGIN > free:
            raise _no_space(self._record.hub_id, needed, free)

    def _remember(self) -> int:
        """Note that this download has begun; return the steady bytes of its last run, or those of a fresh one."""
        before = next((each for each in records(self._folder) if each.commit == self._record.commit), None)
        write_record(self._folder, self._record)
        self._remove_orphans()
        if before is None and not any(self._there[file.path] for file in self._waiting):
            return Exposure.fresh(self._total).steady_bytes
        return before.steady_bytes if before else 0

    def _remove_orphans(self) -> None:
        """Delete parts that no download wants any more, as a branch has moved on."""
        wanted = {file.digest for record in records(self._folder) for file in record.files}
        for path in part_files(self._blobs):
            digest = path.name.partition(".")[0]
            if digest not in wanted and (lock := try_lock(self._folder, digest)) is not None:
                path.unlink(missing_ok=True)
                lock.release()

    def _fetch(self, steady_bytes: int) -> int:
        """Fetch all files that wait; return the bytes received."""
        connections = Connections(session_for(self._access), self._record.hub_id, self._record.commit)
        course = Course(connections, Exposure(steady_bytes))
        verifier = Verifier(course, self._blobs)
        try:
            self._watch(course)
        finally:
            course.stop(_STOP_SECONDS)
            verifier.join(_STOP_SECONDS)
            self._note_pause(course.exposure)
        return course.received_bytes

    def _note_pause(self, exposure: Exposure) -> None:
        exposure.cut_off()
        try:
            write_record(self._folder, msgspec.structs.replace(self._record, steady_bytes=exposure.steady_bytes))
        except OSError:
            pass  # then the next run begins carefully

    def _watch(self, course: Course) -> None:
        rate, reported_at = Rate(time.monotonic()), 0.0
        while True:
            self._cancellation.raise_if_cancelled()
            self._open_files(course)
            with course.changed:
                self._raise_failure(course)
                if not self._waiting and not course.files:
                    return
                course.changed.wait(_TICK_SECONDS)
                now = time.monotonic()
                is_time = now - reported_at >= _REPORT_SECONDS
                if is_time:
                    rate.note(now, course.received_bytes)
                    state = self._state(course, rate, now)
            if is_time:
                reported_at = now
                self._report(state)

    def _open_files(self, course: Course) -> None:
        """Begin with the next files. Of those that are locked by others, look again from time to time."""
        now = time.monotonic()
        if len(course.files) >= _OPEN_FILES or not self._waiting or now < self._next_lock_at:
            return
        still_waiting = []
        for file in self._waiting:
            if len(course.files) >= _OPEN_FILES or not self._begin(course, file):
                still_waiting.append(file)
        if len(still_waiting) == len(self._waiting) and len(course.files) < _OPEN_FILES:
            self._next_lock_at = now + _LOCK_SECONDS
        self._waiting = still_waiting

    def _begin(self, course: Course, file: WantedFile) -> bool:
        """Open a file, or find that it is there; return False if another program has it."""
        lock = try_lock(self._folder, file.digest)
        if lock is None:
            self._there[file.path] = max(self._there[file.path], self._present(file))
            return False
        try:
            if self._is_settled(file):
                self._there[file.path] = file.size_bytes
                lock.release()
                return True
            progress = FileProgress(file, Part(self._blobs, file.digest, file.size_bytes), lock)
        except BaseException:
            lock.release()
            raise
        course.add(progress)
        return True

    def _state(self, course: Course, rate: Rate, now: float) -> DownloadState:
        done = dict(self._there)
        done |= {each.file.path: each.present_bytes for each in course.files}
        done |= {each.file.path: each.file.size_bytes for each in course.done}
        state = DownloadState(sum(done.values()), self._total, DownloadPhase.RECEIVING, rate.per_second)
        if words := course.troubles.words(now):
            return replace(state, phase=DownloadPhase.WAITING, words=words)
        if not course.files and self._waiting:
            return replace(state, phase=DownloadPhase.WAITING, words=_ELSEWHERE)
        if all(each.is_received for each in course.files):
            return replace(state, phase=DownloadPhase.VERIFYING)
        if rate.silent_seconds > _SILENT_SECONDS:
            words = f"Nothing has arrived for {round(rate.silent_seconds)} s; another connection is tried."
            return replace(state, phase=DownloadPhase.WAITING, words=words)
        left = (self._total - state.done_bytes) / rate.per_second if rate.per_second > 0 else None
        return replace(state, seconds_left=left)

    def _raise_failure(self, course: Course) -> None:
        failure, hub_id = course.failure, self._record.hub_id
        if failure is None:
            return
        if isinstance(failure, DiskFailed) and isinstance(failure.__cause__, OSError):
            there = sum(self._there.values()) + course.received_bytes
            raise _disk_error(failure.__cause__, hub_id, max(0, self._total - there)) from failure
        if isinstance(failure, Damaged):
            raise EngineError(
                ErrorKind.NETWORK,
                f"The file {failure.path} of {hub_id} arrived damaged twice and was thrown away.",
                "Try again later; all other files are kept.",
            ) from failure
        if isinstance(failure, WrongAnswer | Unresumable | AddressExpired):
            raise EngineError(
                ErrorKind.NETWORK,
                f"Something else than the files of {hub_id} was answered, again and again.",
                "Check whether this network wants a login first, then go on with the download.",
                repr(failure),
            ) from failure
        raise explained(failure, hub_id, self._access) from failure


def _free_bytes() -> int:
    folder = cache_folder()
    existing = next((place for place in (folder, *folder.parents) if place.exists()), Path("/"))
    return shutil.disk_usage(existing).free


def _no_space(hub_id: str, needed: int, free: int) -> EngineError:
    return EngineError(
        ErrorKind.DISK,
        f"{hub_id} needs {in_gb(needed)} GB of disk space, but only {in_gb(free)} GB are free.",
        "Free some space and go on with the download; what has arrived is kept.",
    )


def _disk_error(error: OSError, hub_id: str, needed: int) -> EngineError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _no_space(hub_id, needed, _free_bytes())
    if error.errno in _CANNOT_WRITE:
        message, hint = "The folder for downloads cannot be written.", "Check its owner and permissions."
    elif error.errno in _NO_FOLDER:
        message = "In the folder for downloads, a file stands where a folder should be, or the other way round."
        hint = f"Move {error.filename} away, then go on with the download."
    else:
        message, hint = (
            "The disk with the folder for downloads failed.",
            "Check the disk, then go on with the download.",
        )
    return EngineError(ErrorKind.DISK, message, hint, repr(error))
