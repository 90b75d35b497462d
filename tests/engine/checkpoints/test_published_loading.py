"""Checkpoints that their publisher packed in a form without kernels: loaded in any precision like plain ones.

Each is held against its twin, which has the very same weights in plain numbers.
"""

import weakref
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers
from transformers import PreTrainedConfig

from engine.api.cancellation import CancellationToken
from engine.api.errors import EngineError, ErrorKind
from engine.api.plan import Plan, Precision, PrecisionChoice
from engine.checkpoints import copy_folders, loader
from engine.quantization import quantizers
from engine.quantization.experts import packed as packed_experts
from engine.quantization.published import reading
from engine.quantization.published.forms import PackedWeight
from engine.quantization.published.unpacking import Read
from tests import tiny_checkpoints, tiny_published
from tests.resident_bytes import resident_bytes

PROMPT = torch.tensor([[3, 17, 44, 101, 250, 9, 12]])
# No width is a multiple of 128: the last block of each row and column is shorter.
SHAPE = {
    "vocab_size": 384, "hidden_size": 192, "intermediate_size": 320, "num_hidden_layers": 2, "num_attention_heads": 4,
    "max_position_embeddings": 2048, "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2,
    "pad_token_id": 0,
}  # fmt: skip
CONFIGS: dict[str, Callable[[], PreTrainedConfig]] = {
    "dense": lambda: transformers.Qwen3Config(**SHAPE, num_key_value_heads=2, head_dim=64),
    "experts": lambda: transformers.DeepseekV3Config(
        **SHAPE, num_key_value_heads=4, kv_lora_rank=64, q_lora_rank=64, qk_rope_head_dim=32, qk_nope_head_dim=32,
        v_head_dim=32, n_routed_experts=4, num_experts_per_tok=2, moe_intermediate_size=64, n_group=1, topk_group=1,
        first_k_dense_replace=1, n_shared_experts=1,
    ),
}  # fmt: skip
CHOICES = (PrecisionChoice.BF16, PrecisionChoice.INT8, PrecisionChoice.INT4)


def pair(form: str, model: str, folder: Path, tiny_folder: Path) -> tuple[Path, Path]:
    source = tiny_folder / f"ragged {model}"
    if not source.exists():
        tiny_checkpoints.save(CONFIGS[model](), source)
    return tiny_published.publish(form, source, folder)


def load(path: Path, choice: PrecisionChoice, data: Path) -> loader.LoadedModel:
    return loader.load(str(path), choice, 300, "cpu", data, CancellationToken(), lambda *_: None)


def computed(path: Path, choice: PrecisionChoice, data: Path) -> tuple[torch.Tensor, Plan, int]:
    """Return logits, plan and the bytes of all tensors."""
    loaded = load(path, choice, data)
    with torch.inference_mode():
        result = loaded.model(PROMPT).logits.clone()
    size = resident_bytes(loaded.model)
    assert loaded.dtype == loaded.model.dtype
    assert not loaded.is_published_packed
    loader.free(loaded)
    return result, loaded.plan, size


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize(("form", "model"), [("fp8", "dense"), ("fp8", "experts"), ("gptq", "dense")])
def test_it_is_what_the_plain_model_is(
    form: str, model: str, choice: PrecisionChoice, tmp_path: Path, tiny_folder: Path
) -> None:
    packed, plain = pair(form, model, tmp_path, tiny_folder)
    found, plan, size = computed(packed, choice, tmp_path / "data")
    wanted, other, other_size = computed(plain, choice, tmp_path / "data")
    assert torch.equal(found, wanted)
    assert plan.precision is Precision(choice.value)
    assert (plan.weight_bytes, plan.parameters, size) == (other.weight_bytes, other.parameters, other_size)
    assert plan.parts.weights_bytes == pytest.approx(size, rel=0.01)
    how = "unpacked from" if choice is PrecisionChoice.BF16 else "packed again from"
    label = {"fp8": "FP8", "gptq": "GPTQ, 4-bit"}[form]
    assert plan.precision_reason.startswith(f"{plan.precision.name}, {how} {label} because you asked for it. ")


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("choice", CHOICES[1:])
def test_what_was_packed_again_is_read_from_its_copy_the_next_time(
    choice: PrecisionChoice, tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed, _ = pair("fp8", "experts", tmp_path, tiny_folder)
    first, _, size = computed(packed, choice, tmp_path / "data")
    assert len(list((tmp_path / "data" / copy_folders.FOLDER_NAME).iterdir())) == 1
    for place, name in ((reading, "unpack"), (packed_experts, "pack"), (quantizers, "pack")):
        monkeypatch.setattr(place, name, None)
    second, _, again = computed(packed, choice, tmp_path / "data")
    assert torch.equal(first, second)
    assert size == again


def test_no_more_is_unpacked_at_once_than_is_packed_next(
    tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: weakref.WeakSet[torch.Tensor] = weakref.WeakSet()
    most = []

    def watched(weight: PackedWeight, read: Read, dtype: torch.dtype) -> torch.Tensor:
        result = unpack(weight, read, dtype)
        alive.add(result)
        most.append(len(alive))
        return result

    unpack = reading.unpack
    monkeypatch.setattr(reading, "unpack", watched)
    packed, _ = pair("compressed int4", "dense", tmp_path, tiny_folder)
    computed(packed, PrecisionChoice.INT4, tmp_path / "data")
    assert len(most) == 14
    assert max(most) <= 2


def test_lost_scales_are_told_in_one_sentence(tmp_path: Path, tiny_folder: Path) -> None:
    packed, _ = pair("fp8", "dense", tmp_path, tiny_folder)
    name = "model.layers.1.mlp.up_proj.weight"
    tiny_published.edit_tensors(packed, lambda tensors: tensors.pop(f"{name}_scale_inv"))
    with pytest.raises(EngineError) as caught:
        load(packed, PrecisionChoice.AUTO, tmp_path / "data")
    assert caught.value.report.kind is ErrorKind.CHECKPOINT_UNSUPPORTED
    assert caught.value.report.message == (
        f"The model packed cannot be loaded: the scale of its weight {name} is missing or has a name that Hearth does"
        " not know."
    )
