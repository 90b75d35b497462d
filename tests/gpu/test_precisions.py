"""Every precision on a card: right answers, the same answers as the processor's, and offload to main memory."""

from pathlib import Path

import msgspec
import pytest
import torch

from engine.api.cancellation import CancellationToken
from engine.api.hardware import Hardware
from engine.api.plan import Fit, PrecisionChoice
from engine.bench import random_weights
from engine.checkpoints import loader
from engine.generation.chat_session import ChatSession
from engine.hardware import machine
from tests.chat_probe import ask, user

CHOICES = (PrecisionChoice.BF16, PrecisionChoice.INT8, PrecisionChoice.INT4)


def load(reference: str, folder: Path, choice: PrecisionChoice, device: str = "cuda") -> ChatSession:
    loaded = loader.load(reference, choice, 2048, device, folder, CancellationToken(), lambda *_: None)
    return ChatSession(loaded)


@pytest.mark.parametrize("choice", CHOICES)
def test_the_starter_model_knows_the_capital(choice: PrecisionChoice, converted_starter: Path) -> None:
    session = load("starter", converted_starter, choice)
    assert "Paris" in ask(session, [user("What is the capital of France?")], maximum_tokens=16).text
    assert session.plan.device == "cuda:0"
    loader.free(session.loaded)


@pytest.mark.parametrize("choice", CHOICES)
def test_logits_agree_with_the_processor(choice: PrecisionChoice, converted_starter: Path) -> None:
    ids = torch.arange(100, 164).unsqueeze(0)
    logits = []
    for device in ("cuda", "cpu"):
        session = load("starter", converted_starter, choice, device)
        with torch.inference_mode():
            logits.append(session.loaded.model(ids.to(session.loaded.device)).logits.float().cpu())
        loader.free(session.loaded)
    difference = (logits[0] - logits[1]).norm() / logits[1].norm()
    assert difference < 0.05


def test_offload_computes_the_same(shape_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = random_weights.make("qwen3-0.6b", shape_folder, "cuda")
    whole = load(str(path), tmp_path, PrecisionChoice.BF16)
    expected = ask(whole, [user("Hello")], maximum_tokens=8).token_ids
    loader.free(whole.loaded)
    describe = machine.describe

    def small_card(folder: Path, **options: bool) -> Hardware:
        found = describe(folder, **options)
        cards = tuple(msgspec.structs.replace(gpu, free_bytes=5 * 2**29, total_bytes=6 * 2**29) for gpu in found.gpus)
        return msgspec.structs.replace(found, gpus=cards[:1])

    monkeypatch.setattr(machine, "describe", small_card)
    split = load(str(path), tmp_path, PrecisionChoice.BF16)
    assert split.plan.fit is Fit.SLOW
    assert "cpu" in split.plan.device_map.values()
    assert ask(split, [user("Hello")], maximum_tokens=8).token_ids == expected
    loader.free(split.loaded)
