"""Plans of checkpoints that are not on this computer, through the lanes, with a loopback Hub."""

import json
import queue
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from engine.api.commands import Command, PlanCheckpoint, SupposedMachine
from engine.api.errors import ErrorKind
from engine.api.events import CheckpointPlanned, CommandFailed, Event, PlanSource
from engine.api.hub import HubAccess
from engine.api.plan import Fit
from engine.chat_engine import ChatEngine
from engine.checkpoints.lookups import Lookups
from engine.lanes import Lanes
from engine.lookups import HubLookups
from engine.transfers import Transfers
from tests import tiny_checkpoints
from tests.loopback_hub import COMMIT, LoopbackHub

pytestmark = pytest.mark.usefixtures("cache")

HUB_ID = "publisher/tiny-chat"
CARD = SupposedMachine(cards=1, vram_bytes=8 * 2**30)
Ask = Callable[..., Event]


@pytest.fixture
def published(tiny_folder: Path, tmp_path: Path) -> Path:
    """A repository in two shards with an index, and with files that nobody has to look into."""
    folder = tmp_path / "published"
    folder.mkdir()
    source = tiny_checkpoints.make("llama", tiny_folder)
    for file in source.iterdir():
        if file.suffix != ".safetensors":
            (folder / file.name).write_bytes(file.read_bytes())
    tensors = load_file(source / "model.safetensors")
    names = sorted(tensors)
    weight_map = {}
    for number, keys in enumerate((names[::2], names[1::2]), start=1):
        shard = f"model-{number:05}-of-00002.safetensors"
        save_file({key: tensors[key] for key in keys}, folder / shard, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(keys, shard)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    (folder / "README.md").write_text("# hello")
    return folder


@pytest.fixture
def hub(published: Path) -> Iterator[LoopbackHub]:
    with LoopbackHub({HUB_ID: published}) as running:
        yield running


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    """Run a command through all three lanes and return how it ended."""
    ended: queue.SimpleQueue[Event] = queue.SimpleQueue()
    lookups = Lookups()
    lanes = Lanes(
        lambda: ChatEngine(tmp_path / "data", lookups),
        lambda: Transfers(),
        ended.put,
        lambda: HubLookups(lookups),
    )

    def run(checkpoint: str, endpoint: str = "", token: str = "", **fields: object) -> Event:
        access = HubAccess(endpoint=endpoint, token=token)
        options: dict[str, object] = {"supposed": CARD, "ask_hub": True, **fields}
        command: Command = PlanCheckpoint(command_id=f"{checkpoint} {fields}", checkpoint=checkpoint,
                                          access=access, **options)  # type: ignore[arg-type]  # fmt: skip
        lanes.accept(command)
        event = ended.get(timeout=60)
        assert ended.empty()
        return event

    yield run
    assert lanes.close(30)


def header_bytes(folder: Path) -> int:
    """The lengths of all safetensors headers with the eight bytes before them."""
    shards = folder.glob("*.safetensors")
    return sum(8 + int.from_bytes(shard.read_bytes()[:8], "little") for shard in shards)


def weights_sent(hub: LoopbackHub) -> int:
    return sum(count for name, count in hub.counted().items() if name.endswith(".safetensors"))


def test_configuration_and_headers_are_all_that_is_asked_for(
    hub: LoopbackHub, published: Path, ask: Ask, cache: Path
) -> None:
    planned = ask(HUB_ID, hub.endpoint)
    assert isinstance(planned, CheckpointPlanned)
    assert planned.source is PlanSource.HUB
    assert (planned.plan.checkpoint, planned.plan.name, planned.plan.revision) == (HUB_ID, "tiny-chat", COMMIT)
    stored = sum(tensor.numel() for shard in published.glob("*.safetensors") for tensor in load_file(shard).values())
    assert planned.plan.parameters == stored
    assert planned.plan.fit is Fit.FITS
    assert weights_sent(hub) == header_bytes(published) < 20_000
    assert set(hub.file_requests()) <= {
        "config.json", "tokenizer_config.json", "generation_config.json", "model.safetensors.index.json",
        "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
    }  # fmt: skip
    assert not cache.exists()


def test_the_plan_is_the_one_of_the_downloaded_files(hub: LoopbackHub, published: Path, ask: Ask) -> None:
    remote, local = ask(HUB_ID, hub.endpoint), ask(str(published))
    assert isinstance(remote, CheckpointPlanned)
    assert isinstance(local, CheckpointPlanned)
    assert local.source is PlanSource.FILES
    assert remote.plan.parts == local.plan.parts
    assert remote.plan.precision_reason == local.plan.precision_reason


def test_a_server_that_ignores_ranges_is_not_read_to_the_end(hub: LoopbackHub, published: Path, ask: Ask) -> None:
    hub.behaviour.ignore_ranges = True
    planned = ask(HUB_ID, hub.endpoint)
    assert isinstance(planned, CheckpointPlanned)


def test_nothing_is_asked_for_what_is_here_or_when_it_was_not_wanted(
    hub: LoopbackHub, published: Path, ask: Ask
) -> None:
    ask(str(published), hub.endpoint)
    failed = ask(HUB_ID, hub.endpoint, ask_hub=False)
    assert isinstance(failed, CommandFailed)
    assert failed.error.kind is ErrorKind.CHECKPOINT_NOT_FOUND
    for path in ("/no/such/model", "./model", "a/b/c", "C:\\model"):
        assert isinstance(ask(path, hub.endpoint), CommandFailed)
    assert hub.requests == []


def test_code_and_missing_parts_are_refused_before_any_header_is_read(
    hub: LoopbackHub, published: Path, ask: Ask
) -> None:
    config = json.loads((published / "config.json").read_text())
    (published / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "own.Model"}}))
    failed = ask(HUB_ID, hub.endpoint)
    assert isinstance(failed, CommandFailed)
    assert failed.error.kind is ErrorKind.CHECKPOINT_UNSAFE
    assert weights_sent(hub) == 0


