"""The official client and Hearth use one cache: what one puts there, deletes or moves, the other sees so."""

from pathlib import Path

import pytest
from huggingface_hub import scan_cache_dir, snapshot_download, try_to_load_from_cache

from engine.api.cancellation import CancellationToken
from engine.api.checkpoint import CheckpointKind
from engine.api.commands import DeleteCheckpoint, ListCheckpoints, MoveCache
from engine.api.events import CacheMoved, CheckpointDeleted, CheckpointsListed, Event
from engine.api.plan import PrecisionChoice
from engine.checkpoints import loader
from engine.library import Library
from tests import tiny_checkpoints
from tests.cache_folders import bytes_below
from tests.loopback_hub import COMMIT, LoopbackHub

HUB_ID = "publisher/tiny-chat"


@pytest.fixture
def downloaded(cache: Path, tiny_folder: Path) -> Path:
    """A model in the cache that the official client has downloaded."""
    folder = tiny_checkpoints.make("llama", tiny_folder)
    with LoopbackHub({HUB_ID: folder}) as hub:
        path = snapshot_download(HUB_ID, endpoint=hub.endpoint, cache_dir=cache, token=False)
    return Path(path)


def run(library: Library, command: ListCheckpoints | DeleteCheckpoint | MoveCache) -> Event:
    return library.handle(command, CancellationToken(), lambda _: None)


def test_what_it_downloaded_is_listed_and_loads_where_it_lies(downloaded: Path, cache: Path, tmp_path: Path) -> None:
    listed = run(Library(tmp_path), ListCheckpoints(command_id="1"))
    assert isinstance(listed, CheckpointsListed)
    (row,) = (each for each in listed.checkpoints if each.kind is CheckpointKind.HUB_CACHE)
    assert (row.reference, row.revision, row.is_complete) == (HUB_ID, COMMIT, True)
    assert row.disk_bytes == bytes_below(cache / "models--publisher--tiny-chat")
    before = bytes_below(cache)
    loaded = loader.load(HUB_ID, PrecisionChoice.FP32, None, "cpu", tmp_path, CancellationToken(), lambda *_: None)
    assert loaded.plan.revision == COMMIT
    loader.free(loaded)
    assert bytes_below(cache) == before
    assert not (tmp_path / "checkpoints").exists()


def test_after_a_deletion_it_finds_nothing_and_nothing_odd(downloaded: Path, cache: Path, tmp_path: Path) -> None:
    before = bytes_below(cache)
    deleted = run(Library(tmp_path), DeleteCheckpoint(command_id="1", checkpoint=HUB_ID))
    assert isinstance(deleted, CheckpointDeleted)
    assert deleted.freed_bytes == before - bytes_below(cache) > 0
    scan = scan_cache_dir(cache)
    assert (len(scan.repos), scan.warnings) == (0, [])
    assert try_to_load_from_cache(HUB_ID, "config.json", cache_dir=cache) is None


def test_after_a_move_it_finds_everything_at_the_new_place(downloaded: Path, cache: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    moved = run(Library(tmp_path), MoveCache(command_id="1", target=str(target)))
    assert moved == CacheMoved(command_id="1", folder=str(target), moved_bytes=bytes_below(target))
    found = snapshot_download(HUB_ID, cache_dir=target, local_files_only=True)
    assert Path(found, "model.safetensors").is_file()
    assert try_to_load_from_cache(HUB_ID, "config.json", cache_dir=target) == str(Path(found, "config.json"))
    assert not cache.exists()
