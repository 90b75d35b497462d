"""Asks the Hub what a checkpoint is made of, a few times if need be, and stops at once when the user does."""

import threading
import time
from collections.abc import Callable

from engine.api.cancellation import CancellationToken
from engine.api.errors import EngineError
from engine.api.hub import HubAccess
from engine.hub.download.retry import Troubles, cause_of
from engine.hub.repository import RemoteCheckpoint, inspect

_QUESTIONS = 3
_TICK_SECONDS = 0.05


def ask(
    hub_id: str, revision: str, access: HubAccess, cancellation: CancellationToken, report: Callable[[str], None]
) -> RemoteCheckpoint:
    """Return the files of a checkpoint. report is called with a sentence while the next try is waited for.

    Raises EngineError as repository.inspect does, and Cancelled.
    """
    troubles = Troubles(_QUESTIONS)
    while True:
        began_at = time.monotonic()
        try:
            return _Question(hub_id, revision, access).wait(cancellation)
        except EngineError as error:
            cause = cause_of(error)
            if cause is None or not troubles.note(cause, began_at, time.monotonic()):
                raise
        last = ""
        while (now := time.monotonic()) < troubles.until:
            cancellation.raise_if_cancelled()
            if (words := troubles.words(now)) != last:
                report(words)
                last = words
            time.sleep(min(_TICK_SECONDS, troubles.until - now))


class _Question:
    """One request on a thread of its own: an answer that doesn't come can't be interrupted."""

    def __init__(self, hub_id: str, revision: str, access: HubAccess) -> None:
        self._arguments = hub_id, revision, access
        self._answer: RemoteCheckpoint | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._ask, name="download-ask", daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        try:
            self._answer = inspect(*self._arguments)
        except BaseException as error:  # whatever it is, the lane's thread has to know
            self._failure = error

    def wait(self, cancellation: CancellationToken) -> RemoteCheckpoint:
        while self._thread.is_alive():
            cancellation.raise_if_cancelled()
            self._thread.join(_TICK_SECONDS)
        if self._answer is None:
            raise self._failure or RuntimeError("no answer")
        return self._answer
