"""The files of a download that are open now: which bytes to ask for next, and how far their hashes are."""

import hashlib
from dataclasses import dataclass, field

from filelock import BaseFileLock

from engine.hub.download.part import UNIT_BYTES, Part
from engine.hub.download.record import WantedFile

_SHA256_LETTERS = 64
# After so many answers in a row that were no ranges, a file is fetched in one go; each may have been a mistake.
_PATIENCE_WITH_RANGES = 5


@dataclass(frozen=True)
class Range:
    """Bytes of a file from start up to end (exclusive) that one request is to bring."""

    start: int
    end: int

    @property
    def units(self) -> range:
        """The units that are touched."""
        return range(self.start // UNIT_BYTES, -(-self.end // UNIT_BYTES))


@dataclass
class FileProgress:
    """One file that is being fetched, with its part, its lock and its hash; the fields belong to the course's lock.

    taken: units that some request brings at this moment. refusals: answers in a row that were no ranges.
    was_damaged: it was thrown away once because its hash was wrong.
    """

    file: WantedFile
    part: Part
    lock: BaseFileLock
    taken: set[int] = field(default_factory=set)
    refusals: int = 0
    hashed_bytes: int = 0
    was_damaged: bool = False
    _first_open: int = 0
    _is_distrusted: bool = False

    def __post_init__(self) -> None:
        self.digest = _new_digest(self.file)
        self.present_bytes = self.part.present_bytes

    @property
    def is_received(self) -> bool:
        """Whether all bytes are there, be they right or wrong."""
        return self.present_bytes == self.file.size_bytes

    def take(self, length: int) -> Range | None:
        """Return the lowest missing bytes that nobody else brings, about length of them; give them back after that."""
        if self.is_fetched_whole:
            return self._take_all()
        count = len(self.part.written)
        while self._first_open < count and self.part.is_whole(self._first_open):
            self._first_open += 1
        unit = next((each for each in range(self._first_open, count) if self._is_open(each)), None)
        if unit is None:
            return None
        start = unit * UNIT_BYTES + self.part.written[unit]
        end = min(start + length, self.file.size_bytes)
        last = unit
        while (last + 1) * UNIT_BYTES < end and self._is_untouched(last + 1):
            last += 1
        return self._taken(Range(start, min(end, (last + 1) * UNIT_BYTES)))

    @property
    def is_fetched_whole(self) -> bool:
        """Whether it has to come in one go, as the server gives out no ranges of it."""
        return self.refusals >= _PATIENCE_WITH_RANGES

    def note_refusal(self, is_range_missing: bool) -> None:
        """Take an answer that was no range; is_range_missing: the server says that the file is shorter."""
        is_empty = self.present_bytes == 0  # then nothing is fetched twice
        self.refusals = _PATIENCE_WITH_RANGES if is_empty else self.refusals + 1
        self._is_distrusted = is_range_missing

    def _take_all(self) -> Range | None:
        if self.taken or self.is_received:
            return None
        if self._is_distrusted:
            self._is_distrusted = False
            self.begin_anew()
            self.refusals = _PATIENCE_WITH_RANGES
        return self._taken(Range(0, self.file.size_bytes))

    def _taken(self, found: Range) -> Range:
        self.taken.update(found.units)
        return found

    def give_back(self, found: Range) -> None:
        """Let others bring what is still missing of a range."""
        self.taken.difference_update(found.units)

    def _is_open(self, unit: int) -> bool:
        return unit not in self.taken and not self.part.is_whole(unit)

    def _is_untouched(self, unit: int) -> bool:
        return unit not in self.taken and self.part.written[unit] == 0

    def front_bytes(self, since: int) -> int:
        """Return up to where all bytes are there, looking from a place up to which they are."""
        unit = since // UNIT_BYTES
        while unit < len(self.part.written) and self.part.is_whole(unit):
            unit += 1
        if unit == len(self.part.written):
            return self.file.size_bytes
        return unit * UNIT_BYTES + self.part.written[unit]

    def begin_anew(self) -> None:
        """Throw away what has come. Nobody may be fetching it."""
        self.part.discard()
        self.part = Part(self.part.path.parent, self.file.digest, self.file.size_bytes)
        self.refusals = self._first_open = self.hashed_bytes = self.present_bytes = 0
        self.digest = _new_digest(self.file)

    def close(self) -> None:
        """Let go of the part and of the lock; what arrived stays."""
        self.part.close()
        self.lock.release()


def _new_digest(file: WantedFile) -> "hashlib._Hash":
    if len(file.digest) == _SHA256_LETTERS:
        return hashlib.sha256()
    return hashlib.sha1(b"blob %d\0" % file.size_bytes, usedforsecurity=False)  # as git names its blobs
