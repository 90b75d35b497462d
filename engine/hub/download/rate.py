"""How fast bytes arrive, over the last seconds: a number that falls to nothing when nothing comes."""

from collections import deque

_WINDOW_SECONDS = 5.0
_LEAST_SECONDS = 0.5


class Rate:
    """Counts of bytes received, with the time of each; seconds from any clock that only goes forward."""

    def __init__(self, now: float) -> None:
        self._samples: deque[tuple[float, int]] = deque([(now, 0)])
        self._moved_at = now

    def note(self, now: float, received: int) -> None:
        """Take how many bytes have been received in all."""
        if received > self._samples[-1][1]:
            self._moved_at = now
        self._samples.append((now, received))
        while len(self._samples) > 2 and self._samples[1][0] <= now - _WINDOW_SECONDS:
            self._samples.popleft()

    @property
    def per_second(self) -> float:
        """Bytes per second over the last five seconds, or since the beginning."""
        (start, before), (end, received) = self._samples[0], self._samples[-1]
        return (received - before) / max(end - start, _LEAST_SECONDS)

    @property
    def silent_seconds(self) -> float:
        """For how long nothing has arrived."""
        return self._samples[-1][0] - self._moved_at
