"""Questions to the Hub through the lanes: their answers, cancelling them, and plans for rows of results."""

import queue
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.api.commands import (
    CheckConnection,
    Command,
    InspectCheckpoint,
    PlanCheckpoint,
    SearchCheckpoints,
    SupposedMachine,
)
from engine.api.errors import ErrorKind
from engine.api.events import (
    CheckpointInspected,
    CheckpointPlanned,
    CheckpointsFound,
    CommandCancelled,
    CommandFailed,
    ConnectionChecked,
    Event,
    PlanSource,
)
from engine.api.hub import HubAccess
from engine.api.plan import Fit, Precision
from engine.chat_engine import ChatEngine
from engine.checkpoints.lookups import Lookups
from engine.lanes import Lanes
from engine.lookups import HubLookups
from engine.planning.shapes import shape_of
from engine.transfers import Transfers
from tests.loopback_api import LoopbackApi, model, refused, small_config

pytestmark = pytest.mark.usefixtures("cache")

HUB_ID = "owner/chat"
CARD = SupposedMachine(cards=1, vram_bytes=8 * 2**30)
SMALL_BYTES = 800_000


@pytest.fixture
def api() -> Iterator[LoopbackApi]:
    with LoopbackApi() as running:
        running.models[HUB_ID] = model(HUB_ID, SMALL_BYTES)
        running.configs[HUB_ID] = small_config()
        yield running


class Asked:
    """The lanes and what came out of them."""

    def __init__(self, lanes: Lanes, ended: "queue.SimpleQueue[Event]", endpoint: str) -> None:
        self.lanes, self.ended, self.access = lanes, ended, HubAccess(endpoint=endpoint)

    def end(self) -> Event:
        return self.ended.get(timeout=60)

    def run(self, command: Command) -> Event:
        self.lanes.accept(command)
        return self.end()

    def plan(self, hub_id: str = HUB_ID, **fields: object) -> Event:
        options: dict[str, object] = {"supposed": CARD, "reads_headers": False, **fields}
        command = PlanCheckpoint(command_id=f"{hub_id} {fields} {time.monotonic()}", checkpoint=hub_id, ask_hub=True,
                                 access=self.access, **options)  # type: ignore[arg-type]  # fmt: skip
        return self.run(command)


@pytest.fixture
def asked(api: LoopbackApi, tmp_path: Path) -> Iterator[Asked]:
    ended: queue.SimpleQueue[Event] = queue.SimpleQueue()
    lookups = Lookups()
    lanes = Lanes(
        lambda: ChatEngine(tmp_path / "data", lookups), lambda: Transfers(), ended.put, lambda: HubLookups(lookups)
    )
    yield Asked(lanes, ended, api.endpoint)
    api.held.set()
    assert lanes.close(30)


def test_each_question_is_answered(asked: Asked) -> None:
    found = asked.run(SearchCheckpoints(command_id="s", text="chat", access=asked.access))
    assert isinstance(found, CheckpointsFound)
    assert [result.hub_id for result in found.results] == [HUB_ID]
    inspected = asked.run(InspectCheckpoint(command_id="i", checkpoint=HUB_ID, access=asked.access))
    assert isinstance(inspected, CheckpointInspected)
    assert inspected.details.checkpoint == found.results[0]
    checked = asked.run(CheckConnection(command_id="c", access=asked.access))
    assert isinstance(checked, ConnectionChecked)
    assert all(step.succeeded for step in checked.steps)


@pytest.mark.parametrize(
    "make",
    [
        lambda access: SearchCheckpoints(command_id="x", text="chat", access=access),
        lambda access: InspectCheckpoint(command_id="x", checkpoint=HUB_ID, access=access),
        lambda access: CheckConnection(command_id="x", access=access),
        lambda access: PlanCheckpoint(command_id="x", checkpoint=HUB_ID, ask_hub=True, access=access),
    ],
)
def test_a_question_ends_at_once_when_it_is_cancelled(
    api: LoopbackApi, asked: Asked, make: Callable[[HubAccess], Command]
) -> None:
    api.held.clear()
    asked.lanes.accept(make(asked.access))
    while not api.requests:
        time.sleep(0.01)
    asked.lanes.cancel("x")
    assert isinstance(asked.end(), CommandCancelled)
    assert not api.answered, "the Hub was waited for"


def test_a_failure_carries_its_page(api: LoopbackApi, asked: Asked) -> None:
    api.rule = lambda _request: refused("GatedRepo", 403)
    failed = asked.run(InspectCheckpoint(command_id="i", checkpoint=HUB_ID, access=asked.access))
    assert isinstance(failed, CommandFailed)
    assert failed.error.kind is ErrorKind.TOKEN_NEEDED
    assert failed.error.link == f"{api.endpoint}/settings/tokens"


