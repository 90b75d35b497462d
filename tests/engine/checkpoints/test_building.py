"""Building from a plan: modules in several places, what doesn't fit any more, and that nothing is left then."""

import shutil
from pathlib import Path

import accelerate
import msgspec
import pytest
import torch
from transformers import AutoModelForCausalLM

from engine.api.cancellation import CancellationToken
from engine.api.errors import EngineError, ErrorKind
from engine.api.plan import KvLayout, Precision, PrecisionChoice
from engine.checkpoints import building, loader
from engine.checkpoints.loader import LoadedModel
from engine.checkpoints.progress import WeightProgress
from engine.generation.chat_session import ChatSession
from tests import tiny_checkpoints
from tests.chat_probe import ask, user


@pytest.fixture(scope="module")
def llama(tiny_folder: Path) -> Path:
    return tiny_checkpoints.make("llama", tiny_folder)


def load(path: Path, folder: Path, choice: PrecisionChoice = PrecisionChoice.FP32, context: int = 512) -> LoadedModel:
    return loader.load(str(path), choice, context, "cpu", folder, CancellationToken(), lambda *_: None)


@pytest.mark.parametrize("name", ["llama", "gemma3", "mixtral", "gpt_oss"])
def test_layers_in_two_places_answer_the_same(name: str, tiny_folder: Path, tmp_path: Path) -> None:
    """Several cards can't be had here; the disk beside main memory goes through the same hooks."""
    path = tiny_checkpoints.make(name, tiny_folder)
    plain = load(path, tmp_path)
    expected = ask(ChatSession(plain), [user("Hello")], maximum_tokens=8).token_ids
    moved = load(path, tmp_path)
    layers = [f"model.layers.{index}" for index in range(len(moved.model.model.layers))]
    others = [f"model.{part}" for part, _ in moved.model.model.named_children() if part != "layers"]
    devices = dict.fromkeys([*layers[:-1], *others, "lm_head"], "cpu") | {layers[-1]: "disk"}
    accelerate.dispatch_model(moved.model, devices, offload_dir=tmp_path / "offload", main_device="cpu")
    session = ChatSession(moved)
    assert next(moved.model.model.layers[-1].parameters()).is_meta
    assert ask(session, [user("Hello")], maximum_tokens=8).token_ids == expected
    assert session.plan.kv_reuse.startswith("follow-ups, edits")
    loader.free(plain)
    loader.free(moved)


def fail(times: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the first loads of weights run out of memory; return where the attempts are counted."""
    attempts: list[int] = []
    original = AutoModelForCausalLM.from_pretrained

    def from_pretrained(*arguments: object, **options: object) -> object:
        attempts.append(1)
        if len(attempts) <= times:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return original(*arguments, **options)

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", from_pretrained)
    return attempts


def test_memory_that_was_short_for_a_moment_is_tried_once_more(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = fail(1, monkeypatch)
    loader.free(load(llama, tmp_path))
    assert len(attempts) == 2


def test_memory_that_stays_short_is_told_with_ways_out(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = fail(99, monkeypatch)
    with pytest.raises(EngineError) as caught:
        load(llama, tmp_path)
    report = caught.value.report
    assert len(attempts) == 2
    assert report.kind is ErrorKind.OUT_OF_MEMORY
    assert "GiB were planned of" in report.message
    assert [remedy.precision for remedy in report.remedies] == [PrecisionChoice.INT8, PrecisionChoice.INT4]
    monkeypatch.undo()
    loader.free(load(llama, tmp_path))


def test_no_second_try_where_it_can_not_fit(llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = fail(99, monkeypatch)
    monkeypatch.setattr(building, "free_bytes", lambda device: 1000)
    with pytest.raises(EngineError):
        load(llama, tmp_path)
    assert len(attempts) == 1


def test_a_lost_card_is_told_and_not_touched(llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    def touch() -> None:
        pytest.fail("a lost device was touched")

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", lose)
    monkeypatch.setattr(building, "release", touch)
    with pytest.raises(EngineError) as caught:
        load(llama, tmp_path)
    assert caught.value.report.kind is ErrorKind.DEVICE_LOST


@pytest.mark.parametrize(
    ("choice", "precision"), [(PrecisionChoice.INT8, Precision.INT8), (PrecisionChoice.INT4, Precision.INT4)]
)
@pytest.mark.parametrize("name", sorted(tiny_checkpoints.ARCHITECTURES))
def test_every_architecture_answers_packed(
    name: str, choice: PrecisionChoice, precision: Precision, tiny_folder: Path, tmp_path: Path
) -> None:
    loaded = load(tiny_checkpoints.make(name, tiny_folder), tmp_path, choice)
    assert loaded.plan.precision is precision
    assert loaded.plan.quantization
    session = ChatSession(loaded)
    assert len(ask(session, [user("Hello")], maximum_tokens=4).token_ids) > 0
    loader.free(loaded)


@pytest.mark.parametrize("name", ["mamba", "mamba2"])
def test_weights_are_those_of_the_files_whatever_a_training_begins_with(
    name: str, tiny_folder: Path, tmp_path: Path
) -> None:
    plain, scaled = tiny_checkpoints.make(name, tiny_folder), tmp_path / "scaled"
    shutil.copytree(plain, scaled)
    tiny_checkpoints.edit_config(scaled, rescale_prenorm_residual=True)
    for choice in (PrecisionChoice.BF16, PrecisionChoice.INT4):
        ids = torch.arange(3, 20).view(1, -1)
        with torch.inference_mode():
            found = [load(path, tmp_path, choice).model(ids).logits for path in (plain, scaled)]
        assert torch.equal(*found), choice


def test_the_plan_decides_how_windows_are_kept(tiny_folder: Path, tmp_path: Path) -> None:
    loaded = load(tiny_checkpoints.make("gemma3", tiny_folder), tmp_path, context=2048)
    assert loaded.plan.context_window == 2048
    windowed = msgspec.structs.replace(loaded.plan, kv_layout=KvLayout.WINDOWED)
    session = ChatSession(LoadedModel(loaded.model, loaded.tokenizer, windowed, loaded.device, loaded.dtype))
    full = ChatSession(loaded)
    question = [user("tell me a long story about the sea " * 8)]
    assert ask(session, question, maximum_tokens=12).token_ids == ask(full, question, maximum_tokens=12).token_ids
    assert session._runner.kv.allocated_bytes < full._runner.kv.allocated_bytes
    loader.free(loaded)


def test_progress_goes_to_the_end_of_a_second_attempt(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(1, monkeypatch)
    told: list[tuple[int, int]] = []
    original = WeightProgress.__init__

    def watch(self: WeightProgress, sizes: dict[str, int], report: object, cancellation: CancellationToken) -> None:
        original(self, sizes, lambda phase, done, total: told.append((done, total)), cancellation)

    monkeypatch.setattr(WeightProgress, "__init__", watch)
    loader.free(load(llama, tmp_path))
    assert told[-1][0] == told[-1][1] > 0
