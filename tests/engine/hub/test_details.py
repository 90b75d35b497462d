"""Tests for looking into one model on the Hub."""

from pathlib import Path

import pytest

from engine.api.cancellation import CancellationToken
from engine.api.commands import InspectCheckpoint
from engine.api.errors import EngineError, ErrorKind
from engine.api.hub import Gating, HubAccess, HubDetails
from engine.hub.details import details_of
from tests.loopback_api import COMMIT, TOKEN, Answer, LoopbackApi, model, refused, small_config

pytestmark = pytest.mark.usefixtures("cache")


def look(api: LoopbackApi, checkpoint: str = "owner/chat", revision: str = "", token: str = "") -> HubDetails:
    access = HubAccess(endpoint=api.endpoint, token=token)
    command = InspectCheckpoint(command_id="i", checkpoint=checkpoint, revision=revision, access=access)
    return details_of(command, CancellationToken())


def problem(api: LoopbackApi, checkpoint: str = "owner/chat", revision: str = "") -> EngineError:
    with pytest.raises(EngineError) as caught:
        look(api, checkpoint, revision)
    return caught.value


@pytest.fixture
def published(api: LoopbackApi) -> LoopbackApi:
    api.models["owner/chat"] = model("owner/chat", 1000)
    api.configs["owner/chat"] = small_config()
    return api


def test_all_that_can_be_said(published: LoopbackApi) -> None:
    details = look(published)
    assert details.checkpoint.hub_id == "owner/chat"
    assert details.checkpoint.context_tokens == 8192
    assert [(file.path, file.size_bytes, file.present_bytes) for file in details.files] == [
        ("config.json", 700, 0), ("model.safetensors", 1000, 0), ("tokenizer.json", 9000, 0),
    ]  # fmt: skip
    assert details.missing_bytes == details.checkpoint.download_bytes == 10_700
    assert details.revisions == ("main", "old", "v1")
    assert details.page == f"{published.endpoint}/owner/chat"
    assert details.disk_free_bytes > 0
    assert details.current_id == ""


def test_what_is_here_already_is_not_missing(published: LoopbackApi, cache: Path) -> None:
    folder = cache / "models--owner--chat"
    (folder / "blobs").mkdir(parents=True)
    (folder / "blobs" / ("c" * 64)).write_bytes(b"x" * 1000)
    (folder / "blobs" / ("d" * 40)).write_bytes(b"x" * 5)  # of another length: not the file
    snapshot = folder / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_bytes(b"x" * 700)
    details = look(published)
    assert [file.present_bytes for file in details.files] == [700, 1000, 0]
    assert details.missing_bytes == 9000


@pytest.mark.parametrize("text", ["https://huggingface.co/owner/chat/tree/main", "owner/chat@main"])
def test_addresses_and_their_revisions(published: LoopbackApi, text: str) -> None:
    assert look(published, text).checkpoint.hub_id == "owner/chat"
    assert "/api/models/owner/chat/revision/main" in published.paths()


def test_a_commit_is_among_the_revisions(published: LoopbackApi) -> None:
    assert look(published, revision=COMMIT).revisions == ("main", "old", "v1", COMMIT)


@pytest.mark.parametrize(
    "refs", [refused("", 500), Answer([]), Answer({"branches": [3, {"name": 4}]}), Answer(b"<html>")]
)
def test_branches_are_no_condition(published: LoopbackApi, refs: Answer) -> None:
    published.rule = lambda request: refs if request.path.endswith("/refs") else None
    assert look(published).revisions == ("main",)


def test_a_renamed_model(published: LoopbackApi) -> None:
    published.rule = lambda request: (
        Answer({}, 307, {"Location": request.path.replace("before/name", "owner/chat")})
        if "before/name" in request.path
        else None
    )
    details = look(published, "before/name")
    assert details.current_id == details.checkpoint.hub_id == "owner/chat"
    assert details.page.endswith("/owner/chat")


def test_a_model_whose_terms_are_not_accepted_is_described_nevertheless(published: LoopbackApi) -> None:
    published.models["owner/chat"]["gated"] = "auto"
    published.rule = lambda request: refused("GatedRepo", 403) if "/resolve/" in request.path else None
    details = look(published, token=TOKEN)
    assert details.checkpoint.gating is Gating.TERMS
    assert details.checkpoint.parameters == 500
    assert details.checkpoint.context_tokens == 0
    assert details.missing_bytes == 10_700


def test_an_empty_repository(published: LoopbackApi) -> None:
    published.models["owner/chat"] = {"id": "owner/chat", "siblings": [{"rfilename": ".gitattributes", "size": 5}]}
    details = look(published)
    assert details.checkpoint.unusable == "It has no files yet."
    assert (details.files, details.missing_bytes) == ((), 0)


def test_what_is_not_there(published: LoopbackApi) -> None:
    assert "no such revision" in problem(published, revision="nowhere").report.message
    missing = problem(published, "owner/other").report
    assert (missing.kind, "“owner/other”" in missing.message) == (ErrorKind.CHECKPOINT_NOT_FOUND, True)
    assert problem(published, "some words only").report.kind is ErrorKind.CHECKPOINT_NOT_FOUND
    assert problem(published, "https://huggingface.co/datasets/a/b").report.kind is ErrorKind.INVALID_COMMAND


def test_a_private_model_asks_for_a_token(published: LoopbackApi) -> None:
    published.rule = lambda _request: refused("", 401)
    report = problem(published).report
    assert report.kind is ErrorKind.TOKEN_NEEDED
    assert report.link == f"{published.endpoint}/settings/tokens"


@pytest.mark.parametrize("answer", [[], "text", None, 3, b"<html>", b"{"])
def test_answers_that_are_none(published: LoopbackApi, answer: object) -> None:
    published.rule = lambda _request: Answer(answer)
    assert problem(published).report.kind is ErrorKind.NETWORK
