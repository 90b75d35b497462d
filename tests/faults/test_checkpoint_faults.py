"""Fault catalogue 12 to 19: broken, unsafe and unsuitable checkpoints, each one sentence and nothing built or run."""

import json
import os
import pickle
import shutil
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from engine.api.cancellation import CancellationToken
from engine.api.errors import EngineError, ErrorKind, ErrorReport
from engine.api.plan import PrecisionChoice
from engine.checkpoints import loader
from tests import tiny_checkpoints

CANARY = "canary-of-code-that-ran"
Breaker = Callable[[Path], None]


@pytest.fixture(scope="module")
def healthy(tiny_folder: Path) -> Path:
    return tiny_checkpoints.make("llama", tiny_folder)


@pytest.fixture
def broken(healthy: Path, tmp_path: Path) -> Path:
    """A copy of a healthy checkpoint that the test may break."""
    return Path(shutil.copytree(healthy, tmp_path / "my-model"))


def load(reference: str | Path, data_folder: Path) -> loader.LoadedModel:
    return loader.load(
        str(reference), PrecisionChoice.AUTO, None, "cpu", data_folder, CancellationToken(), lambda *_: None
    )


def refused(reference: str | Path, data_folder: Path) -> ErrorReport:
    with pytest.raises(EngineError) as caught:
        load(reference, data_folder)
    report = caught.value.report
    assert report.message.endswith(".")
    assert "\n" not in report.sentence()
    assert report.hint
    assert len(report.message) < 300
    assert "Traceback" not in report.sentence()
    return report


@contextmanager
def little_memory() -> Iterator[None]:
    """Refuse this process a GiB more than it has now, where the system can do that."""
    if not sys.platform.startswith("linux"):
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + 2**30, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def config_of(path: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads((path / "config.json").read_text())
    return content


def cut_to(path: Path, length: int) -> None:
    with path.open("r+b") as stream:
        stream.truncate(length)


# ---- 12: weights that are damaged -----------------------------------------------------------------------------------


def half(path: Path) -> None:
    cut_to(path, path.stat().st_size // 2)


def huge_header(path: Path) -> None:
    path.write_bytes(struct.pack("<Q", 2**60) + b"{}")


def login_page(path: Path) -> None:
    path.write_bytes(b"<!DOCTYPE html><html><body>Please log in</body></html>")


def git_lfs_pointer(path: Path) -> None:
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 269060552\n")


def shape_overflow(path: Path) -> None:
    header = b'{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}'
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0\0\0\0")


def eight_bytes(path: Path) -> None:
    cut_to(path, 8)


def nothing(path: Path) -> None:
    cut_to(path, 0)


@pytest.mark.parametrize(
    "damage", [half, eight_bytes, nothing, huge_header, login_page, git_lfs_pointer, shape_overflow]
)
def test_damaged_weights_are_incomplete(broken: Path, tmp_path: Path, damage: Breaker) -> None:
    damage(broken / "model.safetensors")
    report = refused(broken, tmp_path)
    assert report.kind is ErrorKind.CHECKPOINT_INCOMPLETE
    assert "my-model" in report.message
    assert "model.safetensors" in report.message


def test_missing_shard_is_named(broken: Path, tmp_path: Path) -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (broken / "model.safetensors").rename(broken / "model-00001-of-00002.safetensors")
    (broken / "model.safetensors.index.json").write_text(json.dumps(index))
    report = refused(broken, tmp_path)
    assert report.kind is ErrorKind.CHECKPOINT_INCOMPLETE
    assert "model-00002-of-00002.safetensors" in report.message


@pytest.mark.parametrize(
    "index", ["", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {"a": "../secret.safetensors"}}']
)
def test_damaged_index_is_incomplete(broken: Path, tmp_path: Path, index: str) -> None:
    (broken / "model.safetensors.index.json").write_text(index)
    assert refused(broken, tmp_path).kind is ErrorKind.CHECKPOINT_INCOMPLETE


def test_without_weights(broken: Path, tmp_path: Path) -> None:
    (broken / "model.safetensors").unlink()
    report = refused(broken, tmp_path)
    assert report.kind is ErrorKind.CHECKPOINT_INCOMPLETE
    assert "no weights" in report.message


# ---- 13: weights of another model -----------------------------------------------------------------------------------


def test_missing_layer_is_refused_by_name(broken: Path, tmp_path: Path) -> None:
    tiny_checkpoints.edit_config(broken, num_hidden_layers=4)
    report = refused(broken, tmp_path)
    assert report.kind is ErrorKind.CHECKPOINT_INCOMPLETE
    assert "model.layers.3." in report.message
    assert "model.layers.3.mlp.up_proj.weight" in report.details


def test_wrong_sizes_are_refused_by_name(broken: Path, tmp_path: Path) -> None:
    tiny_checkpoints.edit_config(broken, intermediate_size=128)
    report = refused(broken, tmp_path)
    assert report.kind is ErrorKind.CHECKPOINT_INCOMPLETE
    assert "mlp" in report.message


def test_tied_weights_are_not_missing(broken: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(broken / "model.safetensors")
    del tensors["lm_head.weight"]
    save_file(tensors, broken / "model.safetensors", metadata={"format": "pt"})
    tiny_checkpoints.edit_config(broken, tie_word_embeddings=True)
    loaded = load(broken, tmp_path)
    assert loaded.model.get_output_embeddings().weight is loaded.model.get_input_embeddings().weight
    loader.free(loaded)


# ---- 14: configurations that make no sense --------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", "nonsense", "{}", "[]", "null", '"llama"', "[" * 100_000, '{"model_type": 3}'])
def test_garbage_config(broken: Path, tmp_path: Path, content: str) -> None:
    (broken / "config.json").write_text(content)
    report = refused(broken, tmp_path)
    assert report.kind in (ErrorKind.CHECKPOINT_INCOMPLETE, ErrorKind.CHECKPOINT_UNSUPPORTED)
    assert "config.json" in report.message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("num_hidden_layers", -1),
        ("num_hidden_layers", 0),
        ("num_hidden_layers", 10**9),
        ("num_hidden_layers", 900),
        ("hidden_size", -64),
        ("hidden_size", 0),
        ("hidden_size", 999_984),
        ("num_attention_heads", 0),
        ("vocab_size", 10**12),
        ("vocab_size", 99_999_999),
        ("intermediate_size", -3),
        ("intermediate_size", 10_000_000),
        ("head_dim", 99_999),
        ("num_key_value_heads", 7_000),
        ("max_position_embeddings", -8),
        ("hidden_size", "big"),
        ("num_hidden_layers", None),
        ("rope_parameters", {"rope_type": "of tomorrow"}),
        ("hidden_act", "os.system"),
    ],
)
@pytest.mark.timeout(150)  # a billion layers would take hours
def test_absurd_config_allocates_nothing(broken: Path, tmp_path: Path, key: str, value: object) -> None:
    tiny_checkpoints.edit_config(broken, **{key: value})
    with little_memory():
        report = refused(broken, tmp_path)
    assert report.kind in (ErrorKind.CHECKPOINT_INCOMPLETE, ErrorKind.CHECKPOINT_UNSUPPORTED)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"num_key_value_heads": 0}, "could not be built"),
        ({"head_dim": 0}, "could not be built"),
        ({"pad_token_id": 2**70}, "config.json is damaged (pad_token_id is"),
        ({"pad_token_id": 10**9}, "could not be built"),
    ],
)
def test_sizes_that_the_architecture_stumbles_over(
    broken: Path, tmp_path: Path, changes: dict[str, object], why: str
) -> None:
    tiny_checkpoints.edit_config(broken, **changes)
    assert why in refused(broken, tmp_path).message