def test_a_row_costs_two_small_requests(api: LoopbackApi, asked: Asked) -> None:
    planned = asked.plan()
    assert isinstance(planned, CheckpointPlanned)
    assert len(api.requests) == 2
    assert not any(path.endswith(".safetensors") for path in api.paths())
    assert planned.source is PlanSource.HUB
    assert (planned.plan.fit, planned.plan.precision) == (Fit.FITS, Precision.BF16)
    assert SMALL_BYTES / 2 < planned.plan.parts.weights_bytes < SMALL_BYTES * 2
    assert planned.plan.checkpoint == HUB_ID
    (note,) = planned.notes
    assert "headers of its weights were not read" in note


def test_a_row_that_was_searched_for_costs_no_request(api: LoopbackApi, asked: Asked) -> None:
    found = asked.run(SearchCheckpoints(command_id="s", text="chat", access=asked.access))
    assert isinstance(found, CheckpointsFound)
    requests = len(api.requests)
    assert isinstance(asked.plan(revision=found.results[0].revision), CheckpointPlanned)
    assert len(api.requests) == requests


def test_a_row_of_a_known_model_has_the_plan_of_its_shape(api: LoopbackApi, asked: Asked) -> None:
    shape = shape_of("qwen3-8b")
    api.models["owner/copy"] = model("owner/copy", shape.parameters * 2)
    api.configs["owner/copy"] = shape.config
    light = asked.plan("owner/copy")
    api.rule = lambda _request: refused("", 503)
    known = asked.plan("Qwen/Qwen3-8B")
    assert isinstance(light, CheckpointPlanned)
    assert isinstance(known, CheckpointPlanned)
    assert (light.source, known.source) == (PlanSource.HUB, PlanSource.KNOWN_SHAPE)
    assert light.plan.parts == known.plan.parts
    assert light.plan.precision is Precision.INT8 or light.plan.precision is Precision.INT4


def test_terms_not_accepted_a_shape_of_the_same_kind_and_size_answers(api: LoopbackApi, asked: Asked) -> None:
    shape = shape_of("llama-3.1-8b")
    api.models["owner/gated"] = model("owner/gated", shape.parameters * 2, gated="manual")
    api.models["owner/odd"] = model("owner/odd", 5_000_000, gated="manual")
    api.rule = lambda request: refused("GatedRepo", 403) if "/resolve/" in request.path else None
    assert isinstance(asked.plan("owner/gated", reads_headers=True), CheckpointPlanned)
    planned = asked.plan("owner/gated")
    assert isinstance(planned, CheckpointPlanned)
    assert "Llama 3.1 8B Instruct, which has the same kind and size" in planned.notes[0]
    assert "accepted the terms" in planned.notes[0]
    failed = asked.plan("owner/odd")
    assert isinstance(failed, CommandFailed)
    assert failed.error.kind is ErrorKind.TOKEN_NEEDED
    assert failed.error.link


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"auto_map": {"AutoModel": "x.Y"}}, ErrorKind.CHECKPOINT_UNSAFE),
        ({"architectures": ["BertForMaskedLM"]}, ErrorKind.CHECKPOINT_UNSUPPORTED),
        ({"num_hidden_layers": 10**9}, ErrorKind.CHECKPOINT_INCOMPLETE),
        ({"model_type": None}, ErrorKind.CHECKPOINT_UNSUPPORTED),
        ({"model_type": "nobody-knows"}, ErrorKind.CHECKPOINT_UNSUPPORTED),
    ],
)
def test_rows_refuse_what_loading_refuses(
    api: LoopbackApi, asked: Asked, config: dict[str, object], kind: ErrorKind
) -> None:
    api.configs[HUB_ID] = small_config(**config)
    failed = asked.plan()
    assert isinstance(failed, CommandFailed)
    assert failed.error.kind is kind


def test_a_row_without_weights(api: LoopbackApi, asked: Asked) -> None:
    api.models[HUB_ID]["siblings"] = [{"rfilename": "config.json"}, {"rfilename": "pytorch_model.bin"}]
    failed = asked.plan()
    assert isinstance(failed, CommandFailed)
    assert failed.error.kind is ErrorKind.CHECKPOINT_UNSAFE


@pytest.mark.parametrize("content", [[], "text", {}, None])
def test_a_configuration_that_is_none(api: LoopbackApi, asked: Asked, content: object) -> None:
    api.configs[HUB_ID] = content
    failed = asked.plan()
    assert isinstance(failed, CommandFailed)
    assert failed.error.kind is ErrorKind.CHECKPOINT_INCOMPLETE


def test_the_address_of_a_page_can_be_planned(api: LoopbackApi, asked: Asked) -> None:
    planned = asked.plan(f"{api.endpoint}/{HUB_ID}/tree/main")
    assert isinstance(planned, CheckpointPlanned)
    assert planned.plan.checkpoint == HUB_ID


def test_a_server_that_tells_no_sizes_gets_its_plan_from_the_configuration(api: LoopbackApi, asked: Asked) -> None:
    api.models[HUB_ID] = {"id": HUB_ID, "siblings": [{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}]}
    planned = asked.plan()
    assert isinstance(planned, CheckpointPlanned)
    assert SMALL_BYTES / 2 < planned.plan.parts.weights_bytes < SMALL_BYTES * 2
