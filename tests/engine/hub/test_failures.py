"""Tests for the sentences about the Hub, with real servers, real refusals and real broken ways."""

import logging
import socket
import ssl
import traceback
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from time import time

import httpx2
import pytest

from engine.api.errors import EngineError, ErrorKind, ErrorReport
from engine.api.hub import HubAccess
from engine.hub.failures import HUB_FAILURES, explained
from engine.hub.session import session_for
from tests.loopback_api import CERTIFICATES, TOKEN, Answer, LoopbackApi, refused

HUB_ID = "owner/chat"
CANARY = "hf_secretSecretSecret"


def failure(access: HubAccess, hub_id: str = HUB_ID) -> EngineError:
    try:
        session_for(access).ask(f"/api/models/{hub_id}")
    except HUB_FAILURES as error:
        found = explained(error, hub_id, access)
        found.__cause__ = error
        return found
    except EngineError as error:
        return error
    raise AssertionError("it was answered")


def report_of(access: HubAccess, hub_id: str = HUB_ID) -> ErrorReport:
    report = failure(access, hub_id).report
    assert report.message.endswith(".")
    assert report.hint.endswith(".")
    return report


@pytest.mark.parametrize(
    ("answer", "has_token", "kind", "words", "link"),
    [
        (refused("GatedRepo", 401), False, ErrorKind.TOKEN_NEEDED, "accepted the terms", "/settings/tokens"),
        (refused("GatedRepo", 403), False, ErrorKind.TOKEN_NEEDED, "accepted the terms", "/settings/tokens"),
        (refused("GatedRepo", 403), True, ErrorKind.TERMS_NOT_ACCEPTED, "accepted the terms", "/owner/chat"),
        (refused("GatedRepo", 403, "Your request to access model x is awaiting a review from the repo authors."), True,
         ErrorKind.TERMS_NOT_ACCEPTED, "still waits", "/owner/chat"),
        (refused("GatedRepo", 403, "Your request has been rejected by the repo's authors."), True,
         ErrorKind.TERMS_NOT_ACCEPTED, "turned your request down", "/owner/chat"),
        (refused("GatedRepo", 401), True, ErrorKind.TOKEN_NEEDED, "has expired", "/settings/tokens"),
        (refused("", 401, "Invalid credentials in Authorization header"), True, ErrorKind.TOKEN_NEEDED, "has expired",
         "/settings/tokens"),
        (refused("", 401), False, ErrorKind.TOKEN_NEEDED, "not shown to everyone", "/settings/tokens"),
        (refused("RepoNotFound", 401), False, ErrorKind.CHECKPOINT_NOT_FOUND, "no model “owner/chat”", ""),
        (refused("", 403), True, ErrorKind.TOKEN_NEEDED, "may not read owner/chat", "/settings/tokens"),
        (refused("", 403), False, ErrorKind.TOKEN_NEEDED, "does not allow access", "/settings/tokens"),
        (refused("", 403, "Access to this resource is disabled."), False, ErrorKind.CHECKPOINT_NOT_FOUND,
         "disabled", ""),
        (refused("RepoNotFound", 404), False, ErrorKind.CHECKPOINT_NOT_FOUND, "no model “owner/chat”", ""),
        (refused("RevisionNotFound", 404), False, ErrorKind.CHECKPOINT_NOT_FOUND, "no such revision", ""),
        (refused("EntryNotFound", 404), False, ErrorKind.CHECKPOINT_NOT_FOUND, "no such file", ""),
        (refused("", 404), True, ErrorKind.CHECKPOINT_NOT_FOUND, "somebody who may see it", ""),
        (refused("", 407), False, ErrorKind.NETWORK, "name and a password", ""),
        (refused("", 451), False, ErrorKind.NETWORK, "legal reasons", ""),
        (refused("", 418), False, ErrorKind.NETWORK, "answered 418 for owner/chat", ""),
        (refused("", 500), False, ErrorKind.NETWORK, "problem of its own (500)", ""),
        (refused("", 503), False, ErrorKind.NETWORK, "problem of its own (503)", ""),
        (Answer({}, 429, {"Retry-After": "7"}), False, ErrorKind.NETWORK, "in 7 seconds", ""),
        (Answer({}, 429, {"Retry-After": "600"}), False, ErrorKind.NETWORK, "in 10 minutes", ""),
        (Answer({}, 429, {"Retry-After": formatdate(time() + 3000, usegmt=True)}), False, ErrorKind.NETWORK,
         "minutes", ""),
        (Answer({}, 429, {"Retry-After": "soon"}), False, ErrorKind.NETWORK, "a few minutes", ""),
        (Answer(b"<!DOCTYPE html><title>Log in</title>"), False, ErrorKind.NETWORK, "asks for a login", ""),
        (Answer(b"nonsense"), False, ErrorKind.NETWORK, "that the Hub does not give", ""),
        (Answer(b"{" * 100_000), False, ErrorKind.NETWORK, "that the Hub does not give", ""),
    ],
)  # fmt: skip
def test_each_answer_has_its_sentence(
    api: LoopbackApi, answer: Answer, has_token: bool, kind: ErrorKind, words: str, link: str
) -> None:
    api.rule = lambda _request: answer
    access = HubAccess(endpoint=api.endpoint, token=CANARY if has_token else "")
    report = report_of(access)
    assert report.kind is kind
    assert words in report.sentence()
    assert report.link == (f"{api.endpoint}{link}" if link else "")
    assert CANARY not in str(report)


