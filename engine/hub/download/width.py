"""How many connections a download uses: one, and more of them as long as the network has more to give."""

MOST_CONNECTIONS = 8
# What a fast line brings in all. Above that, further connections only make work for the processor.
_ENOUGH_BYTES_PER_SECOND = 120e6
_MEASURE_SECONDS = 0.25


class Width:
    """Counts what arrives and says how many requests may run at once. Seconds of time.monotonic()."""

    def __init__(self, now: float) -> None:
        self.connections = 1
        self._since = now
        self._bytes = 0

    def arrived(self, count: int, now: float) -> None:
        """Take bytes that came; looks a few times a second whether there are too few connections or too many."""
        self._bytes += count
        seconds = now - self._since
        if seconds < _MEASURE_SECONDS:
            return
        if self._bytes / seconds < _ENOUGH_BYTES_PER_SECOND:
            self.connections = min(MOST_CONNECTIONS, self.connections * 2)
        else:
            self.connections = max(1, self.connections // 2)
        self._since, self._bytes = now, 0
