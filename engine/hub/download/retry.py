"""What to do when the network or the Hub fails: which failures may pass, how long to wait, and what to say."""

import random

from huggingface_hub.errors import HfHubHTTPError

from engine.hub.failures import causes_of
from engine.hub.http_library import httpx2
from engine.hub.refusals import retry_seconds

MOST_ATTEMPTS = 8
# A line that is gone (a router that starts again, a train in a tunnel) gets so long to come back.
LINE_SECONDS = 180.0
_FIRST_SECONDS = 0.1
_SECOND_SECONDS = 0.5
_LONGEST_SECONDS = 30.0
_LONGEST_ASKED_SECONDS = 300.0
_STALL_SECONDS = 5.0
_WORTH_TELLING_SECONDS = 0.5
_TIMEOUT, _TOO_MANY, _SERVER_ERROR = 408, 429, 500


class WrongAnswer(Exception):
    """The answer is not what was asked for; nothing of it was used."""


class AddressExpired(Exception):
    """The storage behind the Hub no longer accepts the address that the Hub gave."""


class Unresumable(Exception):
    """The server doesn't give out this file in ranges; is_refusal: it says there is no such range."""

    def __init__(self, *, is_refusal: bool) -> None:
        super().__init__("the range does not exist" if is_refusal else "ranges are ignored")
        self.is_refusal = is_refusal


class Troubles:
    """Counts tries since the last byte that arrived, and says until when to wait. Seconds of time.monotonic()."""

    def __init__(self, most_attempts: int = MOST_ATTEMPTS, line_seconds: float = 0.0) -> None:
        self._most_attempts = most_attempts
        self._line_seconds = line_seconds
        self._since = 0.0
        self.attempts = 0
        self.until = 0.0
        self._noted_at = 0.0
        self._is_worth_telling = False
        self._reason = ""
        self.last: BaseException | None = None

    def note(self, error: BaseException, began_at: float, now: float) -> bool:
        """Take a failure that may pass; return whether to go on. Requests that failed together count as one try."""
        asked = asked_seconds(error)
        if began_at >= self._noted_at:
            if self.attempts == 0:
                self._since = now
            self.attempts += 1
            self._noted_at = now
            wait = asked if asked is not None else backoff_seconds(self.attempts)
            self.until = now + wait
        elif asked is not None:
            self.until = max(self.until, now + asked)
        self.last = error
        self._reason = _reason(error)
        self._is_worth_telling = self.until - now > _WORTH_TELLING_SECONDS
        is_patient = _is_line(error) and now - self._since < self._line_seconds
        return is_patient or self.attempts < self._most_attempts

    def end(self) -> None:
        """Note that something arrived."""
        if self.attempts:
            self.attempts, self.until, self.last = 0, 0.0, None

    def words(self, now: float) -> str:
        """Return a sentence for the wait that goes on, empty if there is none worth telling."""
        left = self.until - now
        if left <= 0 or not self._is_worth_telling:
            return ""
        return f"{self._reason}; going on in {max(1, round(left))} s."

    @property
    def stall_seconds(self) -> float:
        """How long a connection may be silent before another is tried."""
        return min(_LONGEST_SECONDS, _STALL_SECONDS * 2.0 ** max(0, self.attempts - 1))


def _is_line(error: BaseException) -> bool:
    """Return whether nobody was reached, or nobody was heard any more."""
    return isinstance(error, httpx2.NetworkError | httpx2.TimeoutException | httpx2.ProxyError)


def may_pass(error: BaseException) -> bool:
    """Return whether the same request may succeed later."""
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        return status in (_TIMEOUT, _TOO_MANY) or status >= _SERVER_ERROR
    if isinstance(error, httpx2.UnsupportedProtocol | httpx2.InvalidURL | httpx2.TooManyRedirects):
        return False
    passing = (httpx2.TransportError, WrongAnswer, AddressExpired, Unresumable, OSError)
    return isinstance(error, passing)


def cause_of(error: BaseException) -> BaseException | None:
    """Return the failure behind a sentence that may pass, None if there is none."""
    for cause in causes_of(error):
        if isinstance(cause, httpx2.TransportError | HfHubHTTPError):
            return cause if may_pass(cause) else None
    return None


def backoff_seconds(attempt: int) -> float:
    """Return how long to wait before the next try after so many, with chance in it."""
    if attempt <= 1:
        return _FIRST_SECONDS
    longest = min(_LONGEST_SECONDS, _SECOND_SECONDS * 2.0 ** (attempt - 2))
    return longest * random.uniform(0.6, 1.0)


def asked_seconds(error: BaseException) -> float | None:
    """Return how long the server asks to wait (Retry-After), None if it doesn't."""
    if not isinstance(error, HfHubHTTPError):
        return None
    seconds = retry_seconds(error.response.headers.get("Retry-After") or "")
    return None if seconds is None else min(max(seconds, _FIRST_SECONDS), _LONGEST_ASKED_SECONDS)


def _reason(error: BaseException) -> str:
    if isinstance(error, HfHubHTTPError):
        if error.response.status_code == _TOO_MANY:
            return "The Hub has had too many requests"
        return f"The Hub has a problem of its own ({error.response.status_code})"
    if isinstance(error, WrongAnswer | AddressExpired | Unresumable):
        return "Something else than the file was answered"
    if isinstance(error, httpx2.ReadTimeout):
        return "Nothing arrives any more"
    if isinstance(error, httpx2.ReadError | httpx2.RemoteProtocolError | httpx2.WriteError):
        return "The connection to the Hub was lost"
    return "The Hub can't be reached"
