"""What the tests of the Hub share: a small server, and an environment that says nothing of its own."""

from collections.abc import Iterator

import pytest

from engine.hub import session
from tests.loopback_api import LoopbackApi


@pytest.fixture(autouse=True)
def own_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin each test without sessions, mirrors, proxies or an offline switch from outside."""
    for name in ("HF_ENDPOINT", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(session, "_sessions", {})


@pytest.fixture
def api() -> Iterator[LoopbackApi]:
    """An empty Hub."""
    with LoopbackApi() as running:
        yield running
