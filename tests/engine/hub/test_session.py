"""Tests for the one way to the Hub: where the token goes, how proxies and mirrors are used, what is refused."""

import gc
import weakref

import pytest

from engine.api.cancellation import CancellationToken
from engine.api.errors import Cancelled, EngineError, ErrorKind
from engine.api.hub import HubAccess
from engine.hub import session as session_module
from engine.hub.session import HubSession, NoHubAnswer, endpoint_of, proxy_of, session_for
from tests.loopback_api import CERTIFICATES, TOKEN, Answer, LoopbackApi

VALID = str(CERTIFICATES / "valid.pem")


def refusal(**fields: str) -> str:
    with pytest.raises(EngineError) as caught:
        session_for(HubAccess(**fields))  # type: ignore[arg-type]
    assert caught.value.report.kind in (ErrorKind.INVALID_COMMAND, ErrorKind.TOKEN_NEEDED)
    assert caught.value.report.hint.endswith(".")
    return caught.value.report.message


@pytest.mark.parametrize(
    "endpoint",
    ["ftp://hub.example", "hub.example", "https://", "https:///x", "http://[x", "https://hub.example:99999",
     "https://a b", "https://hub.example?x=1", "javascript:alert(1)"],
)  # fmt: skip
def test_addresses_that_are_none(endpoint: str) -> None:
    assert refusal(endpoint=endpoint) == "The address of the Hub is no web address."


def test_a_password_in_the_address_is_refused() -> None:
    assert "name or a password" in refusal(endpoint="https://me:secret@hub.example")


@pytest.mark.parametrize("token", ["hf_\nX-Other: 1", "hf_é", "hf x", "hf_\x00", "\u200bhf"])
def test_a_damaged_token_is_refused_before_any_library_sees_it(token: str) -> None:
    assert "damaged" in refusal(endpoint="https://hub.example", token=token)


@pytest.mark.parametrize("endpoint", ["http://hub.example", "http://10.0.0.7:8080", "http://localhost.example"])
def test_the_token_travels_encrypted_or_not_at_all(endpoint: str) -> None:
    assert "unencrypted" in refusal(endpoint=endpoint, token=TOKEN)
    assert HubSession(HubAccess(endpoint=endpoint)).headers(f"{endpoint}/x").get("Authorization") is None


