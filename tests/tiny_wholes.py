"""Tiny checkpoints of models that also look at pictures and listen, of which Hearth can build the text part only.

What the other parts are made of needs libraries that aren't there, so their tensors are drawn here, and the text part's
are saved by its own class and named as the whole's.
"""

import json
from collections.abc import Callable
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import PreTrainedConfig

from engine.checkpoints.files import SINGLE_NAME
from tests import tiny_checkpoints
from tests.tiny_checkpoints import SLIDING_WINDOW

_TEXT = {
    "vocab_size": 384, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "max_position_embeddings": 2048,
    "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 64,
}  # fmt: skip
_OTHER_PARTS = ("vision_tower.timm_model.blocks.0.weight", "audio_tower.conformer.0.weight", "embed_vision.weight")


def _gemma3n() -> PreTrainedConfig:
    """Four streams of activations; the last two layers look at the KV of the first two."""
    return transformers.Gemma3nConfig(
        text_config={
            **_TEXT, "sliding_window": SLIDING_WINDOW, "layer_types": ["sliding_attention", "full_attention"] * 2,
            "num_kv_shared_layers": 2, "hidden_size_per_layer_input": 64, "vocab_size_per_layer_input": 384,
            "laurel_rank": 64, "activation_sparsity_pattern": [0.5, 0.0, 0.0, 0.0],
        }
    )  # fmt: skip


def _perception_lm() -> PreTrainedConfig:
    """Whose text part is one that is published alone as well, and says nothing of the whole's tied head."""
    return transformers.PerceptionLMConfig(text_config={**_TEXT, "model_type": "llama"}, tie_word_embeddings=True)


WHOLES: dict[str, Callable[[], PreTrainedConfig]] = {"gemma3n": _gemma3n, "perception_lm": _perception_lm}


def make(name: str, folder: Path) -> tuple[Path, Path]:
    """Return the whole's checkpoint and that of its text part alone, saved into the folder unless they are there."""
    whole, text = folder / f"whole-{name}", folder / f"text-{name}"
    if (whole / "complete").exists():
        return whole, text
    config = WHOLES[name]()
    part = config.get_text_config(decoder=True)
    part.tie_word_embeddings = config.tie_word_embeddings
    tiny_checkpoints.save(part, text)
    tiny_checkpoints.save(part, whole)
    tensors = load_file(whole / SINGLE_NAME)
    named = {key.replace("model.", "model.language_model.", 1): tensor for key, tensor in tensors.items()}
    others = {f"model.{key}": torch.ones(256, 128) for key in _OTHER_PARTS}
    save_file(named | others, whole / SINGLE_NAME, {"format": "pt"})
    content = config.to_dict()
    content["text_config"].pop("tie_word_embeddings")
    content["architectures"] = [f"{type(config).__name__.removesuffix('Config')}ForConditionalGeneration"]
    (whole / "config.json").write_text(json.dumps(content), encoding="utf-8")
    (whole / "complete").touch()
    return whole, text
