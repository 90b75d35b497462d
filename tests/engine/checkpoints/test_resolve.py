"""What a person calls a model leads to the right folder."""

import os
from pathlib import Path

import pytest
from huggingface_hub import constants

from engine.api.cancellation import CancellationToken
from engine.api.checkpoint import CheckpointKind
from engine.api.errors import EngineError, ErrorKind
from engine.api.plan import PrecisionChoice
from engine.checkpoints import gguf, loader
from engine.checkpoints.files import CheckpointFiles
from engine.checkpoints.resolve import resolve
from engine.hub import cache as hub_cache
from tests import tiny_checkpoints


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "hub-cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    return folder


def find(reference: str, data_folder: Path) -> CheckpointFiles:
    return resolve(reference, data_folder, CancellationToken(), lambda *_: None)


def snapshot(cache: Path, hub_id: str, commit: str, branch: str = "") -> Path:
    repository = cache / ("models--" + hub_id.replace("/", "--"))
    folder = repository / "snapshots" / commit
    folder.mkdir(parents=True)
    if branch:
        (repository / "refs" / branch).parent.mkdir(parents=True, exist_ok=True)
        (repository / "refs" / branch).write_text(commit)
    return folder


def test_folder_by_path_name_and_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "my model ✓"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for reference in (str(folder), "my model ✓", "./my model ✓", "~/my model ✓"):
        files = find(reference, tmp_path)
        assert (files.folder, files.kind, files.reference) == (folder, CheckpointKind.FOLDER, reference)
        assert files.name == "my model ✓"


def test_hub_id_prefers_the_branch_then_the_only_revision(cache: Path, tmp_path: Path) -> None:
    old = snapshot(cache, "publisher/model", "a" * 40)
    assert find("publisher/model", tmp_path).folder == old
    new = snapshot(cache, "publisher/model", "b" * 40, branch="main")
    files = find("publisher/model", tmp_path)
    assert (files.folder, files.revision, files.name) == (new, "b" * 40, "model")
    assert files.kind is CheckpointKind.HUB_CACHE


def test_hub_id_without_publisher(cache: Path, tmp_path: Path) -> None:
    folder = snapshot(cache, "gpt2", "c" * 40)
    assert find("gpt2", tmp_path).folder == folder


def test_a_revision_is_named_behind_an_at(cache: Path, tmp_path: Path) -> None:
    main = snapshot(cache, "publisher/model", "a" * 40, branch="main")
    other = snapshot(cache, "publisher/model", "b" * 40, branch="feature/x")
    assert find("publisher/model", tmp_path).folder == main
    found = find("publisher/model@feature/x", tmp_path)
    assert (found.folder, found.revision, found.name) == (other, "b" * 40, "model@feature/x")
    assert find(f"publisher/model@{'b' * 40}", tmp_path).folder == other
    for revision in ("v2", "../../x", "c" * 40, "a b", "..", "@"):
        assert hub_cache.find(f"publisher/model@{revision}") is None


def test_two_revisions_without_a_branch_are_not_guessed(cache: Path, tmp_path: Path) -> None:
    snapshot(cache, "publisher/model", "a" * 40)
    snapshot(cache, "publisher/model", "b" * 40)
    with pytest.raises(EngineError) as caught:
        find("publisher/model", tmp_path)
    assert caught.value.report.kind is ErrorKind.CHECKPOINT_NOT_FOUND


@pytest.mark.parametrize("hub_id", ["../../etc/passwd", "a/../b", "models--a--b", "a//b", "/a", "a/"])
def test_hub_ids_lead_nowhere_outside_the_cache(cache: Path, hub_id: str) -> None:
    snapshot(cache, "a/b", "d" * 40)
    assert hub_cache.find(hub_id) is None


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("cut.GGUF", "The GGUF file cut.GGUF cannot be read: it is damaged, or of a kind this version does not know."),
        ("model.bin", "model.bin is not a model file that can be loaded."),
    ],
)
def test_a_file_that_is_no_gguf_is_called_damaged_where_its_name_says_that_it_is_one(
    tmp_path: Path, name: str, sentence: str
) -> None:
    (tmp_path / name).write_bytes(b"\0" * 64)
    with pytest.raises(EngineError) as caught:
        find(str(tmp_path / name), tmp_path)
    assert caught.value.report.message == sentence
    assert caught.value.report.kind is ErrorKind.CHECKPOINT_UNSUPPORTED


def test_gguf_is_converted_once_per_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    converted: list[str] = []

    def convert(_source: Path, folder: Path, name: str, _tell: object) -> None:
        converted.append(name)
        (folder / "config.json").write_text("{}")

    monkeypatch.setattr(gguf, "convert", convert)
    path = tmp_path / "Model-Q4.gguf"
    path.write_bytes(b"GGUF" + b"\0" * 30)
    first = find(str(path), tmp_path)
    assert (first.kind, first.name) == (CheckpointKind.GGUF, "Model-Q4")
    assert find(str(path), tmp_path).folder == first.folder
    assert converted == ["Model-Q4"]
    path.write_bytes(b"GGUF" + b"\0" * 31)
    assert find(str(path), tmp_path).folder != first.folder


def test_real_gguf_file_answers_like_the_checkpoint_it_was_made_from(tmp_path: Path, tiny_folder: Path) -> None:
    """A GGUF file written here with the gguf package, loaded through the product's own path."""
    import torch

    from tests.tiny_gguf import write_gguf

    original = tiny_checkpoints.make("llama", tiny_folder)
    path = write_gguf(original, tmp_path / "tiny.gguf")
    loaded = loader.load(str(path), PrecisionChoice.FP32, None, "cpu", tmp_path, CancellationToken(), lambda *_: None)
    reference = loader.load(
        str(original), PrecisionChoice.AUTO, None, "cpu", tmp_path, CancellationToken(), lambda *_: None
    )
    ids = torch.arange(3, 43).unsqueeze(0)
    with torch.inference_mode():
        difference = (loaded.model(ids).logits - reference.model(ids).logits).abs().max()
    assert float(difference) < 0.05 * float(reference.model(ids).logits.abs().max())  # bf16 on the way
    assert loaded.plan.name == "tiny"
    assert loaded.tokenizer.encode("Paris, 2024") == reference.tokenizer.encode("Paris, 2024")
    loader.free(loaded)
    loader.free(reference)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
@pytest.mark.parametrize("most_bytes", [2_000, 100_000], ids=["tokenizer", "weights"])
def test_a_disk_without_room_for_what_a_gguf_file_becomes_is_told_as_that(
    tmp_path: Path, tiny_folder: Path, most_bytes: int
) -> None:
    """And not as a damaged file: the libraries that write have exceptions of their own."""
    import resource

    from tests.tiny_gguf import write_gguf

    path = write_gguf(tiny_checkpoints.make("llama", tiny_folder), tmp_path / "tiny.gguf")
    _, hard = before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, hard))
    try:
        with pytest.raises(EngineError, match="could not be prepared on disk: File too large") as caught:
            find(str(path), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.report.kind is ErrorKind.DISK
    assert not list((tmp_path / "checkpoints").iterdir())
