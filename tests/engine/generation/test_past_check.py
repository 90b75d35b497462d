"""What the check of KV found is known at the next load of the same, and of nothing else; passes are counted."""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import torch

from engine.api.errors import EngineError
from engine.api.plan import PrecisionChoice
from engine.decode.rungs import Rungs
from engine.generation import past_check
from engine.generation.chat_session import ChatSession
from engine.generation.kv_check import KvCheck
from engine.generation.kv_way import KvMode
from engine.generation.model_runner import ModelRunner
from engine.generation.past_check import PastCheck
from engine.kv.slab_layers import SlabLayer
from tests import tiny_checkpoints
from tests.chat_probe import load_session


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many ids each pass through a model had."""
    counted: list[int] = []
    forward = ModelRunner._forward

    def counting(runner: ModelRunner, ids: list[int], *, cached: bool, all_logits: bool = False) -> torch.Tensor:
        counted.append(len(ids))
        return forward(runner, ids, cached, all_logits)

    monkeypatch.setattr(ModelRunner, "_forward", counting)
    return counted


class Loads:
    """Loads of one model, each checked with what those before have left in the folder."""

    def __init__(self, folder: Path, path: str, choice: PrecisionChoice, passes: list[int], draft: str = "") -> None:
        self.folder = folder
        self.file = folder / past_check.FILE_NAME
        self._loaded = load_session(path, folder, choice, draft=draft).loaded
        self._passes = passes

    def again(self, rungs: Rungs = Rungs()) -> tuple[ModelRunner, int]:  # noqa: B008 - a frozen value
        """Return what keeps KV now, and after how many passes."""
        self._passes.clear()
        runner = ChatSession(self._loaded, rungs=rungs, past_check=PastCheck(self.folder, self._loaded, rungs))._runner
        return runner, len(self._passes)

    @property
    def model(self) -> torch.nn.Module:
        return self._loaded.model


@pytest.fixture
def loads(tiny_folder: Path, tmp_path: Path, passes: list[int]) -> Loads:
    return Loads(tmp_path, str(tiny_checkpoints.make("llama", tiny_folder)), PrecisionChoice.FP32, passes)


def ways(runner: ModelRunner) -> tuple[object, ...]:
    kv = runner.kv
    return runner.way, kv.can_be_put_back, kv.can_rewind, kv.length, runner.fed_tokens


@pytest.mark.parametrize("name", ["llama", "mamba", "bamba", "falcon_h1", "qwen3_moe", "gemma3"])
def test_the_next_load_of_the_same_makes_two_passes(
    name: str, tiny_folder: Path, tmp_path: Path, passes: list[int]
) -> None:
    loads = Loads(tmp_path, str(tiny_checkpoints.make(name, tiny_folder)), PrecisionChoice.FP32, passes)
    first, anew = loads.again()
    second, known = loads.again()
    assert anew > 5
    assert known == 2
    assert passes == [17, 1] if second.mode is not KvMode.NONE else [17, 18]
    assert ways(second) == ways(first)
    ids = list(range(30))
    assert torch.equal(second.feed(ids), first.feed(ids))


def test_the_draft_model_is_known_too(tiny_folder: Path, tmp_path: Path, passes: list[int]) -> None:
    model, draft = (str(tiny_checkpoints.make("llama", tiny_folder, seed)) for seed in (0, 1))
    loads = Loads(tmp_path, model, PrecisionChoice.FP32, passes, draft)
    assert loads.again()[1] > 10
    assert loads.again()[1] == 4


def test_a_model_that_keeps_nothing_is_known_too(loads: Loads, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all it takes the most passes: each way is tried, and none agrees."""
    with monkeypatch.context() as patched:
        patched.setattr(KvCheck, "continued", lambda check, number: [(torch.zeros(9), torch.ones(9).cumsum(0))])
        loads.again()
    runner, known = loads.again()
    assert (runner.mode, known) == (KvMode.NONE, 2)


def test_in_16_bit_products_are_tried_at_each_load(tiny_folder: Path, tmp_path: Path, passes: list[int]) -> None:
    path = str(tiny_checkpoints.make("llama", tiny_folder))
    _, anew = Loads(tmp_path, path, PrecisionChoice.BF16, passes).again()
    runner, known = Loads(tmp_path, path, PrecisionChoice.BF16, passes).again()
    made = 2 * bool(runner.describe_products())  # which layers share an input, and whether their product is right
    assert known <= 2 + max(made, 1) < anew


