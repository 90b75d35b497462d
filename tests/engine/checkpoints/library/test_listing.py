"""The list of usable models: true, quick, and without torch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants

from engine.api.checkpoint import CheckpointKind
from engine.checkpoints import starter
from engine.checkpoints.library.listing import list_checkpoints
from tests import tiny_checkpoints

ROOT = Path(__file__).parents[4]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "hub-cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    return folder


def test_starter_comes_first_and_only_if_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (listed,) = list_checkpoints(tmp_path)
    assert (listed.reference, listed.kind, listed.name) == ("starter", CheckpointKind.STARTER, starter.NAME)
    monkeypatch.setattr(starter, "PACKAGE", "no_such_package_anywhere")
    assert list_checkpoints(tmp_path) == ()


def test_folders_are_searched_two_levels_down(tmp_path: Path, tiny_folder: Path) -> None:
    tiny_checkpoints.make("llama", tiny_folder)
    shelf = tmp_path / "shelf"
    (shelf / "publisher").mkdir(parents=True)
    (shelf / "publisher" / "model").symlink_to(tiny_folder / "llama-0")
    (shelf / "publisher" / "deeper" / "still").mkdir(parents=True)
    (shelf / "publisher" / "deeper" / "still" / "model").symlink_to(tiny_folder / "llama-0")
    (shelf / "some.gguf").write_bytes(b"GGUF")
    (shelf / "broken").mkdir()
    (shelf / "broken" / "config.json").write_text("garbage")
    (shelf / "notes.txt").write_text("not a model")
    listed = list_checkpoints(tmp_path, [str(shelf), str(tmp_path / "gone"), "\0", str(shelf)])
    assert [(item.name, item.kind) for item in listed[1:]] == [
        ("model", CheckpointKind.FOLDER),
        ("some", CheckpointKind.GGUF),
    ]
    assert listed[1].architecture == "llama"
    assert listed[1].size_bytes == pytest.approx(
        (tiny_folder / "llama-0" / "model.safetensors").stat().st_size, rel=0.1
    )


def test_folder_that_is_itself_a_checkpoint(tmp_path: Path, tiny_folder: Path) -> None:
    path = tiny_checkpoints.make("qwen3", tiny_folder)
    (listed,) = list_checkpoints(tmp_path, [str(path)])[1:]
    assert listed.reference == str(path)


def test_a_gguf_file_that_is_named_itself(tmp_path: Path) -> None:
    file = tmp_path / "elsewhere" / "tiny.GGUF"
    file.parent.mkdir()
    file.write_bytes(b"GGUF")
    (file.parent / "beside.gguf").write_bytes(b"GGUF")
    assert [each.reference for each in list_checkpoints(tmp_path / "data", [str(file)])[1:]] == [str(file)]


def test_what_was_opened_through_a_link_is_listed_by_that_name(tmp_path: Path, tiny_folder: Path) -> None:
    path = tiny_checkpoints.make("qwen3", tiny_folder)
    (tmp_path / "disk").symlink_to(path.parent)
    (tmp_path / "blob").write_bytes(b"GGUF")
    (tmp_path / "mine.gguf").symlink_to("blob")
    opened = [str(tmp_path / "disk" / path.name), str(tmp_path / "mine.gguf")]
    assert sorted(each.reference for each in list_checkpoints(tmp_path / "data", opened)[1:]) == opened


def test_what_was_never_meant_to_be_a_model_is_left_out(cache: Path, tmp_path: Path) -> None:
    folder = cache / "models--publisher--half" / "snapshots" / ("a" * 40)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}))
    (cache / "models--publisher--empty").mkdir()
    (cache / "datasets--publisher--data").mkdir()
    assert len(list_checkpoints(tmp_path)) == 1


def test_listing_needs_neither_torch_nor_transformers(tmp_path: Path, tiny_folder: Path) -> None:
    path = tiny_checkpoints.make("llama", tiny_folder)
    program = (
        "import sys; from pathlib import Path; from engine.checkpoints.library.listing import list_checkpoints\n"
        f"found = list_checkpoints(Path({str(tmp_path)!r}), [{str(path)!r}])\n"
        "print(len(found), 'torch' in sys.modules, 'transformers' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=180
    )
    assert answer.stdout.split() == ["2", "False", "False"]
