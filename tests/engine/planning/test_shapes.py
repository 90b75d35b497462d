"""Every shape is built by transformers, without memory, and has as many values as its publisher says."""

import json
import tomllib
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel

from engine.planning import shapes
from engine.planning.memory import kv_bytes_per_token, layer_memory

ROUNDED = 0.005  # of the published number, where that was rounded
BFLOAT16_BYTES = 2


def read(name: str, folder: Path) -> PreTrainedConfig:
    """Read the config as it is read from a checkpoint: older spellings are translated there."""
    (folder / "config.json").write_text(json.dumps(shapes.config_of(name)))
    return AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)


def build(config: PreTrainedConfig) -> PreTrainedModel:
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


def stored_values(model: PreTrainedModel) -> int:
    """Values that a checkpoint holds: parameters and persistent buffers, tied weights once."""
    tensors = {id(tensor): tensor for tensor in model.state_dict(keep_vars=True).values()}
    return sum(tensor.numel() for tensor in tensors.values())


@pytest.mark.parametrize("name", shapes.names())
def test_it_has_the_published_number_of_values(name: str, tmp_path: Path) -> None:
    shape = shapes.shape_of(name)
    model = build(read(name, tmp_path))
    allowed = 0 if shape.exact else ROUNDED * shape.parameters
    assert abs(stored_values(model) - shape.parameters) <= allowed
    assert [type(model).__name__] == shape.config["architectures"]


# Layers that remember every token, layers with a window and how long it is, layers with a fixed state only, and the
# bytes of one more token in bfloat16: layers x 2 x heads x width x 2, or layers x (rank + rotary width) x 2.
@pytest.mark.parametrize(
    ("name", "full", "windowed", "window", "fixed", "token_bytes"),
    [
        ("smollm2-135m", 30, 0, None, 0, 30 * 2 * 3 * 64 * 2),
        ("llama-3.1-8b", 32, 0, None, 0, 32 * 2 * 8 * 128 * 2),
        ("llama-3.1-70b", 80, 0, None, 0, 80 * 2 * 8 * 128 * 2),
        ("qwen3-32b", 64, 0, None, 0, 64 * 2 * 8 * 128 * 2),
        ("qwen3-30b-a3b", 48, 0, None, 0, 48 * 2 * 4 * 128 * 2),
        ("mistral-small-24b", 40, 0, None, 0, 40 * 2 * 8 * 128 * 2),
        ("phi-4", 40, 0, None, 0, 40 * 2 * 10 * 128 * 2),
        ("gemma-3-1b", 4, 22, 512, 0, 26 * 2 * 1 * 256 * 2),
        ("gemma-3-27b", 10, 52, 1024, 0, 62 * 2 * 16 * 128 * 2),
        ("gpt-oss-20b", 12, 12, 128, 0, 24 * 2 * 8 * 64 * 2),
        ("gpt-oss-120b", 18, 18, 128, 0, 36 * 2 * 8 * 64 * 2),
        ("deepseek-v2-lite", 27, 0, None, 0, 27 * (512 + 64) * 2),
        ("deepseek-v3", 61, 0, None, 0, 61 * (512 + 64) * 2),
        ("lfm2-1.2b", 6, 0, None, 10, 6 * 2 * 8 * 64 * 2),
        ("qwen3-next-80b-a3b", 12, 0, None, 36, 12 * 2 * 2 * 256 * 2),
        ("granite-4.0-h-tiny", 4, 0, None, 36, 4 * 2 * 4 * 128 * 2),
        ("falcon-h1-0.5b", 36, 0, None, 0, 36 * 2 * 2 * 64 * 2),
    ],
)
def test_it_remembers_a_conversation_as_published(
    name: str, full: int, windowed: int, window: int | None, fixed: int, token_bytes: int, tmp_path: Path
) -> None:
    layers = layer_memory(read(name, tmp_path).get_text_config(decoder=True), BFLOAT16_BYTES)
    remembering = [layer for layer in layers if layer.bytes_per_token]
    assert len([layer for layer in remembering if layer.window is None]) == full
    assert [layer.window for layer in remembering if layer.window is not None] == [window] * windowed
    assert len(layers) - len(remembering) == fixed
    assert kv_bytes_per_token(layers) == token_bytes


def test_what_is_published_quantised_says_so() -> None:
    quantised = {name: shapes.config_of(name).get("quantization_config") for name in shapes.names()}
    methods = {name: found["quant_method"] for name, found in quantised.items() if isinstance(found, dict)}
    assert methods == {
        "deepseek-v3": "fp8", "gpt-oss-20b": "mxfp4", "gpt-oss-120b": "mxfp4", "qwen3-8b-fp8": "fp8",
    }  # fmt: skip


def test_no_shape_asks_for_code_of_its_publisher() -> None:
    assert not [name for name in shapes.names() if "auto_map" in shapes.config_of(name)]


def test_each_caller_gets_a_config_of_its_own() -> None:
    shapes.config_of("qwen3-8b")["vocab_size"] = 1
    assert shapes.config_of("qwen3-8b")["vocab_size"] == 151_936


@pytest.mark.parametrize("name", ["", "no-such-model", "../shapes/qwen3-8b", "qwen3-8b.json"])
def test_an_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(KeyError):
        shapes.config_of(name)


def test_the_files_are_installed_with_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["package-data"]["engine.planning.shapes"] == ["*.json"]
