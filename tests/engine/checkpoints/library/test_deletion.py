"""What deleting frees, to the byte, and what it must never touch."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from huggingface_hub import scan_cache_dir

from engine.api.checkpoint import CheckpointKind
from engine.api.errors import EngineError, ErrorKind
from engine.checkpoints import copy_folders
from engine.checkpoints.library import usage
from engine.checkpoints.library.deletion import delete_checkpoint, discard_download
from engine.checkpoints.library.listing import list_checkpoints
from engine.checkpoints.resolve import locate
from engine.hub import removal
from engine.hub.download import record
from tests.cache_folders import A, B, bytes_below, files_of, lay

HUB_ID = "publisher/model"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def keep_copy(data: Path, place: str) -> None:
    def fill(folder: Path) -> None:
        (folder / "model.safetensors").write_bytes(bytes(1000))

    name = f"copy-{abs(hash(place))}"
    assert copy_folders.add(data, name, f"{place} as int8 for bfloat16", 10_000, fill, cap_bytes=10**6)


def deleted(reference: str, data: Path, *, where: Path, revision: str = "", folders: tuple[str, ...] = ()) -> int:
    """Delete, and hold what was promised and told against what the disk says."""
    before = bytes_below(where) + bytes_below(data / "quantized") + bytes_below(data / "checkpoints")
    promised = delete_checkpoint(reference, revision, folders, data, only_count=True)
    between = bytes_below(where) + bytes_below(data / "quantized") + bytes_below(data / "checkpoints")
    assert between == before, "counting changed something"
    freed = delete_checkpoint(reference, revision, folders, data)
    after = bytes_below(where) + bytes_below(data / "quantized") + bytes_below(data / "checkpoints")
    assert promised == freed == before - after
    return freed


def references(data: Path, *folders: str) -> list[str]:
    return [row.reference for row in list_checkpoints(data, folders) if row.kind is not CheckpointKind.STARTER]


def test_a_repository_goes_with_its_copies_and_nothing_else(cache: Path, data: Path, model: dict[str, bytes]) -> None:
    lay(cache, HUB_ID, A, model)
    lay(cache, HUB_ID, B, model | {"README.md": b"newer"}, branch="v2")
    lay(cache, "publisher/other", A, model)
    for place in (HUB_ID, f"{HUB_ID}@v2", "publisher/other"):
        keep_copy(data, place)
    usage.note_load(data, HUB_ID, "publisher/other")
    row = next(row for row in list_checkpoints(data) if row.reference == HUB_ID)
    assert deleted(HUB_ID, data, where=cache) == row.disk_bytes
    assert references(data) == ["publisher/other"]
    assert list(copy_folders.bytes_by_place(data)) == ["publisher/other"]
    assert list(usage.last_loads(data)) == ["publisher/other"]
    scan = scan_cache_dir(cache)
    assert ([repo.repo_id for repo in scan.repos], scan.warnings) == (["publisher/other"], [])


@pytest.mark.parametrize("named", ["v2", B, B[:10]])
def test_one_revision_goes_and_takes_only_what_no_other_uses(
    cache: Path, data: Path, model: dict[str, bytes], named: str
) -> None:
    lay(cache, HUB_ID, A, model)
    lay(cache, HUB_ID, B, model | {"README.md": b"newer"}, branch="v2")
    keep_copy(data, HUB_ID)
    assert deleted(HUB_ID, data, where=cache, revision=named) == len(b"newer") + len(B)
    assert references(data) == [HUB_ID]
    assert copy_folders.bytes_by_place(data)
    scan = scan_cache_dir(cache)
    assert ([r.commit_hash for repo in scan.repos for r in repo.revisions], scan.warnings) == ([A], [])


def test_a_reference_with_a_revision_deletes_that_one_only(cache: Path, data: Path, model: dict[str, bytes]) -> None:
    lay(cache, HUB_ID, A, model)
    lay(cache, HUB_ID, B, {"config.json": model["config.json"]} | model | {"x.json": b"{}"}, branch="v2")
    keep_copy(data, f"{HUB_ID}@v2")
    keep_copy(data, HUB_ID)
    deleted(f"{HUB_ID}@v2", data, where=cache)
    assert references(data) == [HUB_ID]
    assert list(copy_folders.bytes_by_place(data)) == [HUB_ID]
    deleted(HUB_ID, data, where=cache, revision="main")
    assert not (cache / "models--publisher--model").exists()


def test_files_without_links_count_as_what_they_are(cache: Path, data: Path, model: dict[str, bytes]) -> None:
    snapshot = cache / "models--publisher--model" / "snapshots" / A
    snapshot.mkdir(parents=True)
    for name, content in model.items():
        (snapshot / name).write_bytes(content)
    os.link(snapshot / "model.safetensors", data / "kept.safetensors")
    freed = deleted(HUB_ID, data, where=cache.parent)
    assert freed == sum(map(len, model.values())) - len(model["model.safetensors"])
    assert (data / "kept.safetensors").is_file()


def shared(cache: Path, model: dict[str, bytes], *hub_ids: str) -> Path:
    """Let repositories share their weights in the store of huggingface_hub 2.4, through the library itself."""
    from huggingface_hub.utils import _shared_blobs

    xet = "c" * 64
    for hub_id in hub_ids:
        snapshot = lay(cache, hub_id, A, model)
        blob = (snapshot / "model.safetensors").resolve()
        _shared_blobs.publish_blob_to_shared_store(
            blob_path=str(blob), xet_hash=xet, cache_dir=cache, expected_size=blob.stat().st_size
        )
        assert blob.is_symlink()
    return cache / "blobs" / "cc" / xet


def test_a_file_that_two_repositories_share_goes_with_the_second(
    cache: Path, data: Path, model: dict[str, bytes]
) -> None:
    stored = shared(cache, model, HUB_ID, "publisher/other")
    size = len(model["model.safetensors"])
    first = delete_checkpoint(HUB_ID, "", (), data)
    assert stored.is_file()
    assert first < size
    second = delete_checkpoint("publisher/other", "", (), data)
    assert not stored.exists()
    assert second >= size


@pytest.mark.parametrize("only_count", [True, False])
@pytest.mark.parametrize(
    "reference", ["publisher/unknown", "../..", "models--publisher--model", "/", "~", ".", "", "\0", "x" * 5000, "a@b"]
)
def test_what_is_not_listed_is_not_deleted(
    cache: Path, data: Path, model: dict[str, bytes], reference: str, only_count: bool
) -> None:
    lay(cache, HUB_ID, A, model)
    before = bytes_below(cache)
    with pytest.raises(EngineError) as caught:
        delete_checkpoint(reference, "", (), data, only_count=only_count)
    assert caught.value.report.kind is ErrorKind.CHECKPOINT_NOT_FOUND
    assert caught.value.report.message.endswith(".")
    assert bytes_below(cache) == before


def test_an_unknown_revision_and_the_starter_are_refused(cache: Path, data: Path, model: dict[str, bytes]) -> None:
    lay(cache, HUB_ID, A, model)
    for reference, revision in ((HUB_ID, "nope"), (HUB_ID, "../../.."), ("starter", "")):
        with pytest.raises(EngineError):
            delete_checkpoint(reference, revision, (), data)
    assert references(data) == [HUB_ID]


def test_nothing_goes_while_it_is_downloaded(cache: Path, data: Path, model: dict[str, bytes]) -> None:
    lay(cache, HUB_ID, A, model)
    lock = cache / ".locks" / "models--publisher--model" / "x.lock"
    lock.parent.mkdir(parents=True)
    with FileLock(lock), pytest.raises(EngineError) as caught:
        delete_checkpoint(HUB_ID, "", (), data)
    assert "being downloaded" in caught.value.report.message
    assert references(data) == [HUB_ID]
    delete_checkpoint(HUB_ID, "", (), data)
    assert references(data) == []


def test_what_a_cut_off_deletion_left_is_removed_later(
    cache: Path, data: Path, model: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(cache, HUB_ID, A, model)
    monkeypatch.setattr("engine.hub.removal.shutil.rmtree", lambda *_, **__: None)
    with pytest.raises(EngineError):
        delete_checkpoint(HUB_ID, "", (), data)
    assert references(data) == []
    assert scan_cache_dir(cache).warnings == []
    monkeypatch.undo()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    removal.remove_abandoned()
    assert bytes_below(cache) == 0


def test_a_folder_loses_the_models_own_files_and_nothing_of_anybody_elses(
    tmp_path: Path, data: Path, model: dict[str, bytes]
) -> None:
    shelf = tmp_path / "shelf"
    place = shelf / "publisher" / "model"
    place.mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text("{}")
    for name, content in model.items():
        (place / name).write_bytes(content)
    (place / "merges.txt").symlink_to(elsewhere)
    (place / "my notes.txt").write_text("mine")
    keep_copy(data, str(place))
    assert deleted(str(place), data, where=shelf, folders=(str(shelf),)) > len(model["model.safetensors"])
    assert [path.name for path in place.iterdir()] == ["my notes.txt"]
    assert elsewhere.read_text() == "{}"
    assert not copy_folders.bytes_by_place(data)


def test_an_emptied_folder_goes_and_a_link_to_one_only_itself(
    tmp_path: Path, data: Path, model: dict[str, bytes]
) -> None:
    shelf, real = tmp_path / "shelf", tmp_path / "real"
    (shelf / "model").mkdir(parents=True)
    real.mkdir()
    for name, content in model.items():
        (shelf / "model" / name).write_bytes(content)
        (real / name).write_bytes(content)
    (shelf / "linked").symlink_to(real)
    deleted(str(shelf / "model"), data, where=tmp_path, folders=(str(shelf),))
    assert not (shelf / "model").exists()
    assert deleted(str(shelf / "linked"), data, where=tmp_path, folders=(str(shelf),)) == 0
    assert not (shelf / "linked").is_symlink()
    assert files_of(real) == model


@pytest.mark.parametrize("spelled", ["disk", "drive"])
def test_what_is_listed_through_a_link_goes_by_either_name(
    tmp_path: Path, data: Path, model: dict[str, bytes], spelled: str
) -> None:
    (tmp_path / "drive" / "model").mkdir(parents=True)
    (tmp_path / "disk").symlink_to("drive")
    for name, content in model.items():
        (tmp_path / "drive" / "model" / name).write_bytes(content)
    reference = str(tmp_path / spelled / "model")
    assert deleted(reference, data, where=tmp_path / "drive", folders=(str(tmp_path / "disk"),)) > 0
    assert not (tmp_path / "drive" / "model").exists()


@pytest.mark.usefixtures("cache")
def test_a_gguf_file_goes_with_its_conversion(tmp_path: Path, data: Path) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    path = shelf / "model.gguf"
    path.write_bytes(b"GGUF" + bytes(500))
    (shelf / "other.gguf").write_bytes(b"GGUF" + bytes(500))
    files, _ = locate(str(path), data)
    files.folder.mkdir(parents=True)
    (files.folder / "model.safetensors").write_bytes(bytes(700))
    keep_copy(data, str(files.folder))
    row = next(row for row in list_checkpoints(data, (str(shelf),)) if row.reference == str(path))
    assert deleted(str(path), data, where=shelf, folders=(str(shelf),)) == row.disk_bytes > 504 + 700 + 1000
    assert references(data, str(shelf)) == [str(shelf / "other.gguf")]
    assert not files.folder.exists()


def test_a_gguf_file_in_the_cache_goes_and_the_last_one_takes_the_repository(cache: Path, data: Path) -> None:
    snapshot = lay(cache, HUB_ID, A, {"q4.gguf": b"GGUF" + bytes(500), "q8.gguf": b"GGUF" + bytes(900)})
    assert deleted(str(snapshot / "q4.gguf"), data, where=cache) == 504
    assert references(data) == [str(snapshot / "q8.gguf")]
    delete_checkpoint(str(snapshot / "q8.gguf"), "", (), data)
    assert not (cache / "models--publisher--model").exists()
    assert scan_cache_dir(cache).warnings == []


def test_discarding_takes_what_is_incomplete_and_leaves_what_is_whole(
    cache: Path, data: Path, model: dict[str, bytes]
) -> None:
    lay(cache, HUB_ID, A, model, branch="")
    lay(cache, HUB_ID, B, {name: text for name, text in model.items() if name != "tokenizer.json"} | {"z": b"z" * 50})
    (cache / "models--publisher--model" / "blobs" / "orphan.incomplete").write_bytes(b"rest")
    assert f"{HUB_ID}@{A}" in references(data)
    before = bytes_below(cache)
    freed = discard_download(HUB_ID, data)
    assert references(data) == [HUB_ID]
    assert freed >= 50
    assert bytes_below(cache) <= before - 50


def test_a_revision_of_which_nothing_is_in_its_place_yet_can_be_deleted(
    cache: Path, data: Path, model: dict[str, bytes]
) -> None:
    lay(cache, HUB_ID, A, model)
    repository = cache / "models--publisher--model"
    wanted = (record.WantedFile("model.safetensors", 500, "c" * 64),)
    record.write_record(repository, record.Record(HUB_ID, "v2", B, wanted))
    assert references(data) == [HUB_ID, f"{HUB_ID}@v2"]
    delete_checkpoint(f"{HUB_ID}@v2", "", (), data)
    assert references(data) == [HUB_ID]


FORBIDDEN: dict[str, Callable[[Path], Path]] = {
    "blobs": lambda repository: repository / "blobs",
    "the snapshot": lambda repository: repository / "snapshots" / A,
}


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nothing is forbidden to root")
@pytest.mark.parametrize("place", FORBIDDEN)
def test_what_may_not_be_changed_stays_whole(cache: Path, data: Path, model: dict[str, bytes], place: str) -> None:
    lay(cache, HUB_ID, A, model)
    closed = FORBIDDEN[place](cache / "models--publisher--model")
    closed.chmod(0o555)
    try:
        with pytest.raises(EngineError) as caught:
            delete_checkpoint(HUB_ID, "", (), data)
        assert caught.value.report.kind is ErrorKind.DISK
        assert references(data) == [HUB_ID]
    finally:
        closed.chmod(0o755)
