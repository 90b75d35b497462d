"""Tests for searching the Hub, with a server that answers as the Hub, mirrors and others do."""

import itertools
import threading

import pytest

from engine.api.cancellation import CancellationToken
from engine.api.commands import SearchCheckpoints
from engine.api.errors import EngineError, ErrorKind
from engine.api.hub import Gating, HubAccess, HubSort
from engine.hub import search as search_module
from engine.hub.search import Found, search
from tests.loopback_api import COMMIT, Answer, LoopbackApi, Request, model, refused, small_config


def find(api: LoopbackApi, text: str = "", **fields: object) -> Found:
    command = SearchCheckpoints(command_id="s", text=text, access=HubAccess(endpoint=api.endpoint), **fields)  # type: ignore[arg-type]
    return search(command, CancellationToken())


def ids(found: Found) -> list[str]:
    return [result.hub_id for result in found.results]


def test_a_result_says_all_that_the_hub_tells(api: LoopbackApi) -> None:
    api.models["owner/chat-8b"] = model("owner/chat-8b", gated="manual", likes=7)
    api.configs["owner/chat-8b"] = small_config(max_position_embeddings=40960)
    (result,) = find(api, "chat").results
    assert result.hub_id == "owner/chat-8b"
    assert result.revision == COMMIT
    assert result.architecture == "llama"
    assert result.parameters == 8_000_000_000
    assert result.download_bytes == 16_000_000_000 + 700 + 9_000
    assert result.context_tokens == 40960
    assert result.has_chat_template is True
    assert result.license == "apache-2.0"
    assert result.gating is Gating.APPROVAL
    assert (result.downloads, result.likes) == (1000, 7)
    assert result.updated_at == pytest.approx(1745834400)
    assert (result.quantization, result.unusable, result.is_private) == ("", "", False)


def test_the_hub_is_asked_in_its_own_words(api: LoopbackApi) -> None:
    find(api, "  qwen   8b ", author="Qwen", least_parameters=1_500_000_000, most_parameters=9 * 10**9,
         sort=HubSort.RECENT, limit=7)  # fmt: skip
    first = api.requests[0]
    assert first.path == "/api/models"
    assert {request.query["pipeline_tag"][0] for request in api.requests} == {"text-generation", "image-text-to-text"}
    assert first.query["search"] == ["qwen 8b"]
    assert first.query["author"] == ["Qwen"]
    assert first.query["num_parameters"] == ["min:1500M,max:9B"]
    assert first.query["sort"] == ["lastModified"]
    assert first.query["limit"] == ["7"]
    assert {"safetensors", "gguf", "config", "gated", "siblings", "cardData"} <= set(first.query["expand"])


def test_models_that_see_pictures_are_found_in_their_place(api: LoopbackApi) -> None:
    api.models = {
        "a/one": model("a/one", downloads=30),
        "a/three": model("a/three", downloads=10),
        "a/two": model("a/two", downloads=20, pipeline_tag="image-text-to-text"),
        "a/sound": model("a/sound", downloads=99, pipeline_tag="text-to-speech"),
    }
    assert ids(find(api)) == ["a/one", "a/two", "a/three"]
    assert ids(find(api, limit=2)) == ["a/one", "a/two"]


def test_nothing_found_is_no_error(api: LoopbackApi) -> None:
    assert find(api, "no such thing") == Found(())


@pytest.mark.parametrize(
    "text", ["owner/chat", "https://huggingface.co/owner/chat/tree/main", "hf download owner/chat"]
)
def test_a_paste_finds_the_model_itself_whatever_its_task(api: LoopbackApi, text: str) -> None:
    api.models["owner/chat"] = model("owner/chat", pipeline_tag="text-to-speech")
    api.models["owner/chat-two"] = model("owner/chat-two")
    found = find(api, text)
    assert ids(found) == ["owner/chat"]
    assert found.is_exact
    assert "/api/models" not in api.paths()


def test_the_revision_of_a_paste_is_looked_at(api: LoopbackApi) -> None:
    api.models["owner/chat"] = model("owner/chat")
    assert find(api, f"owner/chat@{COMMIT}").is_exact
    assert f"/api/models/owner/chat/revision/{COMMIT}" in api.paths()
    with pytest.raises(EngineError) as caught:
        find(api, "https://huggingface.co/owner/chat/tree/nowhere")
    assert "no such revision" in caught.value.report.message


def test_what_only_looks_like_an_id_is_searched_for(api: LoopbackApi) -> None:
    api.models["owner/chat-8b"] = model("owner/chat-8b")
    found = find(api, "owner/chat")
    assert ids(found) == ["owner/chat-8b"]
    assert not found.is_exact


