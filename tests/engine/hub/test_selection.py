"""Which files of a repository are downloaded."""

import pytest

from engine.hub.selection import INDEX_NAME, is_wanted, needs_index, select

CONFIG = {"config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "merges.txt"}
SHARDS = {f"model-{number:05}-of-00003.safetensors" for number in (1, 2, 3)}


@pytest.mark.parametrize(
    "path",
    [
        "pytorch_model.bin", "model.pt", "x.pth", "x.ckpt", "x.pkl", "tokenizer.pkl", "tokenizer.joblib", "modeling.py",
        "README.md", "onnx/model.safetensors", "original/config.json", "..\\config.json", "C:config.json",
        ".config.json", "a\nb.json", "model.gguf", "tf_model.h5", "flax_model.msgpack", "../config.json",
    ],
)  # fmt: skip
def test_never_wanted(path: str) -> None:
    assert not is_wanted(path)
    assert select({path, "config.json"}) == {"config.json"}


@pytest.mark.parametrize(
    "path", ["tokenizer.model", "qwen.tiktoken", "vocab.txt", "tokenizer.model.v3", "spiece.model"]
)
def test_tokenizers_of_all_kinds_are_wanted(path: str) -> None:
    assert is_wanted(path)


def test_one_file_of_weights_is_all_that_is_needed() -> None:
    weights = {"model.safetensors", "model.fp16.safetensors", "consolidated.safetensors", INDEX_NAME, *SHARDS}
    assert select(CONFIG | weights) == CONFIG | {"model.safetensors"}
    assert not needs_index(CONFIG | weights)


def test_shards_are_not_fetched_beside_another_copy() -> None:
    weights = {INDEX_NAME, *SHARDS, "consolidated.00.safetensors", "consolidated.safetensors.index.json"}
    assert select(CONFIG | weights) == CONFIG | SHARDS | {INDEX_NAME}
    assert not needs_index(weights)


def test_the_index_decides_where_names_do_not() -> None:
    weights = {INDEX_NAME, "part-a.safetensors", "part-b.safetensors", "old.safetensors"}
    assert needs_index(weights)
    named = {"part-a.safetensors", "part-b.safetensors", "gone.safetensors"}
    assert select(weights, named) == {INDEX_NAME, "part-a.safetensors", "part-b.safetensors"}
    assert select(weights) == weights
    two_sets = {INDEX_NAME, *SHARDS, "model-00001-of-00002.safetensors"}
    assert needs_index(two_sets)


def test_without_index_all_weights_are_taken() -> None:
    weights = {"adapter_model.safetensors", "consolidated.safetensors"}
    assert select(CONFIG | weights) == CONFIG | weights
