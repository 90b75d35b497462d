import copy
import logging

import pytest
import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

from engine.api.plan import Precision
from engine.quantization.experts.forms import expert_shapes
from engine.quantization.experts.packed import (
    PACKED,
    SCALES,
    _all_at_once,
    _expert_by_expert,
    is_packed,
    packed_shapes_of,
    unpack,
)
from engine.quantization.nf4_linear import kernel_works
from engine.quantization.packing import packed_bytes, packed_shapes
from engine.quantization.quantizers import finish, quantization_config_for
from engine.quantization.vocabulary import vocabulary_shapes
from tests.resident_bytes import resident_bytes
from tests.tiny_checkpoints import make

EXPERTS = ("qwen3_moe", "mixtral", "gpt_oss", "deepseek_v3", "qwen3_next")
DENSE = ("llama", "gpt2", "falcon_h1", "falcon")
BOTH = (Precision.INT8, Precision.INT4)


def load(path, precision=None, dtype=torch.bfloat16):
    # a copy names its own format: passing None would take that away
    config = {"quantization_config": quantization_config_for(precision, dtype)} if precision else {}
    model, information = AutoModelForCausalLM.from_pretrained(
        path, dtype=dtype, device_map={"": "cpu"}, output_loading_info=True, **config
    )
    assert not any(information.values())
    return model.eval()


def on_meta(path):
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(path), dtype=torch.bfloat16)


def test_what_is_packed_beside_experts_does_not_hang_on_the_dtype() -> None:
    config = transformers.GraniteMoeHybridConfig(
        vocab_size=384, hidden_size=48, intermediate_size=32, shared_intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, num_local_experts=4, num_experts_per_tok=2, mamba_n_heads=4,
        mamba_d_head=24, mamba_d_state=16, mamba_chunk_size=16, layer_types=["linear_attention", "full_attention"],
    )  # fmt: skip
    with torch.device("meta"):
        skeleton, loaded = (
            AutoModelForCausalLM.from_config(config, dtype=dtype) for dtype in (torch.float32, torch.bfloat16)
        )
    assert "model.layers.0.mamba.out_proj.weight" in packed_shapes(loaded)
    assert packed_shapes(skeleton).keys() == packed_shapes(loaded).keys()


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("precision", BOTH)
def test_experts_that_share_nothing_leave_layers_without_values(precision, tmp_path) -> None:
    config = transformers.Glm4MoeConfig(
        vocab_size=384, hidden_size=64, intermediate_size=64, moe_intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, head_dim=32, n_routed_experts=4, num_experts_per_tok=2,
        n_shared_experts=0, first_k_dense_replace=1,
    )  # fmt: skip
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    model = load(tmp_path, precision)
    assert model(torch.arange(5).unsqueeze(0)).logits.isfinite().all()


@pytest.mark.parametrize("precision", BOTH)
@pytest.mark.parametrize("name", [*EXPERTS, *DENSE])
def test_a_copy_is_bit_equal_and_the_bytes_are_as_planned(name, precision, tiny_folder, tmp_path, caplog) -> None:
    path = make(name, tiny_folder)
    empty = on_meta(path)
    shapes = packed_shapes(empty)
    ids = torch.arange(3, 15).unsqueeze(0)

    first = load(path, precision)
    first.save_pretrained(tmp_path / "copy")
    finish(first)
    second = load(tmp_path / "copy")
    finish(second)
    caplog.clear()
    with torch.inference_mode(), caplog.at_level(logging.WARNING):
        equal = torch.equal(first(ids).logits, second(ids).logits)

    assert equal
    # LLM.int8 as published warns at every call.
    assert not [record for record in caplog.records if record.name.startswith("bitsandbytes")]
    packed = sum(packed_bytes(precision, shape, interleaved=kernel_works()) for shape in shapes.values())
    words = {key: shape for key, shape in vocabulary_shapes(empty).items() if key in dict(empty.named_parameters())}
    packed += sum(rows * (columns + 2) for rows, columns in words.values())
    dense = sum(item.nbytes for key, item in empty.named_parameters() if key not in {*shapes, *words})
    others = sum(item.nbytes for key, item in first.named_buffers() if not key.endswith(("SCB", "scale", "absmax")))
    plain_nf4 = any(getattr(module, "quant_state", None) for module in first.modules())
    tables = 4 * (16 + 256) if plain_nf4 else 0  # the code values, float32, that all NF4 weights of a model share
    assert resident_bytes(first) == resident_bytes(second) == packed + dense + others + tables
    assert not [name for module in first.modules() for name, _ in expert_shapes(module)], "experts in 16 bit"


@pytest.mark.parametrize("name", EXPERTS)
def test_experts_are_among_what_is_packed(name, tiny_folder) -> None:
    names = packed_shapes(on_meta(make(name, tiny_folder)))

    assert any(key.endswith("experts.gate_up_proj") for key in names)
    assert not any("lm_head" in key or "embed" in key or "bias" in key for key in names)


@pytest.mark.parametrize("precision", BOTH)
@pytest.mark.parametrize("name", EXPERTS)
def test_packed_experts_compute_what_dense_ones_with_the_same_weights_do(name, precision, tiny_folder) -> None:
    path = make(name, tiny_folder)
    model, dense = load(path, precision, torch.float32), load(path, dtype=torch.float32)
    modules = {key: module for key, module in model.named_modules() if is_packed(module)}
    assert modules

    for key, module in modules.items():
        plain = copy.deepcopy(dense.get_submodule(key))
        for local, shape in packed_shapes_of(module).items():
            codes, scales = getattr(module, local + PACKED), getattr(module, local + SCALES)
            weight = unpack(codes, scales, shape, torch.float32)
            target = getattr(plain, local)
            original = target.transpose(1, 2) if plain.is_transposed else target
            bound = 0.02 if precision is Precision.INT8 else 0.15
            assert float((weight - original).detach().norm() / original.detach().norm()) < bound
            target.data.copy_(weight.transpose(1, 2) if plain.is_transposed else weight)
        plain.config._experts_implementation_internal = "eager"
        states = torch.randn(7, packed_shapes_of(module)["down_proj"].rows)
        chosen = torch.rand(7, 4).argsort(dim=1)[:, :2]
        shares = torch.rand(7, 2)
        with torch.inference_mode():
            expected, found = plain(states, chosen, shares), module(states, chosen, shares)
            both = (_all_at_once(module, states, chosen), _expert_by_expert(module, states, chosen))
        assert torch.allclose(found, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
        assert torch.allclose(*both, rtol=1e-3, atol=1e-4 * float(both[0].abs().max()))


def test_a_finished_model_can_be_freed(tiny_folder) -> None:
    for precision in BOTH:
        model = load(make("qwen3_moe", tiny_folder), precision)
        finish(model)
        torch.nn.Module.to(model, "meta")

        assert resident_bytes(model) == 0 or all(item.is_meta for item in model.parameters())


def test_bytes_of_known_shapes() -> None:
    assert packed_bytes(Precision.BF16, (4096, 4096)) == 2 * 4096 * 4096
    assert packed_bytes(Precision.INT8, (4096, 4096)) == 4096 * 4096 + 4096 * 6
    assert packed_bytes(Precision.INT4, (4096, 4096)) == 4096 * 4096 // 2 + 262144 + 1024 * 4 + 4
    assert packed_bytes(Precision.INT4, (128, 768, 2048)) == 128 * (768 * 1024 + 2 * 24576)
    assert packed_bytes(Precision.INT8, (128, 768, 2048)) == 128 * (768 * 2048 + 4 * 768)