@pytest.mark.parametrize(
    "url",
    ["https://hub.example:444/x", "http://hub.example/x", "https://cdn.hub.example/x", "https://hub.example.org/x",
     "https://evil.example/https://hub.example/"],
)  # fmt: skip
def test_the_token_goes_to_the_endpoint_only(url: str) -> None:
    session = HubSession(HubAccess(endpoint="https://hub.example", token=TOKEN))
    assert "Authorization" not in session.headers(url)
    assert session.headers("https://hub.example/a/b")["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_take_the_token_nowhere_else(api: LoopbackApi, status: int) -> None:
    with LoopbackApi() as other:
        other.rule = lambda _request: Answer({"other": True})
        api.rule = lambda _request: Answer({}, status, {"Location": f"{other.endpoint}/elsewhere"})
        session = session_for(HubAccess(endpoint=api.endpoint, token=TOKEN))
        assert session.ask("/api/models") == {"other": True}
        assert api.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
        assert "authorization" not in other.requests[0].headers
        assert TOKEN not in str(other.requests)


def test_a_redirect_from_https_to_http_loses_the_token(api: LoopbackApi) -> None:
    with LoopbackApi(certificate="valid") as secure:
        secure.rule = lambda _request: Answer({}, 307, {"Location": f"{api.endpoint}/plain"})
        api.rule = lambda _request: Answer([])
        session_for(HubAccess(endpoint=secure.endpoint, token=TOKEN, certificates=VALID)).ask("/api/models")
        assert secure.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
        assert "authorization" not in api.requests[0].headers


def test_a_redirect_on_the_endpoint_keeps_the_token(api: LoopbackApi) -> None:
    api.rule = lambda request: Answer({}, 307, {"Location": "/new"}) if request.path == "/old" else Answer({"new": 1})
    assert session_for(HubAccess(endpoint=api.endpoint, token=TOKEN)).ask("/old") == {"new": 1}
    assert api.requests[1].headers["authorization"] == f"Bearer {TOKEN}"


def test_a_mirror_may_lie_below_a_path(api: LoopbackApi) -> None:
    api.rule = lambda _request: Answer([])
    session_for(HubAccess(endpoint=f"{api.endpoint}/hub/")).ask("/api/models", {"limit": 1})
    assert api.paths() == ["/hub/api/models"]


def test_the_environment_names_the_endpoint(api: LoopbackApi, monkeypatch: pytest.MonkeyPatch) -> None:
    assert endpoint_of(HubAccess()) == "https://huggingface.co"
    monkeypatch.setenv("HF_ENDPOINT", f"{api.endpoint}/")
    assert endpoint_of(HubAccess()) == api.endpoint
    assert endpoint_of(HubAccess(endpoint="https://mirror.example/")) == "https://mirror.example"


@pytest.mark.parametrize("proxy", ["ftp://p:1", "http://p:x", "//", "nonsense://"])
def test_proxies_that_are_none(proxy: str) -> None:
    assert "proxy" in refusal(endpoint="https://hub.example", proxy=proxy)


def test_a_socks_proxy_is_used_or_said_to_need_something(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        import socksio  # type: ignore[import-not-found]  # noqa: F401
    except ImportError:
        assert "SOCKS" in refusal(endpoint="https://hub.example", proxy="socks5://127.0.0.1:1080")
    else:
        assert session_for(HubAccess(endpoint="https://hub.example", proxy="socks5://127.0.0.1:1080"))


@pytest.mark.parametrize("spelling", ["{}", "http://{}", "  http://{}/ "])
def test_a_proxy_carries_what_is_asked(api: LoopbackApi, spelling: str) -> None:
    api.rule = lambda _request: Answer({"through": "proxy"})
    place = api.endpoint.removeprefix("http://")
    session = session_for(HubAccess(endpoint="http://hub.example", proxy=spelling.format(place)))
    assert session.ask("/api/models") == {"through": "proxy"}
    assert api.requests[0].headers["host"] == "hub.example"


def test_the_environment_names_the_proxy(api: LoopbackApi, monkeypatch: pytest.MonkeyPatch) -> None:
    access = HubAccess(endpoint="http://hub.example")
    assert proxy_of(access) == ""
    monkeypatch.setenv("http_proxy", api.endpoint)
    assert proxy_of(access) == api.endpoint
    api.rule = lambda _request: Answer([])
    session_for(access).ask("/api/models")
    assert len(api.requests) == 1
    monkeypatch.setenv("no_proxy", "hub.example")
    assert proxy_of(access) == ""
    assert proxy_of(HubAccess(endpoint="http://hub.example", proxy="http://own:1")) == "http://own:1"


@pytest.mark.parametrize("path", ["/no/such/file.pem", __file__])
def test_certificates_that_are_none(path: str) -> None:
    assert "certificates" in refusal(endpoint="https://hub.example", certificates=path)


@pytest.mark.parametrize(
    ("name", "value"), [("HF_HUB_OFFLINE", "1"), ("HF_HUB_OFFLINE", "YES"), ("TRANSFORMERS_OFFLINE", "true")]
)
def test_the_environment_may_say_offline(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(EngineError) as caught:
        session_for(HubAccess())
    assert caught.value.report.kind is ErrorKind.OFFLINE
    assert name in caught.value.report.hint


def test_an_endless_answer_is_not_read_to_its_end(api: LoopbackApi) -> None:
    api.rule = lambda _request: Answer(b"x" * 300_000)
    with pytest.raises(NoHubAnswer):
        session_for(HubAccess(endpoint=api.endpoint)).get("/x", most_bytes=100_000)


def test_a_cancelled_question_stops_reading(api: LoopbackApi) -> None:
    api.rule = lambda _request: Answer([])
    token = CancellationToken()
    token.cancel()
    with pytest.raises(Cancelled):
        session_for(HubAccess(endpoint=api.endpoint)).ask("/x", None, token)


def test_a_session_is_kept_and_its_connections_go_with_it(api: LoopbackApi) -> None:
    first = session_for(HubAccess(endpoint=api.endpoint))
    assert session_for(HubAccess(endpoint=api.endpoint)) is first
    client, gone = first.client, weakref.ref(first)
    for number in range(session_module._MOST_SESSIONS):
        session_for(HubAccess(endpoint=f"{api.endpoint}/{number}"))
    del first
    gc.collect()
    assert gone() is None
    assert client.is_closed


def test_the_ones_in_use_are_kept(api: LoopbackApi) -> None:
    first = session_for(HubAccess(endpoint=api.endpoint))
    for number in range(20):
        session_for(HubAccess(endpoint=f"{api.endpoint}/{number}"))
        assert session_for(HubAccess(endpoint=api.endpoint)) is first


def test_patience_is_kept_to(api: LoopbackApi) -> None:
    api.held.clear()
    with pytest.raises(Exception, match="timed out"):
        session_for(HubAccess(endpoint=api.endpoint)).ask("/x", patience_seconds=0.2)
    assert not api.answered, "the Hub was waited for"


def test_what_is_shown_of_an_access_has_no_secret() -> None:
    shown = repr(HubAccess(endpoint="https://me:secret@hub", token="secret", proxy="http://me:secret@proxy:1"))
    assert "secret" not in shown
    assert "proxy:1" in shown
