"""How many bytes may be asked for at once, so that little is lost when a download is cut off."""

_FLOOR_BYTES = 32 * 1024
_SHARE = 64
_SLOW_START = 2**26
_MOST_BYTES = 2**26
_FIRST_BYTES = 2**24
_FIRST_SHARE = 32
_FIRST_LEAST_BYTES = 2**17


class Exposure:
    """A budget of bytes on their way, earned by those that arrive untroubled: one for sixty-four, and a floor.

    What is on its way when a process is killed or an answer turns out wrong has to be fetched again. So all faults
    together cost at most one byte for sixty-four that arrive, the floor for each of them, and once what a download
    begins with, which it may as each request takes a millisecond of the processor's time.
    """

    def __init__(self, steady_bytes: int = 0) -> None:
        self.steady_bytes = steady_bytes

    @staticmethod
    def fresh(total_bytes: int) -> "Exposure":
        """Return the budget of a download that nothing has happened to yet."""
        return Exposure(_SHARE * min(_FIRST_BYTES, max(_FIRST_LEAST_BYTES, total_bytes // _FIRST_SHARE)))

    @property
    def budget_bytes(self) -> int:
        """How many bytes may be on their way now."""
        earned = min(self.steady_bytes * self.steady_bytes // _SLOW_START, self.steady_bytes // _SHARE)
        return min(_FLOOR_BYTES + earned, _MOST_BYTES)

    def arrived(self, count: int) -> None:
        """Take bytes that came and were kept."""
        self.steady_bytes += count

    def cut_off(self) -> None:
        """Note a connection that ended early; most of what it sent has arrived."""
        self.steady_bytes //= 2

    def deceived(self) -> None:
        """Note an answer of which nothing could be used."""
        self.steady_bytes = 0
