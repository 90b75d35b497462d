"""Models whose parts for pictures and sounds need a library that isn't there: their text part alone answers."""

from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from engine.api.cancellation import CancellationToken
from engine.api.errors import EngineError, ErrorKind
from engine.api.events import LoadPhase
from engine.api.plan import PrecisionChoice
from engine.api.warmth import Tier
from engine.checkpoints import building, copies, loader, text_part
from engine.checkpoints.files import SINGLE_NAME, CheckpointContents
from engine.generation.chat_session import ChatSession
from tests import tiny_checkpoints, tiny_wholes
from tests.chat_probe import answered, ask, cold_ids, user
from tests.engine.checkpoints.test_planning import plan
from tests.engine.planning.test_bytes import ALLOWED, total_bytes
from tests.faults.kv.folders import BUDGETS, close

PROMPT = torch.arange(3, 60).unsqueeze(0)


@pytest.fixture(params=sorted(tiny_wholes.WHOLES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def load(
    path: Path, data: Path, choice: PrecisionChoice, reports: list[tuple[LoadPhase, int, int]] | None = None
) -> loader.LoadedModel:
    told: list[tuple[LoadPhase, int, int]] = [] if reports is None else reports
    return loader.load(
        str(path), choice, 300, "cpu", data, CancellationToken(),
        lambda phase, done, total: told.append((phase, done, total)),
    )  # fmt: skip


def logits_of(path: Path, data: Path, choice: PrecisionChoice) -> torch.Tensor:
    """Load, hold what was planned against what is there, and answer a prompt."""
    loaded = load(path, data, choice)
    try:
        assert loaded.plan.parts.weights_bytes == pytest.approx(total_bytes(loaded.model), rel=ALLOWED)
        with torch.inference_mode():
            return loaded.model(PROMPT).logits.clone()
    finally:
        loader.free(loaded)


def test_the_plan_counts_the_text_part_and_says_what_is_left_out(name: str, tiny_folder: Path) -> None:
    whole, text = tiny_wholes.make(name, tiny_folder)
    planned, alone = plan(str(whole), tiny_folder), plan(str(text), tiny_folder)
    assert (planned.plan.left_out, alone.plan.left_out) == (text_part.NOTE, "")
    assert planned.plan.parameters == alone.plan.parameters
    assert planned.plan.parts == alone.plan.parts


@pytest.mark.parametrize("choice", [PrecisionChoice.FP32, PrecisionChoice.INT8, PrecisionChoice.INT4])
def test_it_computes_what_the_text_model_computes(
    name: str, choice: PrecisionChoice, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "_SMALL_FILES_BYTES", 0)
    monkeypatch.setattr(copies, "_HEADER_BYTES_PER_TENSOR", 0)
    built: list[bool] = []
    real = building._from_pretrained
    monkeypatch.setattr(
        building, "_from_pretrained", lambda blueprint: (built.append(blueprint.is_copy), real(blueprint))[1]
    )
    whole, text = tiny_wholes.make(name, tiny_folder)
    expected = logits_of(text, tmp_path, choice)
    built.clear()
    assert torch.equal(logits_of(whole, tmp_path, choice), expected)
    assert torch.equal(logits_of(whole, tmp_path, choice), expected)
    assert built == [False, choice is not PrecisionChoice.FP32], "packed weights come from their copy the second time"


def test_only_its_tensors_are_counted_while_it_is_read(name: str, tiny_folder: Path, tmp_path: Path) -> None:
    whole, text = tiny_wholes.make(name, tiny_folder)
    reports: list[tuple[LoadPhase, int, int]] = []
    loader.free(load(whole, tmp_path, PrecisionChoice.FP32, reports))
    counts = [(done, total) for phase, done, total in reports if phase is LoadPhase.LOADING]
    size = sum(tensor.nbytes for tensor in load_file(text / SINGLE_NAME).values())
    assert (counts[0], counts[-1]) == ((0, size), (size, size))
    assert len({done for done, _ in counts}) > 10


def test_a_tensor_of_it_that_is_missing_is_not_made_up(name: str, tmp_path: Path) -> None:
    whole, _ = tiny_wholes.make(name, tmp_path)
    tensors = load_file(whole / SINGLE_NAME)
    del tensors["model.language_model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, whole / SINGLE_NAME, {"format": "pt"})
    with pytest.raises(EngineError) as caught:
        load(whole, tmp_path, PrecisionChoice.FP32)
    assert caught.value.report.kind is ErrorKind.CHECKPOINT_INCOMPLETE
    assert "model.layers.1.mlp.up_proj.weight" in caught.value.report.message


def test_a_conversation_goes_on_after_a_restart(tiny_folder: Path, tmp_path: Path) -> None:
    whole, _ = tiny_wholes.make("gemma3n", tiny_folder)
    loaded = load(whole, tmp_path, PrecisionChoice.FP32)
    session = ChatSession(loaded, tmp_path / "kv", BUDGETS)
    messages = [user("Tell me a story about a small lighthouse and the sea. " * 4)]
    first = ask(session, messages)
    assert first.token_ids == cold_ids(session, messages)
    messages += [answered(session, first), user("And then?")]
    second = ask(session, messages)
    assert second.token_ids == cold_ids(session, messages)
    assert second.statistics.reused_tokens >= first.statistics.prompt_tokens
    close(session)
    messages += [answered(session, second), user("Go on")]
    session = ChatSession(loaded, tmp_path / "kv", BUDGETS)
    third = ask(session, messages)
    assert third.token_ids == cold_ids(session, messages)
    assert third.statistics.restored_from is Tier.DISK
    close(session)
    loader.free(loaded)


def test_what_can_be_built_whole_stays_whole() -> None:
    for config in (tiny_checkpoints.ARCHITECTURES["mistral3"](), transformers.LlamaConfig()):
        assert text_part.alone(config, CheckpointContents({})) is None


@pytest.mark.parametrize("prefix", ["model.language_model.", "llm."])
def test_other_layouts_and_quantised_ones_need_the_library(prefix: str, tmp_path: Path) -> None:
    whole, _ = tiny_wholes.make("perception_lm", tmp_path)
    tensors = load_file(whole / SINGLE_NAME)
    renamed = {key.replace("model.language_model.", prefix): tensor for key, tensor in tensors.items()}
    save_file(renamed, whole / SINGLE_NAME, {"format": "pt"})
    if prefix == "model.language_model.":
        quantization = {"quant_method": "bitsandbytes", "load_in_8bit": True}
        tiny_checkpoints.edit_config(whole, quantization_config=quantization)
    with pytest.raises(EngineError) as caught:
        plan(str(whole), tmp_path)
    assert caught.value.report.kind is ErrorKind.CHECKPOINT_UNSUPPORTED
