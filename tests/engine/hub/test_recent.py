"""Tests for remembering what the Hub answered a moment ago."""

from engine.api.cancellation import CancellationToken
from engine.api.commands import InspectCheckpoint, SearchCheckpoints
from engine.api.hub import HubAccess
from engine.hub.details import details_of
from engine.hub.recent import RecentAnswers
from engine.hub.search import search
from tests.loopback_api import LoopbackApi, model, small_config


def test_answers_are_kept_for_a_while() -> None:
    recent = RecentAnswers()
    assert recent.get(("model", "a")) is None
    recent.put(("model", "a"), {"x": 1})
    assert recent.get(("model", "a")) == {"x": 1}
    passing = RecentAnswers(kept_seconds=0.0)
    passing.put(("model", "a"), {"x": 1})
    assert passing.get(("model", "a")) is None


def test_no_more_than_so_many_are_kept() -> None:
    recent = RecentAnswers()
    for number in range(2000):
        recent.put((str(number),), number + 1)
    assert recent.get(("0",)) is None
    assert recent.get(("1999",)) == 2000


def test_the_same_search_again_costs_its_pages_only(api: LoopbackApi) -> None:
    api.models["owner/chat"] = model("owner/chat")
    api.configs["owner/chat"] = small_config()
    command = SearchCheckpoints(command_id="s", text="chat", access=HubAccess(endpoint=api.endpoint))
    first = search(command, CancellationToken())
    asked = len(api.requests)
    assert search(command, CancellationToken()) == first
    assert set(api.paths()[asked:]) == {"/api/models"}


def test_whoever_looks_into_a_model_sees_it_as_it_is_now(api: LoopbackApi) -> None:
    api.models["owner/chat"] = model("owner/chat", likes=1)
    command = InspectCheckpoint(command_id="i", checkpoint="owner/chat", access=HubAccess(endpoint=api.endpoint))
    assert details_of(command, CancellationToken()).checkpoint.likes == 1
    api.models["owner/chat"] = model("owner/chat", likes=2)
    assert details_of(command, CancellationToken()).checkpoint.likes == 2