def test_unknown_model_type(broken: Path, tmp_path: Path) -> None:
    tiny_checkpoints.edit_config(broken, model_type="model_of_tomorrow")
    report = refused(broken, tmp_path)
    assert report.kind is ErrorKind.CHECKPOINT_UNSUPPORTED
    assert "model_of_tomorrow" in report.message


def test_without_config(broken: Path, tmp_path: Path) -> None:
    (broken / "config.json").unlink()
    report = refused(broken, tmp_path)
    assert report.kind is ErrorKind.CHECKPOINT_INCOMPLETE
    assert "config.json" in report.message


# ---- 15, 16: checkpoints that want to run code ----------------------------------------------------------------------


def plant_code(path: Path) -> None:
    code = f"open({str(path / CANARY)!r}, 'w').close()\n"
    (path / "modeling_evil.py").write_text(code)
    (path / "configuration_evil.py").write_text(code)
    (path / "tokenization_evil.py").write_text(code)


@pytest.mark.parametrize(
    "changes",
    [
        {"auto_map": {"AutoConfig": "configuration_evil.Config", "AutoModelForCausalLM": "modeling_evil.Model"}},
        {"_attn_implementation_internal": "evil/kernel"},
        {"trust_remote_code": True},
        {"text_config": {"auto_map": {"AutoConfig": "configuration_evil.Config"}}},
        {"backbone": [{"inner": {"trust_remote_code": True}}]},
    ],
    ids=["auto_map", "attention kernel", "trust_remote_code", "nested auto_map", "nested trust_remote_code"],
)
def test_code_in_the_config_is_refused(broken: Path, tmp_path: Path, changes: dict[str, object]) -> None:
    plant_code(broken)
    tiny_checkpoints.edit_config(broken, **changes)
    assert refused(broken, tmp_path).kind is ErrorKind.CHECKPOINT_UNSAFE
    assert not (broken / CANARY).exists()


@pytest.mark.parametrize("implementation", ["evil/kernel", "flash_attention_2", "evil/kernel:function"])
def test_an_attention_named_by_the_config_is_not_fetched(broken: Path, tmp_path: Path, implementation: str) -> None:
    tiny_checkpoints.edit_config(broken, attn_implementation=implementation, _attn_implementation=implementation)
    loaded = load(broken, tmp_path)
    assert loaded.model.config._attn_implementation == "sdpa"
    loader.free(loaded)


