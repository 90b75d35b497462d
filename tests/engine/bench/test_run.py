"""Benchmarks in this process, on a tiny model: what they leave behind, refuse and share."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engine.api.benchmark import BenchmarkPart, BenchmarkStep, Rival
from engine.api.cancellation import CancellationToken
from engine.api.commands import RunBenchmark
from engine.api.errors import Cancelled, EngineError, ErrorKind
from engine.api.events import BenchmarkFinished, BenchmarkProgress, Event
from engine.api.plan import PrecisionChoice
from engine.api.warmth import Tier
from engine.bench import folders as work_folders
from engine.bench import run, subject
from engine.bench.clean_copy import clean_copy
from engine.bench.machine_state import read_card_states
from engine.bench.transformers_writing import write
from engine.checkpoints import loader
from engine.decode import compiler
from engine.generation.chat_session import ChatSession
from tests import tiny_checkpoints


def command(*parts: BenchmarkPart, **fields: object) -> RunBenchmark:
    return RunBenchmark(command_id="b", parts=parts, **fields)  # type: ignore[arg-type]


def stop_at(step: BenchmarkStep, token: CancellationToken) -> Callable[[Event], None]:
    def emit(event: Event) -> None:
        if isinstance(event, BenchmarkProgress) and event.step is step and event.total:
            token.cancel()

    return emit


def folders(data: Path) -> list[str]:
    return [path.name for path in data.glob("benchmark-*")]


def test_every_part_but_decode_on_a_tiny_model(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiler, "problem", lambda _device: "there is no compiler here")
    path = tiny_checkpoints.make("llama", tiny_folder)
    parts = (
        BenchmarkPart.PREFILL,
        BenchmarkPart.FOLLOW_UP,
        BenchmarkPart.TIERS,
        BenchmarkPart.LOAD,
        BenchmarkPart.RIVALS,
    )
    seen: list[Event] = []
    found = run.measure(
        command(*parts, checkpoint=str(path), precisions=(PrecisionChoice.FP32,), context_tokens=1024, device="cpu"),
        tmp_path, CancellationToken(), seen.append,
    )  # fmt: skip
    assert isinstance(found, BenchmarkFinished)
    (report,) = found.report.precisions
    assert report.plan is not None
    assert (report.plan.checkpoint, report.plan.name, report.plan.decode != "") == (str(path), path.name, True)
    assert report.decode == ()
    assert [row.ratio_to_plain > 0 for row in report.prefill] == [True, True, False, False]
    assert report.follow_up[0].read_tokens < 40 < report.follow_up[0].history_tokens
    assert [(row.tier, row.restored_tokens > 400) for row in report.tiers] == [(Tier.RAM, True), (Tier.DISK, True)]
    assert report.load is not None
    own, generate, compiled = report.rivals
    assert (own.rival, generate.rival, compiled.rival) == tuple(Rival)
    assert compiled.skipped == "there is no compiler here"
    assert generate.same_tokens == generate.compared_tokens > 0
    assert folders(tmp_path) == []
    assert {event.step for event in seen if isinstance(event, BenchmarkProgress)} >= {BenchmarkStep.TIERS}


@pytest.mark.parametrize("step", [BenchmarkStep.MAKING_WEIGHTS, BenchmarkStep.LOADING])
def test_a_stop_leaves_no_folder(
    step: BenchmarkStep, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = subject.random_weights.make
    few = {"num_hidden_layers": 1, "vocab_size": 512}
    monkeypatch.setattr(subject.random_weights, "make", lambda *given: make(*given, **few))
    token = CancellationToken()
    with pytest.raises(Cancelled):
        run.measure(command(shape="smollm2-135m"), tmp_path, token, stop_at(step, token))
    assert folders(tmp_path) == []


def test_what_a_killed_benchmark_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "benchmark-999999999-x").mkdir()
    (tmp_path / "benchmark-1-of-a-running-process").mkdir()
    (tmp_path / "benchmark-results").mkdir()  # somebody's own
    with work_folders.folder_for_now(tmp_path) as folder:
        work_folders.remove_left_behind(tmp_path)
        assert folder.is_dir()
    assert sorted(folders(tmp_path)) == ["benchmark-1-of-a-running-process", "benchmark-results"]


def test_a_shape_that_does_not_fit_is_refused_with_the_planners_arithmetic(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as refused:
        run.measure(command(shape="deepseek-v3", device="cpu"), tmp_path, CancellationToken(), lambda _event: None)
    assert refused.value.report.kind is ErrorKind.OUT_OF_MEMORY
    assert "does not fit" in refused.value.report.message


def test_a_full_disk_and_an_unknown_shape_are_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(EngineError, match="no shape “llama-17”") as unknown:
        run.measure(command(shape="llama-17"), tmp_path, CancellationToken(), lambda _event: None)
    assert "smollm2-135m" in unknown.value.report.hint
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(subject.shutil, "disk_usage", lambda _path: usage._replace(free=2**20))
    with pytest.raises(EngineError, match="GB on disk") as full:
        run.measure(command(shape="smollm2-135m"), tmp_path, CancellationToken(), lambda _event: None)
    assert full.value.report.kind is ErrorKind.DISK
    assert folders(tmp_path) == []


def test_the_copy_has_the_models_tensors_and_modules_of_its_own(tiny_folder: Path, tmp_path: Path) -> None:
    path = tiny_checkpoints.make("llama", tiny_folder)
    loaded = loader.load(
        str(path), PrecisionChoice.INT8, 512, "cpu", tmp_path, CancellationToken(), lambda phase, done, total: None
    )
    copied = clean_copy(loaded).model
    assert copied is not None
    mine, theirs = dict(loaded.model.named_parameters()), dict(copied.named_parameters())
    assert {name: id(each) for name, each in mine.items()} == {name: id(each) for name, each in theirs.items()}
    assert {id(each) for each in loaded.model.buffers()} == {id(each) for each in copied.buffers()}
    assert not {id(each) for each in loaded.model.modules()} & {id(each) for each in copied.modules()}
    ChatSession(loaded)
    assert not any(module._forward_pre_hooks for module in copied.modules())
    token = CancellationToken()
    token.cancel()
    with pytest.raises(Cancelled), torch.inference_mode():
        write(copied, [5, 6, 7], 4, token, compiled=False)
    assert not any(module._forward_pre_hooks for module in copied.modules())


def test_what_a_card_does_not_tell_is_left_out() -> None:
    lines = "NVIDIA H100, 555.42, P0, 1980, 1980, 2619, 2619, 41, 350.5\nOld, 470, [N/A], 1, [N/A], , x, 1, 1\n"
    fast, old = read_card_states(lines)
    assert (fast.performance_state, fast.highest_memory_clock_mhz, fast.power_watts) == ("P0", 2619, 350.5)
    assert (old.performance_state, old.highest_graphics_clock_mhz, old.memory_clock_mhz) == ("", 0, 0)
    assert read_card_states("No devices were found\n") == ()
