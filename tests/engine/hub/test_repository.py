"""Tests for the files of a repository, as servers of all kinds list them."""

from typing import cast

import pytest

from engine.api.errors import EngineError, ErrorKind
from engine.api.hub import HubAccess
from engine.hub.repository import RemoteFile, inspect
from tests.loopback_api import COMMIT, TOKEN, Answer, LoopbackApi, Request, model

FILES = {
    "config.json": RemoteFile("config.json", 700, "", "a" * 40),
    "model.safetensors": RemoteFile("model.safetensors", 1000, "c" * 64),
    "tokenizer.json": RemoteFile("tokenizer.json", 9000, "", "d" * 40),
}


def files_of(api: LoopbackApi, hub_id: str = "owner/chat", token: str = "") -> dict[str, RemoteFile]:
    found = inspect(hub_id, "main", HubAccess(endpoint=api.endpoint, token=token))
    assert found.commit == COMMIT
    return {file.path: file for file in found.files}


def heads(request: Request) -> Answer | None:
    """Answer the question for a file's headers as the Hub does: large ones with a redirect to its storage."""
    name = request.path.rpartition("/")[2]
    if name not in FILES or f"/resolve/{COMMIT}/" not in request.path:
        return None
    file = FILES[name]
    if file.blob_id:
        return Answer(b"x" * file.size_bytes, headers={"ETag": f'W/"{file.blob_id}"'})
    linked = {"X-Linked-ETag": f'"{file.sha256}"', "X-Linked-Size": str(file.size_bytes), "ETag": '"0"'}
    return Answer(b"", 302, {**linked, "Location": "http://storage.invalid/x"})


def weights_of(listed: dict[str, object]) -> dict[str, object]:
    siblings = cast("list[dict[str, object]]", listed["siblings"])
    return next(entry for entry in siblings if entry["rfilename"] == "model.safetensors")


def test_one_request_tells_size_and_digest(api: LoopbackApi) -> None:
    api.models["owner/chat"] = model("owner/chat", 1000)
    assert files_of(api) == FILES
    assert api.paths() == ["/api/models/owner/chat/revision/main"]


@pytest.mark.parametrize(
    "fields",
    [
        {"lfs": {"sha256": "../../../outside", "size": 1000}}, {"lfs": {"sha256": 5}}, {"lfs": [1]},
        {"lfs": {"oid": "c" * 64}}, {"size": "1000", "lfs": {"sha256": "c" * 64}}, {"size": -1, "lfs": {}},
        {"size": None, "lfs": None, "blobId": None}, {"lfs": {"sha256": "c" * 63 + "/"}}, {"size": 2**70, "lfs": None},
    ],
)  # fmt: skip
def test_what_is_no_size_or_digest_is_asked_for(api: LoopbackApi, fields: dict[str, object]) -> None:
    api.models["owner/chat"] = listed = model("owner/chat", 1000)
    weights_of(listed).update(fields)
    api.rule = heads
    assert files_of(api) == FILES


def test_a_server_that_lists_names_alone(api: LoopbackApi) -> None:
    api.models["owner/chat"] = model("owner/chat", siblings=[{"rfilename": name} for name in FILES])
    api.rule = heads
    assert files_of(api, token=TOKEN) == FILES
    assert len(api.requests) == 1 + len(FILES)
    assert {request.headers.get("authorization") for request in api.requests} == {f"Bearer {TOKEN}"}


def test_a_renamed_model_of_a_server_that_lists_names_alone(api: LoopbackApi) -> None:
    api.models["owner/chat"] = model("owner/chat", siblings=[{"rfilename": name} for name in FILES])

    def rule(request: Request) -> Answer | None:
        if "before/name" in request.path:
            return Answer(b"", 307, {"Location": request.path.replace("before/name", "owner/chat")})
        return heads(request)

    api.rule = rule
    assert files_of(api, "before/name") == FILES


def test_capital_letters_in_a_digest_mean_the_same(api: LoopbackApi) -> None:
    api.models["owner/chat"] = listed = model("owner/chat", 1000)
    weights_of(listed)["lfs"] = {"sha256": "C" * 64, "size": 1000}
    assert files_of(api) == FILES


@pytest.mark.parametrize("headers", [{}, {"ETag": '"../../outside"'}, {"ETag": '"5d41402abc4b2a76b9719d911017c592"'}])
def test_a_digest_that_nobody_tells(api: LoopbackApi, headers: dict[str, str]) -> None:
    api.models["owner/chat"] = model("owner/chat", siblings=[{"rfilename": name} for name in FILES])
    api.rule = lambda request: Answer(b"x", headers=headers) if "/resolve/" in request.path else None
    with pytest.raises(EngineError) as caught:
        files_of(api)
    assert caught.value.report.kind is ErrorKind.NETWORK


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"sha": "../../outside"}, ErrorKind.NETWORK), ({"sha": None}, ErrorKind.NETWORK),
        ({"sha": 5}, ErrorKind.NETWORK),
        ({"siblings": None}, ErrorKind.CHECKPOINT_UNSUPPORTED), ({"siblings": [1]}, ErrorKind.CHECKPOINT_UNSUPPORTED),
        ({"siblings": "abc"}, ErrorKind.CHECKPOINT_UNSUPPORTED),
        ({"siblings": [{"rfilename": 5}]}, ErrorKind.CHECKPOINT_UNSUPPORTED),
    ],
)  # fmt: skip
def test_answers_that_make_no_sense(api: LoopbackApi, fields: dict[str, object], kind: ErrorKind) -> None:
    api.models["owner/chat"] = model("owner/chat", **fields)
    with pytest.raises(EngineError) as caught:
        files_of(api)
    assert caught.value.report.kind is kind


@pytest.mark.parametrize("body", [b"[" * 100_000, b"null", b"[1]", b"", b"\x00"])
def test_answers_that_are_no_description(api: LoopbackApi, body: bytes) -> None:
    api.rule = lambda _: Answer(body)
    with pytest.raises(EngineError) as caught:
        files_of(api)
    assert "gives answers that the Hub does not give" in caught.value.report.message


def test_a_page_for_a_login_is_called_so(api: LoopbackApi) -> None:
    api.rule = lambda _: Answer(b"<html>Welcome", headers={"Content-Type": "text/html"})
    with pytest.raises(EngineError) as caught:
        files_of(api)
    assert "asks for a login" in caught.value.report.message