def test_a_header_that_is_no_header(hub: LoopbackHub, published: Path, ask: Ask) -> None:
    (published / "model-00002-of-00002.safetensors").write_bytes(b"\xff" * 64)
    failed = ask(HUB_ID, hub.endpoint)
    assert isinstance(failed, CommandFailed)
    assert failed.error.kind is ErrorKind.CHECKPOINT_INCOMPLETE
    assert "model-00002-of-00002.safetensors is damaged" in failed.error.message


def test_what_the_hub_does_not_know(hub: LoopbackHub, ask: Ask) -> None:
    failed = ask("publisher/other", hub.endpoint)
    assert isinstance(failed, CommandFailed)
    assert failed.error.kind is ErrorKind.CHECKPOINT_NOT_FOUND


@pytest.mark.parametrize(("status", "code"), [(500, ""), (401, ""), (403, "GatedRepo"), (404, "RepoNotFound")])
def test_a_known_shape_answers_where_the_hub_does_not(hub: LoopbackHub, ask: Ask, status: int, code: str) -> None:
    hub.behaviour.status, hub.behaviour.error_code = status, code
    planned = ask("Qwen/Qwen3-0.6B", hub.endpoint)
    assert isinstance(planned, CheckpointPlanned)
    assert planned.source is PlanSource.KNOWN_SHAPE
    (note,) = planned.notes
    assert note.startswith("Planned by the known shape of Qwen3 0.6B; its files were not looked at. ")
    assert hub.requests


def test_a_short_name_of_a_known_shape_needs_no_hub(hub: LoopbackHub, ask: Ask) -> None:
    planned = ask("QWEN3-0.6b", hub.endpoint)
    assert isinstance(planned, CheckpointPlanned)
    assert planned.plan.name == "Qwen3 0.6B"
    assert hub.requests == []


def test_the_token_stays_off_plain_connections(ask: Ask) -> None:
    failed = ask(HUB_ID, "http://hub.example", token="hf_canary")
    assert isinstance(failed, CommandFailed)
    assert failed.error.kind is ErrorKind.INVALID_COMMAND
    assert "not sent over an unencrypted connection" in failed.error.message


def test_the_token_goes_to_the_endpoint_only(hub: LoopbackHub, ask: Ask) -> None:
    assert isinstance(ask(HUB_ID, hub.endpoint, token="hf_canary"), CheckpointPlanned)
    assert all(headers.get("authorization") == "Bearer hf_canary" for _, _, headers in hub.requests)