@pytest.mark.parametrize("text", ["owner/chat", "https://huggingface.co/owner/chat"])
def test_an_id_that_leads_nowhere_is_said_to(api: LoopbackApi, text: str) -> None:
    with pytest.raises(EngineError) as caught:
        find(api, text)
    assert caught.value.report.kind is ErrorKind.CHECKPOINT_NOT_FOUND
    assert "“owner/chat”" in caught.value.report.message


def test_the_page_of_an_owner_lists_what_is_theirs(api: LoopbackApi) -> None:
    api.models = {"owner/one": model("owner/one"), "other/owner": model("other/owner")}
    found = find(api, "https://huggingface.co/owner")
    assert ids(found) == ["owner/one"]
    assert not found.is_exact


def test_a_server_that_ignores_the_range_is_not_believed(api: LoopbackApi) -> None:
    api.models = {"a/big": model("a/big", 10**12), "a/small": model("a/small", 10**9), "a/odd": {"id": "a/odd"}}
    assert ids(find(api, most_parameters=10**9)) == ["a/small", "a/odd"]


def test_a_server_that_knows_no_choice_of_fields(api: LoopbackApi) -> None:
    api.models["a/b"] = model("a/b")
    api.rule = lambda request: Answer({"error": "expand"}, 400) if "expand" in request.query else None
    assert ids(find(api)) == ["a/b"]


def test_the_second_task_is_no_condition(api: LoopbackApi) -> None:
    api.models["a/b"] = model("a/b")
    api.rule = lambda request: refused("", 500) if request.query.get("pipeline_tag") == ["image-text-to-text"] else None
    assert ids(find(api)) == ["a/b"]


@pytest.mark.parametrize("what", ["details", "config"])
def test_details_that_fail_leave_the_result(api: LoopbackApi, what: str) -> None:
    api.models["a/b"] = model("a/b")
    marks = {"details": "/api/models/", "config": "/resolve/"}
    api.rule = lambda request: refused("", 500) if marks[what] in request.path else None
    (result,) = find(api).results
    assert (result.hub_id, result.parameters, result.context_tokens) == ("a/b", 8_000_000_000, 0)
    assert result.download_bytes >= 16_000_000_000


def test_slow_details_are_left_out(api: LoopbackApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_module, "_DETAILS_SECONDS", 0.3)
    api.models = {f"a/{number}": model(f"a/{number}") for number in range(20)}

    released, answered = threading.Event(), []

    def slow(request: Request) -> None:
        if request.path != "/api/models":
            released.wait(30)
            answered.append(request.path)

    api.rule = slow
    found = find(api)
    assert not answered
    assert len(found.results) == 20
    released.set()


def test_twenty_results_are_looked_at_side_by_side(api: LoopbackApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_module, "_DETAILS_SECONDS", 60.0)  # a busy machine leaves none out
    api.models = {f"a/{number}": model(f"a/{number}", downloads=100 - number) for number in range(20)}
    api.configs = {hub_id: small_config() for hub_id in api.models}
    together, asked = threading.Barrier(4), itertools.count()

    def side_by_side(request: Request) -> None:
        if request.path != "/api/models" and next(asked) < together.parties:
            together.wait(30)  # nobody is answered before all of them have asked

    api.rule = side_by_side
    found = find(api)
    assert not together.broken
    assert ids(found) == list(api.models)
    assert {result.context_tokens for result in found.results} == {8192}


_ODD = [None, 7, "text", {}, [None, 3, {}], {"x": [1]}, 10**40]


@pytest.mark.parametrize("odd", _ODD, ids=repr)
def test_odd_answers_are_read_as_far_as_they_go(api: LoopbackApi, odd: object) -> None:
    whole = model("a/b")
    api.models = {
        f"a/{name.strip('_')}": model(f"a/{name.strip('_')}") | {name: odd}
        for name in whole
        if name not in ("id", "_id")
    }
    api.configs = dict.fromkeys(api.models, odd)
    api.rule = lambda request: Answer(list(api.models.values())) if request.path == "/api/models" else None
    found = find(api, limit=50)
    assert len(found.results) == len(api.models)


@pytest.mark.parametrize(
    "odd", [[None, 3, "x"], [{}], [{"id": 3}], [{"id": "a b"}], [{"id": "../../etc"}], [{"id": "a/b/c"}], {}, None]
)
def test_results_that_are_none(api: LoopbackApi, odd: object) -> None:
    api.rule = lambda _request: Answer(odd)
    assert find(api, "x") == Found(())
