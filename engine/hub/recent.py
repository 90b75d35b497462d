"""What the Hub answered a moment ago, so that a search and the plans of its results don't ask everything twice."""

import threading
from time import monotonic

_KEPT_SECONDS = 300.0
_MOST_KEPT = 500
Key = tuple[str, ...]


class RecentAnswers:
    """Answers by what was asked for. Any thread; the oldest go first."""

    def __init__(self, kept_seconds: float = _KEPT_SECONDS) -> None:
        self._kept_seconds = kept_seconds
        self._lock = threading.Lock()
        self._answers: dict[Key, tuple[float, object]] = {}

    def get(self, key: Key) -> object | None:
        """Return the answer if it is recent, else None."""
        with self._lock:
            since, answer = self._answers.get(key, (0.0, None))
            return answer if answer is not None and monotonic() - since < self._kept_seconds else None

    def put(self, key: Key, answer: object) -> None:
        """Keep an answer."""
        with self._lock:
            self._answers.pop(key, None)
            self._answers[key] = (monotonic(), answer)
            while len(self._answers) > _MOST_KEPT:
                del self._answers[next(iter(self._answers))]
