"""The starter model: converted once and truly, repaired when damaged, safe with two processes, told when missing."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine.api.cancellation import CancellationToken
from engine.api.errors import Cancelled, EngineError, ErrorKind
from engine.api.events import LoadPhase
from engine.api.plan import Precision, PrecisionChoice
from engine.checkpoints import conversion, loader, starter

ROOT = Path(__file__).parents[3]
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


def no_report(*_: object) -> None:
    return None


def load(data_folder: Path, report: conversion.ReportProgress = no_report) -> loader.LoadedModel:
    return loader.load("starter", PrecisionChoice.BF16, None, "cpu", data_folder, CancellationToken(), report)


def test_starter_is_what_its_publisher_made(converted_starter: Path) -> None:
    phases: set[LoadPhase] = set()
    loaded = load(converted_starter, lambda phase, *_: phases.add(phase))
    assert phases == {LoadPhase.LOADING, LoadPhase.CHECKING}, "it is converted but once"
    plan, config = loaded.plan, loaded.model.config
    assert plan.name == "SmolLM2 135M Instruct"
    assert plan.parameters == 134_515_008
    assert plan.precision is Precision.BF16
    assert plan.context_window == 8192
    assert plan.kv_bytes_per_token == 23_040
    assert (config.num_hidden_layers, config.num_key_value_heads, config.vocab_size) == (30, 3, 49_152)
    assert getattr(config, "quantization_config", None) is None
    assert loaded.model.generation_config.eos_token_id == 2
    rendered = loaded.tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi"}], tokenize=False, add_generation_prompt=True
    )
    assert rendered == (
        f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )
    assert loaded.tokenizer.convert_tokens_to_ids("<|im_end|>") == 2
    # Digits are split off before words: that keeps the two spaces together.
    assert loaded.tokenizer.tokenize("in 2024  5") == ["in", "Ġ", "2", "0", "2", "4", "ĠĠ", "5"]
    loader.free(loaded)


def test_second_time_nothing_is_converted(converted_starter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter, "source_file", lambda: None)
    reports: list[object] = []
    folder = starter.provide(converted_starter, CancellationToken(), lambda *report: reports.append(report))
    assert reports == []
    assert (folder / "model.safetensors").is_file()
    assert not list(folder.parent.glob(".converting-*"))


def test_missing_package_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter, "PACKAGE", "no_such_package_anywhere")
    assert not starter.is_available(tmp_path)
    with pytest.raises(EngineError) as caught:
        starter.provide(tmp_path, CancellationToken(), no_report)
    report = caught.value.report
    assert report.kind is ErrorKind.CHECKPOINT_NOT_FOUND
    assert "start.py" in report.hint


def test_damaged_package_file_is_not_converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / starter.FILE_NAME
    copy.write_bytes(b"GGUF" + b"\0" * 1000)
    monkeypatch.setattr(starter, "source_file", lambda: copy)
    with pytest.raises(EngineError) as caught:
        starter.provide(tmp_path, CancellationToken(), no_report)
    assert caught.value.report.kind is ErrorKind.CHECKPOINT_INCOMPLETE
    monkeypatch.setattr(starter, "SIZE_BYTES", copy.stat().st_size)  # the hash sees it too
    with pytest.raises(EngineError):
        starter.provide(tmp_path, CancellationToken(), no_report)


def test_conversion_tells_its_progress_and_can_be_cancelled(tmp_path: Path) -> None:
    token = CancellationToken()
    shares: list[float] = []

    def report(phase: LoadPhase, done: int, total: int) -> None:
        assert phase is LoadPhase.CONVERTING
        shares.append(done / total)
        if len(shares) > 20:
            token.cancel()

    with pytest.raises(Cancelled):
        starter.provide(tmp_path, token, report)
    assert shares == sorted(shares)
    assert len(shares) == 21
    assert len(set(shares)) > 10, "it goes on"
    assert list((tmp_path / "checkpoints").iterdir()) == []


# The rest replaces the 12 s conversion by one that only writes files: what is tested is how they get in place.


def quick_convert(_source: Path, folder: Path, name: str, _tell: object) -> None:
    (folder / "config.json").write_text(json.dumps({"name": name}))
    (folder / "model.safetensors").write_bytes(b"weights" * 1000)


def provide_quickly(source: Path, data_folder: Path) -> Path:
    target = data_folder / "checkpoints" / "model"
    return conversion.converted(source, target, "Model", CancellationToken(), no_report)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from engine.checkpoints import gguf

    monkeypatch.setattr(gguf, "convert", quick_convert)
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF")
    return path


@pytest.mark.parametrize("damage", ["remove record", "empty record", "remove weights", "cut weights", "empty folder"])
def test_unfinished_conversion_is_made_again(source: Path, tmp_path: Path, damage: str) -> None:
    folder = provide_quickly(source, tmp_path)
    if damage == "remove record":
        (folder / conversion.RECORD_NAME).unlink()
    elif damage == "empty record":
        (folder / conversion.RECORD_NAME).write_text("")
    elif damage == "remove weights":
        (folder / "model.safetensors").unlink()
    elif damage == "cut weights":
        (folder / "model.safetensors").write_bytes(b"wei")
    else:
        shutil.rmtree(folder)
        folder.mkdir()
    assert not conversion.is_complete(folder)
    provide_quickly(source, tmp_path)
    assert conversion.is_complete(folder)
    assert (folder / "model.safetensors").stat().st_size == 7000


def test_folders_of_killed_conversions_are_removed(source: Path, tmp_path: Path) -> None:
    parent = tmp_path / "checkpoints"
    dead = parent / ".converting-999999999-abc"
    alive = parent / f".converting-{os.getppid()}-abc"
    dead.mkdir(parents=True)
    alive.mkdir()
    provide_quickly(source, tmp_path)
    assert not dead.exists()
    assert alive.exists()


def test_failed_conversion_leaves_nothing(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.checkpoints import gguf

    def fail(source: Path, folder: Path, *_: object) -> None:
        (folder / "half").write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gguf, "convert", fail)
    with pytest.raises(EngineError) as caught:
        provide_quickly(source, tmp_path)
    assert caught.value.report.kind is ErrorKind.DISK
    assert "No space left" in caught.value.report.message
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_data_folder_that_cannot_be_written(source: Path, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("a file where the folder should be")
    with pytest.raises(EngineError) as caught:
        provide_quickly(source, tmp_path)
    assert caught.value.report.kind is ErrorKind.DISK


RACER = """
import sys, time, types
from pathlib import Path
from engine.api.cancellation import CancellationToken
from engine.checkpoints.conversion import converted

