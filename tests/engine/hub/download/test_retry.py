"""When a failure is tried again, how long is waited, and what is said."""

import email.utils
from types import SimpleNamespace

import httpx2
import pytest
from huggingface_hub.errors import HfHubHTTPError

from engine.hub import refusals
from engine.hub.download.exposure import Exposure
from engine.hub.download.rate import Rate
from engine.hub.download.retry import (
    LINE_SECONDS,
    MOST_ATTEMPTS,
    Troubles,
    WrongAnswer,
    asked_seconds,
    backoff_seconds,
    cause_of,
    may_pass,
)
from engine.hub.download.width import MOST_CONNECTIONS, Width


def answered(status: int, retry_after: str = "") -> HfHubHTTPError:
    headers = {"Retry-After": retry_after} if retry_after else {}
    request = httpx2.Request("GET", "http://hub.example")
    return HfHubHTTPError("no", response=httpx2.Response(status, headers=headers, request=request))


@pytest.mark.parametrize(
    ("error", "passes"),
    [(answered(status), True) for status in (408, 429, 500, 502, 503, 504)]
    + [(answered(status), False) for status in (400, 401, 403, 404, 451)]
    + [(httpx2.ReadTimeout(""), True), (httpx2.ConnectError(""), True), (httpx2.UnsupportedProtocol(""), False)]
    + [(ValueError(), False), (ConnectionResetError(), True)],
)
def test_what_may_pass(error: BaseException, passes: bool) -> None:
    assert may_pass(error) is passes
    wrapped = RuntimeError()
    wrapped.__cause__ = error
    hub_failure = isinstance(error, HfHubHTTPError | httpx2.HTTPError)
    assert cause_of(wrapped) is (error if passes and hub_failure else None)


def test_retry_after_as_seconds_and_as_date(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked_seconds(answered(429, "7")) == 7
    monkeypatch.setattr(refusals, "time", SimpleNamespace(time=lambda: 1_000_000.0))
    later = email.utils.formatdate(1_000_060.0, usegmt=True)
    assert asked_seconds(answered(503, later)) == 60
    assert asked_seconds(answered(503, "Mon, 12 Jan 1970 15:46:50 +0200")) == 10
    assert asked_seconds(answered(429, "Mon, 12 Jan 1970 15:46:40 +0200")) == pytest.approx(0.1)
    assert asked_seconds(answered(429, "99999999")) == 300
    assert asked_seconds(answered(429, "soon")) is None
    assert asked_seconds(answered(429)) is None
    assert asked_seconds(httpx2.ReadTimeout("")) is None


def test_pauses_grow_and_end() -> None:
    pauses = [backoff_seconds(attempt) for attempt in range(1, 12)]
    assert pauses[0] <= 0.1
    assert all(0.3 * 2 ** (number - 1) <= pauses[number] <= 0.5 * 2 ** (number - 1) for number in range(1, 7))
    assert max(pauses) <= 30


def test_tries_are_counted_until_something_arrives() -> None:
    troubles = Troubles()
    for attempt in range(MOST_ATTEMPTS - 1):
        assert troubles.note(httpx2.ReadError(""), began_at=attempt, now=attempt + 0.5)
    troubles.end()
    assert troubles.attempts == 0
    outcomes = [troubles.note(httpx2.ReadError(""), 100.0 + each, 100.5 + each) for each in range(MOST_ATTEMPTS)]
    assert outcomes == [True] * (MOST_ATTEMPTS - 1) + [False]


def test_a_line_that_is_gone_gets_minutes_to_come_back_and_a_wrong_answer_does_not() -> None:
    troubles = Troubles(line_seconds=LINE_SECONDS)
    times = [100.0 + 12 * number for number in range(17)]
    outcomes = [troubles.note(httpx2.ConnectError(""), now - 1, now) for now in times]
    assert outcomes == [now - times[0] < LINE_SECONDS for now in times]
    assert outcomes.count(True) > MOST_ATTEMPTS
    troubles.end()
    outcomes = [troubles.note(WrongAnswer(""), 400.0 + each, 400.5 + each) for each in range(MOST_ATTEMPTS)]
    assert outcomes == [True] * (MOST_ATTEMPTS - 1) + [False]


def test_connections_that_fail_together_are_one_try() -> None:
    troubles = Troubles()
    for _ in range(20):
        assert troubles.note(httpx2.ReadError(""), began_at=1.0, now=2.0)
    assert troubles.attempts == 1


def test_of_two_answers_that_ask_to_wait_the_longer_wait_counts() -> None:
    troubles = Troubles()
    troubles.note(answered(429, "12"), 0.0, 1.0)
    troubles.note(answered(429, "3"), 0.5, 1.5)
    assert troubles.until == 13.0


def test_the_wait_is_told_as_a_countdown() -> None:
    troubles = Troubles()
    troubles.note(answered(429, "12"), 0.0, 1.0)
    assert troubles.words(1.0) == "The Hub has had too many requests; going on in 12 s."
    assert troubles.words(9.6) == "The Hub has had too many requests; going on in 3 s."
    assert troubles.words(13.5) == ""


def test_speed_is_that_of_the_last_seconds() -> None:
    rate = Rate(0.0)
    for tick in range(1, 101):
        rate.note(tick / 10, tick * 1000)
    assert rate.per_second == pytest.approx(10_000, rel=0.01)
    for tick in range(101, 161):
        rate.note(tick / 10, 100_000)
    assert rate.per_second == 0
    assert rate.silent_seconds == pytest.approx(6.0)


def test_all_faults_together_cost_a_small_part_of_what_arrives() -> None:
    exposure, arrived, lost = Exposure.fresh(200_000_000), 0, 0
    while arrived < 200_000_000:
        for _ in range(1_000_000 // 65_536):
            exposure.arrived(65_536)
            arrived += 65_536
        lost += exposure.budget_bytes // 2
        exposure = Exposure()
    assert lost < 0.04 * arrived
    for _ in range(10_000):
        exposure.arrived(2**20)
    assert exposure.budget_bytes == 2**26


def test_connections_grow_until_the_line_is_full() -> None:
    width, now = Width(0.0), 0.0
    for _ in range(5):
        now += 0.3
        width.arrived(1_000_000, now)
    assert width.connections == MOST_CONNECTIONS
    for _ in range(5):
        now += 0.3
        width.arrived(200_000_000, now)
    assert width.connections == 1
