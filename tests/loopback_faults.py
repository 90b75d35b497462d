"""Faults that the loopback Hub draws at random, the same ones for the same seed."""

import random
import threading
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """What goes wrong with one answer that should bring bytes of a file."""

    DROP = "drop"
    STALL = "stall"
    SHORT = "short"  # the length that is announced is more than what comes
    WRONG_RANGE = "wrong range"
    WHOLE = "whole"  # 200 and everything, although a range was asked for
    PAGE = "page"  # HTML, as a network does that wants a login first
    UNAVAILABLE = "unavailable"
    NO_SUCH_RANGE = "no such range"


WRONG_ANSWERS = (Fault.SHORT, Fault.WRONG_RANGE, Fault.WHOLE, Fault.PAGE, Fault.UNAVAILABLE, Fault.NO_SUCH_RANGE)


@dataclass
class RandomFaults:
    """At most `most` faults, one for every_bytes that were sent on the average. Any thread.

    stall_seconds: for how long a stalled answer stays silent before its connection is closed.
    """

    seed: int
    most: int
    every_bytes: int
    kinds: tuple[Fault, ...] = tuple(Fault)
    stall_seconds: float = 1.0
    made: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._lock = threading.Lock()
        self._left = self._draw()

    def _draw(self) -> int:
        return int(self._random.expovariate(1 / self.every_bytes))

    def next_fault(self, length: int) -> tuple[Fault | None, int]:
        """Return what goes wrong with an answer of so many bytes, and after how many of them."""
        with self._lock:
            self._left -= length
            if self._left > 0 or len(self.made) >= self.most:
                return None, 0
            after = max(0, length + self._left)
            self._left = self._draw()
            kind = self._random.choice(self.kinds)
            self.made.append(kind)
            return kind, after