def test_code_in_the_tokenizer_is_refused(broken: Path, tmp_path: Path) -> None:
    plant_code(broken)
    path = broken / "tokenizer_config.json"
    content = json.loads(path.read_text())
    content["auto_map"] = {"AutoTokenizer": ["tokenization_evil.Tokenizer", None]}
    path.write_text(json.dumps(content))
    assert refused(broken, tmp_path).kind is ErrorKind.CHECKPOINT_UNSAFE
    assert not (broken / CANARY).exists()


class Bomb:
    def __init__(self, canary: Path) -> None:
        self._canary = canary

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.mkdir, (str(self._canary),))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "consolidated.00.pth", "model.ckpt"])
def test_pickled_weights_are_refused_unread(broken: Path, tmp_path: Path, name: str) -> None:
    (broken / "model.safetensors").unlink()
    (broken / name).write_bytes(pickle.dumps(Bomb(broken / CANARY)))
    report = refused(broken, tmp_path)
    assert report.kind is ErrorKind.CHECKPOINT_UNSAFE
    assert name in report.message
    assert not (broken / CANARY).exists()


def test_loading_opens_no_connection(broken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[object] = []

    def refuse(*arguments: object, **_: object) -> None:
        attempts.append(arguments)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    (broken / "generation_config.json").unlink()
    loader.free(load(broken, tmp_path))
    refused("publisher/model-that-is-not-here", tmp_path)
    assert attempts == []


# ---- 17, 19: models that can't chat ---------------------------------------------------------------------------------


def test_without_chat_template(broken: Path, tmp_path: Path) -> None:
    (broken / "chat_template.jinja").unlink()
    report = refused(broken, tmp_path)
    assert report.kind is ErrorKind.NO_CHAT_TEMPLATE
    assert "chat or instruct" in report.hint


def test_without_tokenizer(broken: Path, tmp_path: Path) -> None:
    (broken / "tokenizer.json").unlink()
    report = refused(broken, tmp_path)
    assert report.kind is ErrorKind.CHECKPOINT_INCOMPLETE
    assert "tokenizer" in report.message


def test_damaged_tokenizer(broken: Path, tmp_path: Path) -> None:
    half(broken / "tokenizer.json")
    report = refused(broken, tmp_path)
    assert report.kind is ErrorKind.CHECKPOINT_INCOMPLETE
    assert "tokenizer" in report.message


@pytest.mark.parametrize(
    ("model_type", "architecture"),
    [
        ("bert", "BertForMaskedLM"),
        ("roberta", "RobertaModel"),
        ("vit", "ViTForImageClassification"),
        ("clip", "CLIPModel"),
        ("t5", "T5ForConditionalGeneration"),
        ("whisper", "WhisperForConditionalGeneration"),
        ("florence2", "Florence2ForConditionalGeneration"),
        ("bart", "BartForConditionalGeneration"),
    ],
)
def test_other_kinds_of_model(broken: Path, tmp_path: Path, model_type: str, architecture: str) -> None:
    content = {"model_type": model_type, "architectures": [architecture]}
    (broken / "config.json").write_text(json.dumps(content))
    assert refused(broken, tmp_path).kind is ErrorKind.CHECKPOINT_UNSUPPORTED


def test_encoder_without_architectures(broken: Path, tmp_path: Path) -> None:
    (broken / "config.json").write_text(json.dumps({"model_type": "bert"}))
    assert refused(broken, tmp_path).kind is ErrorKind.CHECKPOINT_UNSUPPORTED


def test_quantized_checkpoint_is_told_apart(broken: Path, tmp_path: Path) -> None:
    tiny_checkpoints.edit_config(broken, quantization_config={"quant_method": "gptq", "bits": 3})
    report = refused(broken, tmp_path)
    assert report.kind is ErrorKind.CHECKPOINT_UNSUPPORTED
    assert "quantized" in report.message


@pytest.mark.parametrize("taken", [".", "model.safetensors"])
def test_a_folder_that_vanishes_while_it_is_loaded(broken: Path, tmp_path: Path, taken: str) -> None:
    gone = broken / taken
    with pytest.raises(EngineError, match="cannot be read") as caught:
        loader.load(
            str(broken), PrecisionChoice.AUTO, None, "cpu", tmp_path, CancellationToken(), lambda *_: None,
            make_room=lambda: shutil.rmtree(gone) if gone.is_dir() else gone.unlink(),
        )  # fmt: skip
    assert caught.value.report.kind is ErrorKind.DISK
    assert "still there" in caught.value.report.hint


def test_engine_loads_a_healthy_model_after_a_refusal(healthy: Path, broken: Path, tmp_path: Path) -> None:
    (broken / "model.safetensors").unlink()
    refused(broken, tmp_path)
    loader.free(load(healthy, tmp_path))
