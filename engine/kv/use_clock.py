"""When something was used, in an order that stands whatever the system's clock does."""

import time


class UseClock:
    """Seconds since the epoch that never go back: not with the system's clock, and not behind a time found on a file.

    They pass as time does, so that a conversation used a minute later is a minute newer whatever the clock says.
    """

    def __init__(self) -> None:
        self._ahead = time.time() - time.perf_counter()

    def now(self) -> float:
        """Return a time that is not before any returned or seen until now."""
        passed = time.perf_counter()
        self._ahead = max(self._ahead, time.time() - passed)  # the other one stands still while a machine sleeps
        return passed + self._ahead

    def has_seen(self, used_at: float) -> None:
        """Go on from this time if it is later: of a clock that was ahead, or of another process."""
        self._ahead = max(self._ahead, used_at - time.perf_counter())
