"""Checkpoints with the shape of well-known models and random weights, for tests and benchmarks that need real sizes."""

import json
import zlib
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig

from engine.planning import shapes
from tests import tiny_checkpoints

_STD = 0.02


def config_of(name: str, **changes: object) -> PreTrainedConfig:
    """Return transformers' configuration of the shape; changes replace keys, such as num_hidden_layers."""
    content = {**shapes.config_of(name), **changes}
    kind = content.pop("model_type")
    return AutoConfig.for_model(str(kind), **content)


def make(name: str, folder: Path, device: str = "cpu", **changes: object) -> Path:
    """Save random bf16 weights of the shape into folder, unless they are there, and return their path."""
    stamp = json.dumps(changes, sort_keys=True, default=str).encode()
    path = folder / (f"{name}-{zlib.crc32(stamp):08x}" if changes else name)
    if (path / "complete").exists():
        return path
    config = config_of(name, **changes)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    generator = torch.Generator(device).manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0.0, _STD, generator=generator)
    model.generation_config.eos_token_id = tiny_checkpoints.EOS_ID
    model.save_pretrained(path)
    tiny_checkpoints.tokenizer().save_pretrained(path)
    (path / "complete").touch()
    return path
