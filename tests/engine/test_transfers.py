"""The transfer lane's handler against a real loopback Hub and real folders."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.api.cancellation import CancellationToken
from engine.api.checkpoint import CheckpointKind
from engine.api.commands import DownloadCheckpoint, ListCheckpoints, UnloadCheckpoint
from engine.api.errors import Cancelled, EngineError, ErrorKind, ErrorReport
from engine.api.events import CheckpointsListed, DownloadFinished, DownloadProgress, Event
from engine.api.hub import HubAccess
from engine.api.plan import PrecisionChoice
from engine.checkpoints import loader
from engine.library import Library
from engine.transfers import Transfers
from tests import tiny_checkpoints
from tests.loopback_hub import COMMIT, LoopbackHub

pytestmark = pytest.mark.usefixtures("cache")

HUB_ID = "publisher/tiny-chat"


@pytest.fixture
def published(tiny_folder: Path, tmp_path: Path) -> Path:
    """The files of a repository, with some that must not be fetched."""
    folder = tmp_path / "published"
    folder.mkdir()
    for file in tiny_checkpoints.make("llama", tiny_folder).iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    (folder / "modeling_own.py").write_text("print('hello')")
    (folder / "README.md").write_text("# hello")
    return folder


@pytest.fixture
def hub(published: Path) -> Iterator[LoopbackHub]:
    with LoopbackHub({HUB_ID: published}) as running:
        yield running


@pytest.fixture
def transfers() -> Transfers:
    return Transfers()


def command(hub: LoopbackHub, checkpoint: str = HUB_ID, token: str = "") -> DownloadCheckpoint:
    return DownloadCheckpoint(
        command_id="d1", checkpoint=checkpoint, access=HubAccess(endpoint=hub.endpoint, token=token)
    )


def download(
    transfers: Transfers, hub: LoopbackHub, checkpoint: str = HUB_ID, token: str = ""
) -> tuple[DownloadFinished, list[DownloadProgress]]:
    events: list[Event] = []
    finished = transfers.handle(command(hub, checkpoint, token), CancellationToken(), events.append)
    assert isinstance(finished, DownloadFinished)
    assert all(isinstance(event, DownloadProgress) for event in events)
    return finished, [event for event in events if isinstance(event, DownloadProgress)]


def failure(transfers: Transfers, hub: LoopbackHub, checkpoint: str = HUB_ID) -> ErrorReport:
    with pytest.raises(EngineError) as caught:
        download(transfers, hub, checkpoint)
    report = caught.value.report
    assert report.message.endswith(".")
    assert report.hint.endswith(".")
    assert "entry not found" not in report.sentence().lower()
    return report


def test_downloaded_checkpoint_is_listed_and_loads(transfers: Transfers, hub: LoopbackHub, tmp_path: Path) -> None:
    finished, progress = download(transfers, hub)
    assert (finished.checkpoint, finished.revision) == (HUB_ID, COMMIT)
    sizes = [event.done_bytes for event in progress]
    assert sizes == sorted(sizes)
    assert progress[-1].done_bytes == progress[-1].total_bytes > 0
    library = Library(tmp_path / "data")
    listed = library.handle(ListCheckpoints(command_id="l1"), CancellationToken(), lambda _: None)
    assert isinstance(listed, CheckpointsListed)
    found = next(item for item in listed.checkpoints if item.kind is CheckpointKind.HUB_CACHE)
    assert (found.reference, found.name, found.revision) == (HUB_ID, "tiny-chat", COMMIT)
    loaded = loader.load(HUB_ID, PrecisionChoice.AUTO, None, "cpu", tmp_path, CancellationToken(), lambda *_: None)
    assert loaded.plan.revision == COMMIT
    loader.free(loaded)


def test_nothing_that_could_run_code_is_fetched(transfers: Transfers, hub: LoopbackHub, cache: Path) -> None:
    download(transfers, hub)
    names = {path.name for path in cache.rglob("*")}
    assert "model.safetensors" in names
    assert not names & {"pytorch_model.bin", "modeling_own.py", "README.md"}


def test_a_second_download_fetches_nothing(transfers: Transfers, hub: LoopbackHub) -> None:
    download(transfers, hub)
    hub.requests.clear()
    _, progress = download(transfers, hub)
    assert hub.file_requests() == []
    assert progress[0].done_bytes == progress[0].total_bytes


def test_only_what_is_missing_is_fetched(transfers: Transfers, hub: LoopbackHub, cache: Path) -> None:
    download(transfers, hub)
    weights = next(cache.rglob("model.safetensors"))
    weights.resolve().unlink()
    weights.unlink()
    hub.requests.clear()
    download(transfers, hub)
    assert set(hub.file_requests()) == {"model.safetensors"}


def test_dropped_connection_is_taken_up_again(transfers: Transfers, hub: LoopbackHub, cache: Path) -> None:
    hub.behaviour.drop_after_bytes = 16 * 1024
    download(transfers, hub)
    assert hub.behaviour.drop_after_bytes == 0
    published = hub.repositories[HUB_ID]
    assert hub.counted()["model.safetensors"] == (published / "model.safetensors").stat().st_size
    assert next(cache.rglob("model.safetensors")).read_bytes() == (published / "model.safetensors").read_bytes()


def test_tampered_file_is_rejected_and_removed(transfers: Transfers, hub: LoopbackHub, cache: Path) -> None:
    hub.behaviour.flip_byte_of = "model.safetensors"
    report = failure(transfers, hub)
    assert report.kind is ErrorKind.NETWORK
    assert "model.safetensors" in report.message
    assert list(cache.rglob("*.safetensors")) == []


def test_cancel_ends_a_download_that_stands(transfers: Transfers, hub: LoopbackHub) -> None:
    hub.behaviour.holds_after_bytes = 16 * 1024
    token = CancellationToken()

    def cancel(event: Event) -> None:
        if isinstance(event, DownloadProgress) and event.done_bytes >= 16 * 1024:
            token.cancel()

    with pytest.raises(Cancelled):
        transfers.handle(command(hub), token, cancel)
    hub.behaviour.holds_after_bytes = 0
    finished, progress = download(transfers, hub)
    assert finished.revision == COMMIT
    assert progress[-1].done_bytes == progress[-1].total_bytes > 16 * 1024


def test_cancel_before_the_start_asks_nobody(transfers: Transfers, hub: LoopbackHub) -> None:
    token = CancellationToken()
    token.cancel()
    with pytest.raises(Cancelled):
        transfers.handle(command(hub), token, lambda _: None)
    assert hub.requests == []


@pytest.mark.parametrize(
    ("status", "error_code", "kind", "words"),
    [
        (404, "RepoNotFound", ErrorKind.CHECKPOINT_NOT_FOUND, "no model"),
        (404, "RevisionNotFound", ErrorKind.CHECKPOINT_NOT_FOUND, "revision"),
        (403, "GatedRepo", ErrorKind.TOKEN_NEEDED, "accepted the terms"),
        (403, "", ErrorKind.TOKEN_NEEDED, "does not allow"),
        (401, "", ErrorKind.TOKEN_NEEDED, "not shown to everyone"),
        (429, "", ErrorKind.NETWORK, "1 second"),
        (500, "", ErrorKind.NETWORK, "problem of its own"),
        (503, "", ErrorKind.NETWORK, "503"),
    ],
)
def test_answers_of_the_hub_become_sentences(
    transfers: Transfers, hub: LoopbackHub, status: int, error_code: str, kind: ErrorKind, words: str
) -> None:
    hub.behaviour.status, hub.behaviour.error_code, hub.behaviour.retry_after = status, error_code, "1"
    report = failure(transfers, hub)
    assert report.kind is kind
    assert words in report.sentence()


def test_unreachable_hub(transfers: Transfers, published: Path) -> None:
    with LoopbackHub({HUB_ID: published}) as hub:
        endpoint = hub.endpoint
    gone = DownloadCheckpoint(command_id="d", checkpoint=HUB_ID, access=HubAccess(endpoint=endpoint))
    with pytest.raises(EngineError) as caught:
        transfers.handle(gone, CancellationToken(), lambda _: None)
    assert caught.value.report.kind is ErrorKind.NETWORK
    assert "could not be reached" in caught.value.report.message


@pytest.mark.parametrize("name", ["", "a b", "a/b/c", "--", "../x", "x" * 500])
def test_names_that_cannot_be(transfers: Transfers, hub: LoopbackHub, name: str) -> None:
    assert failure(transfers, hub, name).kind is ErrorKind.CHECKPOINT_NOT_FOUND


def test_repository_without_safetensors(transfers: Transfers, hub: LoopbackHub, published: Path) -> None:
    (published / "model.safetensors").unlink()
    assert failure(transfers, hub).kind is ErrorKind.CHECKPOINT_UNSUPPORTED
    assert hub.file_requests() == []


def test_full_disk_is_seen_before_the_first_byte(
    transfers: Transfers, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 99, 1))  # type: ignore[attr-defined]
    assert failure(transfers, hub).kind is ErrorKind.DISK
    assert hub.file_requests() == []


def test_token_goes_to_the_endpoint_and_is_sent_only_if_given(transfers: Transfers, hub: LoopbackHub) -> None:
    download(transfers, hub)
    assert not any("authorization" in headers for _, _, headers in hub.requests)
    hub.requests.clear()
    download(transfers, hub, token="hf_secret")
    sent = {headers.get("authorization") for _, _, headers in hub.requests}
    assert "Bearer hf_secret" in sent


def test_token_is_not_sent_unencrypted_to_another_machine(transfers: Transfers) -> None:
    access = HubAccess(endpoint="http://hub.example", token="hf_secret")
    leaking = DownloadCheckpoint(command_id="d", checkpoint=HUB_ID, access=access)
    with pytest.raises(EngineError) as caught:
        transfers.handle(leaking, CancellationToken(), lambda _: None)
    assert caught.value.report.kind is ErrorKind.INVALID_COMMAND
    assert "hf_secret" not in caught.value.report.sentence()


def test_command_of_the_other_lane_is_refused(transfers: Transfers) -> None:
    with pytest.raises(EngineError) as caught:
        transfers.handle(UnloadCheckpoint(command_id="u"), CancellationToken(), lambda _: None)
    assert caught.value.report.kind is ErrorKind.INVALID_COMMAND