def test_questions_about_no_model(api: LoopbackApi) -> None:
    def asked(status: int) -> ErrorReport:
        api.rule = lambda _request: refused("", status)
        with pytest.raises(HUB_FAILURES) as caught:
            session_for(HubAccess(endpoint=api.endpoint)).ask("/api/models")
        return explained(caught.value, access=HubAccess(endpoint=api.endpoint)).report

    assert asked(404).message == "There is no Hub at this address."
    assert asked(401).kind is ErrorKind.TOKEN_NEEDED
    assert "asks for an access token" in asked(401).message
    assert "None" not in asked(403).sentence() + asked(500).sentence() + asked(418).sentence()


def test_the_true_cause_is_found_below_what_hides_it(api: LoopbackApi) -> None:
    api.rule = lambda _request: refused("", 429)
    with pytest.raises(HUB_FAILURES) as caught:
        session_for(HubAccess(endpoint=api.endpoint)).ask("/x")
    hiding = FileNotFoundError("it is not there")
    hiding.__cause__ = caught.value
    assert "too many requests" in explained(hiding, HUB_ID).report.message


def test_nobody_listens() -> None:
    with LoopbackApi() as gone:
        endpoint = gone.endpoint
    report = report_of(HubAccess(endpoint=endpoint))
    assert report.kind is ErrorKind.NETWORK
    assert "could not be reached: 127.0.0.1" in report.message
    assert "accepts no connection" in report.message


def test_a_name_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    report = report_of(HubAccess(endpoint="https://hub.example"))
    assert report.message == "The Hub could not be reached: the name hub.example is not known."


def test_a_server_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with LoopbackApi() as slow:
        slow.held.clear()
        access = HubAccess(endpoint=slow.endpoint)
        with pytest.raises(httpx2.ReadTimeout) as caught:
            session_for(access).ask("/api/models", patience_seconds=0.2)
        assert "took too long" in explained(caught.value, access=access).report.message


@pytest.mark.parametrize(
    ("certificate", "words"),
    [("valid", "signed by an authority"), ("expired", "has expired"), ("other-name", "Another server answers")],
)
def test_certificates_that_are_not_accepted(certificate: str, words: str) -> None:
    # The one that is valid is not known here; the others are, and are wrong in another way.
    known = "" if certificate == "valid" else str(CERTIFICATES / f"{certificate}.pem")
    with LoopbackApi(certificate=certificate) as api:
        report = report_of(HubAccess(endpoint=api.endpoint, certificates=known))
        assert report.kind is ErrorKind.NETWORK
        assert words in report.message
        assert api.requests == []


def test_a_certificate_of_the_organisation_is_accepted() -> None:
    with LoopbackApi(certificate="valid") as api:
        access = HubAccess(endpoint=api.endpoint, certificates=str(CERTIFICATES / "valid.pem"), token=TOKEN)
        assert session_for(access).ask("/api/whoami-v2") == {"name": "somebody"}


def test_https_where_only_http_is_spoken(api: LoopbackApi) -> None:
    report = report_of(HubAccess(endpoint=api.endpoint.replace("http:", "https:")))
    assert "No encrypted connection" in report.message


def test_a_proxy_that_wants_a_password(api: LoopbackApi) -> None:
    api.rule = lambda _request: Answer({}, 407, {"Proxy-Authenticate": "Basic"})
    for endpoint in ("https://hub.example", "http://hub.example"):
        report = report_of(HubAccess(endpoint=endpoint, proxy=api.endpoint))
        assert report.message == "The proxy asks for a name and a password."


