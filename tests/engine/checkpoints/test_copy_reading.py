"""Copies that are read straight into the model: as transformers would have done it, and by it where they don't fit."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, MixtralConfig, PreTrainedConfig, modeling_utils

from engine.api.cancellation import CancellationToken
from engine.api.errors import Cancelled
from engine.api.events import LoadPhase
from engine.api.plan import PrecisionChoice
from engine.checkpoints import copies, copy_folders, loader
from engine.checkpoints.conversion import RECORD_NAME
from engine.quantization import copy_reading
from tests import tiny_checkpoints

INT8, INT4 = PrecisionChoice.INT8, PrecisionChoice.INT4
PROMPT = torch.tensor([[3, 17, 44, 101, 250, 9, 12]])
SHAPE = {
    "vocab_size": 384, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 32, "max_position_embeddings": 2048, "tie_word_embeddings": False,
    "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip
Report = Callable[[LoadPhase, int, int], None]
pytestmark = pytest.mark.usefixtures("small")


def _tied() -> PreTrainedConfig:
    return LlamaConfig(**{**SHAPE, "tie_word_embeddings": True}, attention_bias=True)


def _renamed_experts() -> PreTrainedConfig:
    return MixtralConfig(**SHAPE, num_local_experts=4)


def _transposed() -> PreTrainedConfig:
    return GPT2Config(
        vocab_size=384, n_positions=128, n_embd=64, n_layer=2, n_head=2, bos_token_id=1, eos_token_id=2, pad_token_id=0
    )


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    return tiny_checkpoints.save(LlamaConfig(**SHAPE), tmp_path / "model")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Who reads the weights of a load."""
    ways: list[str] = []
    directly, by_transformers = copy_reading._fill, modeling_utils.convert_and_load_state_dict_in_model

    def fill(*values: object, **named: object) -> object:
        ways.append("directly")
        return directly(*values, **named)  # type: ignore[arg-type]

    def convert(*values: object, **named: object) -> object:
        ways.append("by transformers")
        return by_transformers(*values, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(copy_reading, "_fill", fill)
    monkeypatch.setattr(modeling_utils, "convert_and_load_state_dict_in_model", convert)
    return ways


def _load(
    path: Path,
    data: Path,
    choice: PrecisionChoice,
    report: Report | None = None,
    token: CancellationToken | None = None,
) -> loader.LoadedModel:
    data.mkdir(exist_ok=True)
    return loader.load(
        str(path), choice, 256, "cpu", data, token or CancellationToken(), report or (lambda phase, done, total: None)
    )


def _described(loaded: loader.LoadedModel) -> dict[str, object]:
    """Return everything about the model that can be compared, but tensors; and give its memory back."""
    model = loaded.model
    with torch.inference_mode():
        logits = model(PROMPT).logits
    assert logits.isfinite().all()
    tensors = [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]
    described: dict[str, object] = {
        "tensors": {name: (value.float().tolist(), value.dtype, value.requires_grad) for name, value in tensors},
        "kinds": {name: (type(module), module.training) for name, module in model.named_modules()},
        "logits": logits.tolist(),
        "config": model.config.to_dict(),
        "attention": model.config._attn_implementation,
        "generation": model.generation_config.to_dict(),
        "tied": model.get_output_embeddings().weight is model.get_input_embeddings().weight,
    }
    loader.free(loaded)
    return described


@pytest.mark.parametrize("choice", [INT8, INT4])
@pytest.mark.parametrize("config", [_tied, _renamed_experts, _transposed])
def test_comes_out_as_from_transformers_and_as_from_the_first_load(
    config: Callable[[], PreTrainedConfig],
    choice: PrecisionChoice,
    tmp_path: Path,
    read: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(copies, "_SHARD_BYTES", 30_000)  # several files
    path, data = tiny_checkpoints.save(config(), tmp_path / "model"), tmp_path / "data"
    first = _described(_load(path, data, choice))
    assert len(list(_copy(data).glob("*.safetensors"))) > 1
    second = _described(_load(path, data, choice))

    def by_transformers(model_class: object, folder: str, **options: object) -> object:
        return AutoModelForCausalLM.from_pretrained(folder, **options)

    monkeypatch.setattr(copy_reading, "from_copy", by_transformers)
    assert second == _described(_load(path, data, choice))
    assert read == ["by transformers", "directly", "by transformers"]
    assert second["logits"] == first["logits"]
    assert second["tied"] is (config is not _renamed_experts)


def test_threads_that_read_ahead_put_every_tensor_in_its_place(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _described(_load(llama, tmp_path / "data", INT4))
    directly = copy_reading._fill
    monkeypatch.setattr(copy_reading, "_fill", lambda *values, ahead: directly(*values, ahead=True))
    assert _described(_load(llama, tmp_path / "data", INT4))["logits"] == first["logits"]


@pytest.mark.parametrize("ahead", [False, True])
def test_cancel_between_two_tensors_leaves_the_copy(
    ahead: bool, llama: Path, tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, token, told = tmp_path / "data", CancellationToken(), list[tuple[int, int]]()
    first = _described(_load(llama, data, INT8))
    directly = copy_reading._fill
    monkeypatch.setattr(copy_reading, "_fill", lambda *values, **_: directly(*values, ahead=ahead))

    def stop(phase: LoadPhase, done: int, total: int) -> None:
        if phase is LoadPhase.LOADING:
            told.append((done, total))
            if done:
                token.cancel()

    with pytest.raises(Cancelled):
        _load(llama, data, INT8, stop, token)
    assert 0 < told[-1][0] < told[-1][1] / 2
    assert read == ["by transformers", "directly"]
    assert _described(_load(llama, data, INT8))["logits"] == first["logits"]
    assert read == ["by transformers", "directly", "directly"]


def test_progress_is_told_in_bytes(llama: Path, tmp_path: Path) -> None:
    loader.free(_load(llama, tmp_path / "data", INT8))
    told: list[tuple[int, int]] = []

    def report(phase: LoadPhase, done: int, total: int) -> None:
        if phase is LoadPhase.LOADING:
            told.append((done, total))

    loader.free(_load(llama, tmp_path / "data", INT8, report))
    size = sum(value.nbytes for value in load_file(_copy(tmp_path / "data") / "model.safetensors").values())
    assert {total for _, total in told} == {size}
    assert told == sorted(told)
    assert told[-1] == (size, size)
    assert len(set(told)) > 10


def _smaller_norm(tensors: dict[str, torch.Tensor]) -> None:
    tensors["model.norm.weight"] = tensors["model.norm.weight"][:-1].clone()


def _smaller_scales(tensors: dict[str, torch.Tensor]) -> None:
    name = "model.layers.1.mlp.up_proj.SCB"
    tensors[name] = tensors[name][:-1].clone()


def _other_numbers(tensors: dict[str, torch.Tensor]) -> None:
    name = "model.layers.1.mlp.up_proj.weight"
    tensors[name] = tensors[name].float()


def _other_words(tensors: dict[str, torch.Tensor]) -> None:
    tensors["lm_head.weight"] = tensors["lm_head.weight"].float()


def _one_more(tensors: dict[str, torch.Tensor]) -> None:
    tensors["odd"] = torch.ones(2)


def _no_norm(tensors: dict[str, torch.Tensor]) -> None:
    del tensors["model.norm.weight"]


@pytest.mark.parametrize("change", [_smaller_norm, _no_norm, _smaller_scales, _other_numbers, _other_words])
def test_copy_that_is_not_whole_is_made_anew(
    change: Callable[[dict[str, torch.Tensor]], None], llama: Path, tmp_path: Path, read: list[str]
) -> None:
    data = tmp_path / "data"
    first = _described(_load(llama, data, INT8))
    _rewrite(_copy(data), change)
    assert _described(_load(llama, data, INT8))["logits"] == first["logits"]
    assert set(read) == {"by transformers"}
    assert _described(_load(llama, data, INT8))["logits"] == first["logits"]
    assert read[-1] == "directly"


def test_copy_with_something_unexpected_is_left_to_transformers(llama: Path, tmp_path: Path, read: list[str]) -> None:
    data = tmp_path / "data"
    first = _described(_load(llama, data, INT8))
    _rewrite(_copy(data), _one_more)
    assert _described(_load(llama, data, INT8))["logits"] == first["logits"]
    assert read == ["by transformers"] * 2


def _copy(data: Path) -> Path:
    (folder,) = (data / copy_folders.FOLDER_NAME).iterdir()
    return folder


def _rewrite(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    """Change the tensors, and let the record agree: only loading can tell."""
    tensors = {name: value.clone() for name, value in load_file(folder / "model.safetensors").items()}
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / RECORD_NAME).unlink()
    copy_folders._write_record(folder, "another")
