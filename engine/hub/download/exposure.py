"""How many bytes may be asked for at once, so that little is lost when a download is cut off."""

_FLOOR_BYTES = 32 * 1024
_SHARE = 40
_SLOW_START = 2**26
_MOST_BYTES = 2**26
# The budget that a download begins with: each request costs a moment in which nothing comes.
_FIRST_BYTES = 2**24
_FIRST_SHARE = 64
_FIRST_LEAST_BYTES = 2**17


class Exposure:
    """A budget of bytes on their way, earned by those that arrive untroubled: one for forty, and a floor.

    What is on its way when a process is killed or an answer turns out wrong has to be fetched again. So all faults
    together cost at most a fortieth of what arrives, and the floor for each of them.
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
