"""The check of windows at load: architectures that mask by their window pass, one that looks past it doesn't."""

from pathlib import Path

import pytest
import torch
import transformers
from transformers import AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel

from engine.generation import window_check
from engine.generation.window_check import CHECK_IDS, logits_under_small_windows
from tests import tiny_checkpoints

IDS = [(17 + 7919 * index) % 384 for index in range(CHECK_IDS)]


def load(config: PreTrainedConfig, tmp_path: Path) -> PreTrainedModel:
    path = tiny_checkpoints.save(config, tmp_path / "model")
    found: PreTrainedModel = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    return found.eval()


def check(model: PreTrainedModel) -> list[float]:
    pairs = logits_under_small_windows(model, IDS, torch.device("cpu"))
    return [float((found - expected).norm() / expected.norm()) for found, expected in pairs]


@pytest.mark.parametrize("name", ["mistral", "gemma2", "gemma3", "gpt_oss"])
def test_windows_that_are_masked_by_pass(name: str, tmp_path: Path) -> None:
    config = tiny_checkpoints.ARCHITECTURES[name]()
    config.sliding_window = 1024
    model = load(config, tmp_path)
    differences = check(model)
    assert len(differences) > 1
    assert max(differences) < 1e-4
    assert model.config.sliding_window == 1024


def test_an_architecture_that_looks_past_its_window_is_found_out(tmp_path: Path) -> None:
    config = transformers.MoshiConfig(
        vocab_size=384, hidden_size=48, ffn_dim=96, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
        head_dim=12, max_position_embeddings=2048, sliding_window=1024,
    )  # fmt: skip
    assert max(check(load(config, tmp_path))) > 0.1


def test_an_architecture_without_windows_has_nothing_to_check(tmp_path: Path) -> None:
    assert check(load(tiny_checkpoints.ARCHITECTURES["llama"](), tmp_path)) == []


def test_the_window_comes_back_after_an_error(tmp_path: Path) -> None:
    model = load(tiny_checkpoints.ARCHITECTURES["mistral"](), tmp_path)
    with pytest.raises(IndexError):
        logits_under_small_windows(model, [10**6] * CHECK_IDS, torch.device("cpu"))
    assert model.config.sliding_window == tiny_checkpoints.SLIDING_WINDOW


def test_windows_of_either_name_are_made_small_and_none_is_no_pass() -> None:
    """Without a small one everything that was fed would lie in the window, and any way would be right."""
    for name in ("sliding_window", "attention_chunk_size"):
        config = PreTrainedConfig()
        setattr(config, name, 8192)
        with window_check._small_window(config):
            assert getattr(config, name) < CHECK_IDS
        assert getattr(config, name) == 8192
    with pytest.raises(ValueError, match="names no window"), window_check._small_window(PreTrainedConfig()):
        pass
