"""Waiting for the network without sitting in it: a job on a thread of its own, left behind as soon as it is cancelled.

A request that waits for an answer can't be woken up. Each has a time limit, after which its thread ends by itself; one
that reads files of a dead server ends with the process.
"""

import math
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from time import monotonic
from typing import TypeVar

from engine.api.cancellation import CancellationToken

_LOOK_SECONDS = 0.03
_Outcome = TypeVar("_Outcome")


def awaited(job: Callable[[], _Outcome], cancellation: CancellationToken, most_seconds: float = math.inf) -> _Outcome:
    """Return what the job returns, or raise what it raises.

    Raises Cancelled at once, whatever the job is doing, and TimeoutError after most_seconds.
    """
    future: Future[_Outcome] = Future()

    def work() -> None:
        try:
            future.set_result(job())
        except BaseException as error:  # it belongs to whoever waits
            future.set_exception(error)

    cancellation.raise_if_cancelled()
    end = monotonic() + most_seconds
    threading.Thread(target=work, name="hub-question", daemon=True).start()
    while True:
        try:
            return future.result(_LOOK_SECONDS)
        except NotYet:
            if future.done():  # it ended just now, or ran into a time limit itself
                return future.result()
            cancellation.raise_if_cancelled()
            if monotonic() > end:
                raise TimeoutError("no answer in time") from None
