"""Tests for trying the way to the Hub step by step."""

import socket

import pytest

from engine.api.cancellation import CancellationToken
from engine.api.hub import ConnectionStep, HubAccess
from engine.hub import connection
from engine.hub.connection import check_connection
from tests.loopback_api import CERTIFICATES, TOKEN, Answer, LoopbackApi, refused

VALID = str(CERTIFICATES / "valid.pem")


def check(**fields: object) -> tuple[ConnectionStep, ...]:
    steps = check_connection(HubAccess(**fields), CancellationToken())  # type: ignore[arg-type]
    assert all(step.succeeded for step in steps[:-1])
    assert all(step.words.endswith(".") for step in steps)
    return steps


def names(steps: tuple[ConnectionStep, ...]) -> list[str]:
    return [step.name for step in steps]


def test_all_the_way_with_a_token() -> None:
    with LoopbackApi(certificate="valid") as api:
        steps = check(endpoint=api.endpoint, certificates=VALID, token=TOKEN)
    assert names(steps) == ["Settings", "Connection", "Encryption", "The Hub", "Access token"]
    assert steps[-1].succeeded
    assert "belongs to somebody" in steps[-1].words


def test_without_encryption_and_token_there_is_less_to_try(api: LoopbackApi) -> None:
    steps = check(endpoint=api.endpoint)
    assert names(steps) == ["Settings", "Connection", "The Hub"]
    assert steps[-1].succeeded
    assert api.paths() == ["/api/models"]


def test_offline_nothing_is_tried(api: LoopbackApi) -> None:
    (step,) = check(endpoint=api.endpoint, offline=True)
    assert (step.name, step.succeeded) == ("Offline", False)
    assert "work offline" in step.words
    assert api.requests == []


def test_an_address_that_is_none() -> None:
    (step,) = check(endpoint="hub")
    assert (step.name, step.succeeded) == ("Settings", False)


def test_nobody_listens() -> None:
    with LoopbackApi() as gone:
        endpoint = gone.endpoint
    steps = check(endpoint=endpoint)
    assert names(steps) == ["Settings", "Connection"]
    assert not steps[-1].succeeded
    assert "accepts no connection" in steps[-1].words


def test_a_name_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    steps = check(endpoint="https://hub.example")
    assert names(steps) == ["Settings", "Name"]
    assert "hub.example is not known" in steps[-1].words


def test_a_name_that_is_known(api: LoopbackApi) -> None:
    steps = check(endpoint=api.endpoint.replace("127.0.0.1", "localhost"))
    assert names(steps) == ["Settings", "Name", "Connection", "The Hub"]
    assert steps[-1].succeeded


def test_a_proxy_that_refuses(api: LoopbackApi) -> None:
    api.rule = lambda _request: Answer({}, 407)
    steps = check(endpoint="https://hub.example", proxy=api.endpoint)
    assert names(steps) == ["Settings", "Connection"]
    assert "name and a password" in steps[-1].words


def test_a_certificate_that_is_not_known() -> None:
    with LoopbackApi(certificate="valid") as api:
        steps = check(endpoint=api.endpoint)
    assert names(steps) == ["Settings", "Connection", "Encryption"]
    assert not steps[-1].succeeded
    assert "“Certificates”" in steps[-1].words


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(b"<html>Log in"), "asks for a login"),
        (Answer({"hello": 1}), "that the Hub does not give"),
        (refused("", 503), "problem of its own"),
        (refused("", 404), "no Hub at this address"),
        (Answer({}, 429, {"Retry-After": "9"}), "9 seconds"),
    ],
)
def test_a_server_that_is_no_hub(api: LoopbackApi, answer: Answer, words: str) -> None:
    api.rule = lambda _request: answer
    steps = check(endpoint=api.endpoint)
    assert names(steps) == ["Settings", "Connection", "The Hub"]
    assert not steps[-1].succeeded
    assert words in steps[-1].words


def test_a_server_that_says_nothing(api: LoopbackApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_MOST_SECONDS", 0.3)
    api.held.clear()
    steps = check(endpoint=api.endpoint)
    api.held.set()
    assert names(steps) == ["Settings", "Connection", "The Hub"]
    assert "took too long" in steps[-1].words


def test_a_token_that_is_not_accepted(api: LoopbackApi) -> None:
    steps = check(endpoint=api.endpoint, token="hf_old")
    assert names(steps)[-1] == "Access token"
    assert not steps[-1].succeeded
    assert "has expired or was revoked" in steps[-1].words


def test_a_mirror_that_knows_no_tokens(api: LoopbackApi) -> None:
    api.rule = lambda request: refused("", 404) if "whoami" in request.path else None
    steps = check(endpoint=api.endpoint, token=TOKEN)
    assert steps[-1].succeeded
    assert "can't tell" in steps[-1].words
