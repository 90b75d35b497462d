"""Embedding and output head in 8 bit: what is packed, what is left, and that both compute what they did."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import linear
from transformers import AutoModelForCausalLM, Gemma4TextConfig, LlamaConfig, PreTrainedConfig, PreTrainedModel
from transformers.quantizers.auto import AutoHfQuantizer

from engine.api.plan import Precision
from engine.checkpoints.skeleton import skeleton_of
from engine.quantization.int8 import vocabulary as int8_vocabulary
from engine.quantization.int8.products import Ladder, Rung, is_in_place, whole
from engine.quantization.int8.vocabulary import Int8Embedding, Int8Head, is_known_embedding, lay_in_place, pack_rows
from engine.quantization.quantizers import finish, quantization_config_for
from engine.quantization.vocabulary import vocabulary_shapes
from tests import tiny_checkpoints

BOTH = (Precision.INT8, Precision.INT4)
IDS = torch.arange(3, 40).unsqueeze(0)


def _config(name: str, *, tied: bool = False) -> PreTrainedConfig:
    config = tiny_checkpoints.ARCHITECTURES[name]()
    config.tie_word_embeddings = tied
    return config


def _load(path: Path, precision: Precision | None = None, dtype: torch.dtype = torch.bfloat16) -> PreTrainedModel:
    config = {"quantization_config": quantization_config_for(precision, dtype)} if precision else {}
    model, information = AutoModelForCausalLM.from_pretrained(
        path, dtype=dtype, device_map={"": "cpu"}, output_loading_info=True, **config
    )
    assert not any(information.values())
    return model.eval()  # type: ignore[no-any-return]


@pytest.mark.parametrize("precision", BOTH)
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("name", ["llama", "gemma3", "opt"])
def test_rows_and_logits_are_nearly_those_of_16_bit(
    name: str, tied: bool, precision: Precision, tmp_path: Path
) -> None:
    path = tiny_checkpoints.save(_config(name, tied=tied), tmp_path / "model")
    dense, packed = _load(path), _load(path, precision)
    table, head = packed.get_input_embeddings(), packed.get_output_embeddings()
    assert isinstance(table, Int8Embedding)
    assert isinstance(head, Int8Head)
    assert (table.weight is head.weight and table.scale is head.scale) is tied
    packed.save_pretrained(tmp_path / "copy")
    names = load_file(tmp_path / "copy" / "model.safetensors").keys()
    assert sum(key.endswith("scale") and "norm" not in key for key in names) == (1 if tied else 2)
    copy = _load(tmp_path / "copy")
    for model in (packed, copy):
        finish(model)
    with torch.inference_mode():
        rows, expected = table(IDS).float(), dense.get_input_embeddings()(IDS).float()
        states = torch.randn(3, 48).bfloat16()
        logits, wanted = head(states).float(), dense.get_output_embeddings()(states).float()
        assert torch.equal(packed(IDS).logits, copy(IDS).logits)
    # Half a step of the codes, and what BF16 rounds.
    assert bool(((rows - expected).abs().amax(-1) <= expected.abs().amax(-1) * (0.51 / 127 + 2**-7)).all())
    assert float((logits - wanted).norm() / wanted.norm()) < 0.02


def test_what_is_not_sure_to_come_out_right_is_left() -> None:
    both = {"lm_head.weight", "model.embed_tokens.weight"}
    assert vocabulary_shapes(skeleton_of(_config("llama"))).keys() == both
    assert vocabulary_shapes(skeleton_of(_config("llama", tied=True))).keys() == both
    # Its code takes the type of the head's weight; that of Gemma 4 the rows of the embedding.
    assert vocabulary_shapes(skeleton_of(_config("mamba"))).keys() == {"backbone.embeddings.weight"}
    assert vocabulary_shapes(skeleton_of(_config("gemma4"))).keys() == {"lm_head.weight"}
    assert isinstance(_config("gemma4"), Gemma4TextConfig)
    assert not vocabulary_shapes(skeleton_of(_config("gemma4", tied=True)))
    exact = skeleton_of(_config("llama"))
    exact._keep_in_fp32_modules_strict = {"lm_head"}
    assert vocabulary_shapes(exact).keys() == {"model.embed_tokens.weight"}


def test_an_embedding_that_shortens_its_rows_is_left() -> None:
    assert is_known_embedding(torch.nn.Embedding(8, 4))
    assert not is_known_embedding(torch.nn.Embedding(8, 4, max_norm=1.0))


def test_the_constant_is_rounded_as_the_embedding_does_it(tmp_path: Path) -> None:
    table = _load(tiny_checkpoints.save(_config("gemma3"), tmp_path / "model"), Precision.INT8).get_input_embeddings()
    assert isinstance(table, Int8Embedding)
    constant = table.embed_scale = torch.tensor(48**0.5)  # as the publisher's code has it before a load rounds it
    with torch.inference_mode():
        rows = table.weight.to(table.scale.dtype) * table.scale.unsqueeze(1)
        assert torch.equal(table(IDS[0]), rows[IDS[0]] * constant.to(torch.bfloat16))
        assert not torch.equal(table(IDS[0]), rows[IDS[0]] * constant)


def test_rows_of_any_size_are_packed_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    dense = torch.randn(37, 24) * torch.logspace(-6, 1, 37).unsqueeze(1)
    dense[5] = 0
    original = dense.clone()
    expected = pack_rows(dense, "cpu", torch.float32)
    monkeypatch.setattr(int8_vocabulary, "_PACKED_AT_ONCE_BYTES", 4 * 24 * 5)
    for found, wanted in zip(pack_rows(dense, "cpu", torch.float32), expected, strict=True):
        assert torch.equal(found, wanted)
    assert torch.equal(dense, original), "it may be a file that is read by mapping"
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        codes, scales = pack_rows(dense, "cpu", dtype)
        assert scales.dtype is dtype
        error = (codes.float() * scales.float().unsqueeze(1) - dense).abs().amax(1)
        rounded = 127 * 3e-8 if dtype is torch.float16 else 0  # its scales have no finer step than 6e-8
        assert bool((error <= dense.abs().amax(1) * 0.51 / 127 + rounded).all())


def test_a_head_that_is_unpacked_is_so_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = torch.nn.Linear(32, 100, dtype=torch.bfloat16)
    head = Int8Head(plain)
    head.weight, head.scale = pack_rows(plain.weight.detach(), "cpu", torch.bfloat16)
    ladder = Ladder((Rung(None, "unpacking", whole),))
    monkeypatch.setattr(int8_vocabulary, "ladder_for", lambda *_: ladder)
    monkeypatch.setattr(int8_vocabulary, "HEAD_PIECE_BYTES", 2 * 32 * 7)
    states = torch.randn(2, 9, 32, dtype=torch.bfloat16)
    with torch.inference_mode():
        with torch.profiler.profile(record_shapes=True, acc_events=True) as profile:
            found = head(states)
        expected = linear(states, head.weight * head.scale.unsqueeze(1)) + plain.bias
    pieces = [event.input_shapes[0] for event in profile.events() if event.name == "aten::mul"]
    assert pieces == [[7, 32]] * 14 + [[2, 32]]
    assert found.shape == (2, 9, 100)
    assert torch.allclose(found.float(), expected.float(), rtol=2e-2, atol=2e-2)


def test_what_lies_askew_in_a_copy_is_moved_once_for_both(tmp_path: Path) -> None:
    path = tiny_checkpoints.save(_config("llama", tied=True), tmp_path / "model")
    model = _load(path, Precision.INT8)
    table, head = model.get_input_embeddings(), model.get_output_embeddings()
    weight = table.weight.detach()
    askew = torch.empty(weight.numel() + 1, dtype=torch.int8)[1:].view(weight.shape).copy_(weight)
    table.weight = head.weight = torch.nn.Parameter(askew, requires_grad=False)
    assert not is_in_place(askew)
    lay_in_place(model)
    assert is_in_place(head.weight)
    assert table.weight is head.weight
    assert torch.equal(head.weight, weight)


def test_dense_tables_are_read_in_main_memory() -> None:
    config = quantization_config_for(Precision.INT4, torch.bfloat16)
    quantizer = AutoHfQuantizer.from_config(config, pre_quantized=False)
    model = skeleton_of(_config("llama"))
    quantizer._process_model_before_weight_loading(model, device_map={"": "cpu"})
    converters = quantizer.update_weight_conversions([], model)
    in_main_memory = {one.source_patterns[0] for one in converters if getattr(one, "force_cpu", False)}
    assert in_main_memory == {"lm_head.weight", "embed_tokens.weight"}


def test_a_table_of_another_size_is_refused(tmp_path: Path) -> None:
    path = tiny_checkpoints.save(_config("llama"), tmp_path / "model")
    config = LlamaConfig.from_pretrained(path)
    config.vocab_size += 64
    with pytest.raises(RuntimeError):
        AutoModelForCausalLM.from_pretrained(
            path, config=config, dtype=torch.bfloat16, device_map={"": "cpu"}, ignore_mismatched_sizes=True,
            quantization_config=quantization_config_for(Precision.INT8, torch.bfloat16),
        )  # fmt: skip


@pytest.mark.parametrize("precision", BOTH)
def test_a_tied_table_is_packed_also_where_the_files_hold_it_as_the_head(precision: Precision, tmp_path: Path) -> None:
    path = tiny_checkpoints.save(_config("llama", tied=True), tmp_path / "model")
    usual = _load(path, precision)
    weights = load_file(path / "model.safetensors")
    weights["lm_head.weight"] = weights.pop("model.embed_tokens.weight")
    save_file(weights, path / "model.safetensors", {"format": "pt"})
    packed = _load(path, precision)
    packed.save_pretrained(tmp_path / "copy")
    for model in (usual, packed, copy := _load(tmp_path / "copy")):
        assert model.get_input_embeddings().weight is model.get_output_embeddings().weight
        assert model.get_input_embeddings().scale is model.get_output_embeddings().scale
        finish(model)
    with torch.inference_mode():
        expected = usual(IDS).logits
        assert torch.equal(packed(IDS).logits, expected)
        assert torch.equal(copy(IDS).logits, expected)