def damaged(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


def of_something_else(file: Path) -> None:
    file.write_text('{"model": 3}')


def with_an_unknown_way(file: Path) -> None:
    file.write_text(file.read_text().replace('"slab"', '"guess"'))


def with_other_numbers(file: Path) -> None:
    file.write_text(file.read_text().replace('"logits":[[', '"logits":[[9.5,'))


def without_numbers(file: Path) -> None:
    start = file.read_text().index('"logits":')
    file.write_text(file.read_text()[:start] + '"logits":[]}}')


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize(
    "damage", [damaged, of_something_else, with_an_unknown_way, with_other_numbers, without_numbers, a_folder]
)
def test_a_file_that_is_not_whole_is_nothing_known(damage: Callable[[Path], None], loads: Loads) -> None:
    first, _ = loads.again()
    damage(loads.file)
    runner, count = loads.again()
    assert count > 5
    assert ways(runner) == ways(first)


def test_a_model_that_says_something_else_is_checked_anew(loads: Loads) -> None:
    loads.again()
    with torch.no_grad():
        for weight in loads.model.parameters():
            weight.mul_(-1.1)
    assert loads.again()[1] > 5
    assert loads.again()[1] == 2


@pytest.mark.parametrize("rows", [slice(None), 2], ids=["all", "one that nothing is kept of"])
def test_a_model_that_computes_no_numbers_any_more_is_refused(rows: slice | int, loads: Loads) -> None:
    loads.again()
    with torch.no_grad():
        loads.model.get_parameter("lm_head.weight")[rows] = torch.nan
    with pytest.raises(EngineError, match="computes no numbers"):
        loads.again()


@pytest.mark.parametrize("reads", [(1,), range(2, 25)], ids=["single", "chunk"])
def test_a_way_that_is_wrong_by_now_is_not_trusted(reads: range, loads: Loads, monkeypatch: pytest.MonkeyPatch) -> None:
    loads.again()
    append = SlabLayer._append

    def forgetful(layer: SlabLayer, keys: torch.Tensor, values: torch.Tensor, seen: int) -> tuple[torch.Tensor, ...]:
        if keys.shape[-2] in reads:
            keys, values = torch.zeros_like(keys), torch.zeros_like(values)
        return append(layer, keys, values, seen)

    monkeypatch.setattr(SlabLayer, "_append", forgetful)
    runner, count = loads.again()
    assert runner.mode is KvMode.GROWING
    assert count > 5


def with_another_program(monkeypatch: pytest.MonkeyPatch, loads: Loads) -> None:
    monkeypatch.setattr(past_check, "_program", lambda: [("kv/slab.py", 1, 1)])


def with_another_library(monkeypatch: pytest.MonkeyPatch, loads: Loads) -> None:
    monkeypatch.setattr(past_check, "installed_versions", lambda: {"torch": "3.0"})


def on_another_processor(monkeypatch: pytest.MonkeyPatch, loads: Loads) -> None:
    monkeypatch.setattr(past_check, "cpu_features", lambda: ("avx512f",))


def placed_otherwise(monkeypatch: pytest.MonkeyPatch, loads: Loads) -> None:
    plan = msgspec.structs.replace(loads._loaded.plan, device_map={"": "cuda:1"})
    object.__setattr__(loads._loaded, "plan", plan)


def of_unknown_weights(monkeypatch: pytest.MonkeyPatch, loads: Loads) -> None:
    object.__setattr__(loads._loaded, "source", "")


@pytest.mark.parametrize(
    "change", [with_another_program, with_another_library, on_another_processor, placed_otherwise, of_unknown_weights]
)
def test_what_is_not_the_very_same_is_checked(
    change: Callable[[pytest.MonkeyPatch, Loads], None], loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads.again()
    change(monkeypatch, loads)
    assert loads.again()[1] > 5


def test_another_precision_or_way_of_computing_is_another_model(
    tiny_folder: Path, tmp_path: Path, loads: Loads, passes: list[int]
) -> None:
    loads.again()
    path = str(tiny_checkpoints.make("llama", tiny_folder))
    assert Loads(tmp_path, path, PrecisionChoice.INT8, passes).again()[1] > 5
    assert loads.again(Rungs(products=False))[1] > 5
    assert loads.again()[1] == 2, "each is kept beside the others"


def test_changed_weights_are_another_model(tmp_path: Path, passes: list[int]) -> None:
    path = tiny_checkpoints.make("llama", tmp_path)
    Loads(tmp_path, str(path), PrecisionChoice.FP32, passes).again()
    os.utime(path / "model.safetensors", (1, 1))
    assert Loads(tmp_path, str(path), PrecisionChoice.FP32, passes).again()[1] > 5


def test_only_the_newest_are_kept(loads: Loads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past_check, "_MOST_MODELS", 2)
    ways_to_compute = (Rungs(), Rungs(products=False), Rungs(norms=False))
    for rungs in ways_to_compute:
        loads.again(rungs)
    assert [loads.again(rungs)[1] == 2 for rungs in ways_to_compute[::-1]] == [True, True, False]


def test_a_folder_that_can_not_be_written_to_is_no_failure(loads: Loads, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(past_check, "replace_file", refuse)
    assert loads.again()[0].mode is KvMode.SLAB
    assert list(loads.folder.glob("*checks*")) == []


def test_a_model_that_is_held_to_its_own_noise_is_known_by_what_it_says(
    loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = ModelRunner.plain_logits
    with monkeypatch.context() as patched:
        patched.setattr(ModelRunner, "plain_logits", lambda runner, ids: -plain(runner, ids))
        patched.setattr(KvCheck, "continued", lambda check, number: [])
        loads.again()
    assert loads.again()[1] == 2
