"""Planned against real memory on a card: peak with a full context, what comes back, and running out for real."""

from pathlib import Path

import pytest
import torch

from engine.api.cancellation import CancellationToken
from engine.api.errors import EngineError, ErrorKind
from engine.api.plan import PrecisionChoice
from engine.bench import random_weights
from engine.checkpoints import loader
from engine.generation.chat_session import ChatSession
from tests.chat_probe import ask, filling, user

SHAPE = "qwen3-0.6b"
CHOICES = (PrecisionChoice.BF16, PrecisionChoice.INT8, PrecisionChoice.INT4)


def load(path: Path, folder: Path, choice: PrecisionChoice, context: int) -> ChatSession:
    loaded = loader.load(str(path), choice, context, "cuda", folder, CancellationToken(), lambda *_: None)
    return ChatSession(loaded)


def fill(session: ChatSession) -> None:
    """Answer a prompt that leaves room for a few tokens only."""
    question = filling(session, session.plan.context_window - 8)
    assert ask(session, [question], maximum_tokens=4).statistics.prompt_tokens > session.plan.context_window * 0.9


@pytest.mark.parametrize("context", [2048, 8192])
@pytest.mark.parametrize("choice", CHOICES)
def test_the_real_peak_is_what_was_planned(
    choice: PrecisionChoice, context: int, shape_folder: Path, tmp_path: Path
) -> None:
    path = random_weights.make(SHAPE, shape_folder, "cuda")
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    session = load(path, tmp_path, choice, context)
    loaded = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    fill(session)
    peak = torch.cuda.max_memory_allocated()
    parts = session.plan.parts
    planned = parts.weights_bytes + parts.kv_bytes + parts.working_bytes
    print(f"{choice} {context}: loaded {loaded:,}, peak {peak:,}, planned {planned:,}, ratio {peak / planned:.3f}")
    assert peak == pytest.approx(planned, rel=0.05)
    loader.free(session.loaded)


@pytest.mark.parametrize("choice", CHOICES)
def test_everything_comes_back(choice: PrecisionChoice, shape_folder: Path, tmp_path: Path) -> None:
    path = random_weights.make(SHAPE, shape_folder, "cuda")
    first = load(path, tmp_path, choice, 2048)  # workspaces of the libraries stay behind it
    loader.free(first.loaded)
    del first
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    session = load(path, tmp_path, choice, 2048)
    loader.free(session.loaded)
    del session
    assert torch.cuda.memory_allocated() <= before + 2**20


def test_running_out_for_real_leaves_a_working_engine(shape_folder: Path, tmp_path: Path) -> None:
    path = random_weights.make(SHAPE, shape_folder, "cuda")
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(0.5 * 2**30 / total)
    try:
        with pytest.raises(EngineError) as caught:
            load(path, tmp_path, PrecisionChoice.BF16, 2048)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    report = caught.value.report
    assert report.kind is ErrorKind.OUT_OF_MEMORY
    assert {remedy.precision for remedy in report.remedies} >= {PrecisionChoice.INT8, PrecisionChoice.INT4}
    session = load(path, tmp_path, PrecisionChoice.BF16, 2048)
    assert ask(session, [user("Hello")], maximum_tokens=4).token_ids
    loader.free(session.loaded)
