"""Tests for waiting without sitting in what is waited for."""

import threading

import pytest

from engine.api.cancellation import CancellationToken
from engine.api.errors import Cancelled
from engine.hub.waiting import awaited


def test_what_comes_of_a_job() -> None:
    assert awaited(lambda: 7, CancellationToken()) == 7
    with pytest.raises(KeyError, match="x"):
        awaited(lambda: {}["x"], CancellationToken())
    with pytest.raises(TimeoutError, match="its own"):
        awaited(lambda: (_ for _ in ()).throw(TimeoutError("its own")), CancellationToken())


def test_cancelling_and_running_late_end_the_waiting_at_once() -> None:
    released, token, went_on = threading.Event(), CancellationToken(), []
    with pytest.raises(TimeoutError, match="in time"):
        awaited(lambda: went_on.append(released.wait(30)), token, most_seconds=0.1)
    threading.Timer(0.1, token.cancel).start()
    with pytest.raises(Cancelled):
        awaited(lambda: went_on.append(released.wait(30)), token)
    assert not went_on, "the job was waited for"
    released.set()


def test_a_cancelled_job_is_not_begun() -> None:
    token, begun = CancellationToken(), []
    token.cancel()
    with pytest.raises(Cancelled):
        awaited(lambda: begun.append(1), token)
    assert begun == []
