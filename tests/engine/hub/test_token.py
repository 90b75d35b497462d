"""The access token in a real engine: it goes to the Hub, and into nothing that is shown, logged or kept on the disk."""

from pathlib import Path

import pytest

from engine.api.hub import HubAccess
from tests.engine.hub.one_engine import run_engine
from tests.engine.hub.test_offline import commands
from tests.loopback_api import Answer, LoopbackApi, model, refused, small_config

CANARY = "hf_canaryThatMustNotSing"


@pytest.mark.parametrize("answer", ["as it should be", "refused", "no JSON", "nobody there", "a damaged token"])
def test_the_token_is_in_nothing_but_the_requests(answer: str, tmp_path: Path) -> None:
    token = f"{CANARY}\u2028" if answer == "a damaged token" else CANARY
    rules = {"refused": refused("GatedRepo", 403), "no JSON": Answer(b"<html>")}
    with LoopbackApi({"owner/chat": model("owner/chat", 800_000)}, {"owner/chat": small_config()}) as api:
        endpoint = api.endpoint
        if answer in rules:
            api.rule = lambda _request: rules[answer]
        asked = commands(HubAccess(endpoint=endpoint, token=token))
        if answer == "as it should be":
            asked.pop()  # there is nothing to download
        if answer != "nobody there":
            told = run_engine(asked, tmp_path)
            sent = [request.headers.get("authorization") for request in api.requests]
            assert set(sent) == ({f"Bearer {CANARY}"} if answer != "a damaged token" else set())
    if answer == "nobody there":
        told = run_engine(asked, tmp_path)
    assert CANARY.encode() not in told.frames
    assert CANARY.encode() not in told.log
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    assert kept == []
