"""Asks the Hub what a checkpoint is made of, a few times if need be, and stops at once when the user does."""

import time
from collections.abc import Callable

from engine.api.cancellation import CancellationToken
from engine.api.errors import EngineError
from engine.api.hub import HubAccess
from engine.hub.download.retry import Troubles, cause_of
from engine.hub.repository import RemoteCheckpoint, inspect
from engine.hub.waiting import awaited

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
            return awaited(lambda: inspect(hub_id, revision, access), cancellation)
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