parent, source = Path(sys.argv[1]), Path(sys.argv[2])

def convert(_source, folder, _name, _tell):
    (folder / "model.safetensors").write_bytes(b"weights" * 1000)
    end = time.monotonic() + 30
    while len(list(parent.glob(".converting-*"))) < 2 and time.monotonic() < end:
        time.sleep(0.01)  # both are at it now
    time.sleep(0.2)

fake = types.ModuleType("engine.checkpoints.gguf")
fake.convert = convert
sys.modules["engine.checkpoints.gguf"] = fake
converted(source, parent / "model", "Model", CancellationToken(), lambda *_: None)
"""


def test_two_processes_at_once_both_succeed(tmp_path: Path) -> None:
    source = tmp_path / "model.gguf"
    source.write_bytes(b"GGUF")
    parent = tmp_path / "checkpoints"
    arguments = [sys.executable, "-c", RACER, str(parent), str(source)]
    racers = [subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE) for _ in range(2)]
    errors = [racer.communicate(timeout=180)[1] for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0], errors
    assert conversion.is_complete(parent / "model")
    assert [path.name for path in parent.iterdir()] == ["model"]


def test_damaged_copy_of_the_starter_is_made_anew(
    converted_starter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = starter.folder_in(tmp_path)
    shutil.copytree(starter.folder_in(converted_starter), folder)
    weights = folder / "model.safetensors"
    with weights.open("r+b") as stream:  # the same size, so that only reading finds it
        stream.write(b"\xff" * 64)
    made = []

    def convert(_source: Path, target: Path, *_: object) -> None:
        made.append(target)
        shutil.copytree(starter.folder_in(converted_starter), target, dirs_exist_ok=True)

    from engine.checkpoints import gguf

    monkeypatch.setattr(gguf, "convert", convert)
    loader.free(load(tmp_path))
    assert len(made) == 1