def test_a_proxy_that_is_not_there() -> None:
    with LoopbackApi() as gone:
        place = gone.endpoint.removeprefix("http://")
    report = report_of(HubAccess(endpoint="https://hub.example", proxy=f"http://me:{CANARY}@{place}"))
    assert report.message == f"The Hub could not be reached: the proxy {place} does not answer."
    assert CANARY not in str(report)


def test_a_proxy_that_refuses_the_way(api: LoopbackApi) -> None:
    api.rule = lambda _request: Answer({}, 403)
    report = report_of(HubAccess(endpoint="https://hub.example", proxy=api.endpoint))
    assert "refuses the way to the Hub" in report.message


def test_a_circle_of_redirects(api: LoopbackApi) -> None:
    api.rule = lambda request: Answer({}, 302, {"Location": request.path})
    assert "leads in a circle" in report_of(HubAccess(endpoint=api.endpoint)).message


def test_a_connection_that_is_cut() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        import threading

        def cut() -> None:
            connection, _ = server.accept()
            connection.recv(1000)
            connection.close()

        thread = threading.Thread(target=cut)
        thread.start()
        report = report_of(HubAccess(endpoint=f"http://127.0.0.1:{server.getsockname()[1]}"))
        thread.join()
    assert report.message == "The connection to the Hub was lost."


@pytest.mark.parametrize("hub_id", ["", "a b", "a/b/c", "--", "../x", "x" * 500])
def test_names_that_cannot_be(api: LoopbackApi, hub_id: str) -> None:
    from engine.hub.session import repository_path

    with pytest.raises(HUB_FAILURES) as caught:
        repository_path(hub_id)
    assert explained(caught.value, hub_id).report.kind is ErrorKind.CHECKPOINT_NOT_FOUND


def test_a_server_that_repeats_the_token_brings_it_into_no_report(api: LoopbackApi) -> None:
    headers = {"X-Error-Message": CANARY, "X-Request-Id": CANARY, "X-Error-Code": CANARY}
    for status in (400, 401, 403, 404, 429, 500):
        api.rule = lambda _request, status=status: Answer({"error": f"Bearer {CANARY}"}, status, headers)  # type: ignore[misc]
        assert CANARY not in str(report_of(HubAccess(endpoint=api.endpoint, token=CANARY)))


@pytest.fixture
def broken_ways(api: LoopbackApi) -> list[Callable[[], HubAccess]]:
    with LoopbackApi() as gone:
        endpoint = gone.endpoint
    return [
        lambda: HubAccess(endpoint=api.endpoint, token=CANARY),
        lambda: HubAccess(endpoint=endpoint, token=CANARY),
        lambda: HubAccess(endpoint=f"{endpoint}/\n", token=CANARY),
        lambda: HubAccess(endpoint=endpoint, token=f"{CANARY}é\n"),
        lambda: HubAccess(endpoint=endpoint, token=CANARY, proxy=f"http://u:{CANARY}@127.0.0.1:1"),
        lambda: HubAccess(endpoint=endpoint, proxy=f"ftp://u:{CANARY}@127.0.0.1:1"),
        lambda: HubAccess(endpoint=f"http://u:{CANARY}@127.0.0.1:1"),
        lambda: HubAccess(endpoint="http://hub.example", token=CANARY),
        lambda: HubAccess(endpoint=endpoint, token=CANARY, certificates=__file__),
    ]


def test_no_secret_is_in_anything_that_is_shown_or_logged(
    api: LoopbackApi, broken_ways: list[Callable[[], HubAccess]], caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    api.rule = lambda _request: refused("", 400)
    with caplog.at_level(logging.DEBUG):
        for make in broken_ways:
            access = make()
            error = failure(access)
            told = "".join(
                (repr(access), str(access), repr(error), repr(error.report), *traceback.format_exception(error))
            )
            assert CANARY not in told, told
            logging.getLogger("engine").error("failed", exc_info=error)
    assert CANARY not in caplog.text
    assert CANARY not in "".join(capfd.readouterr())


def test_ssl_errors_without_a_code_are_about_certificates_nevertheless() -> None:
    error = httpx2.ConnectError("x")
    error.__cause__ = ssl.SSLCertVerificationError("certificate is not trusted")
    assert "authority" in explained(error).report.message


def test_files_that_cannot_be_written(tmp_path: Path) -> None:
    report = explained(PermissionError(13, "denied", str(tmp_path)), HUB_ID).report
    assert report.kind is ErrorKind.DISK
