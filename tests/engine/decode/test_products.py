"""Products of linear layers that share an input: the same numbers as the layers by themselves, everywhere."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
import transformers
from torch import nn
from transformers import AutoModelForCausalLM, PreTrainedModel

from engine.checkpoints import loader
from engine.decode import fusing, products
from engine.decode.products import Kernel, OneRowLinear, Product, ProductLinear
from engine.decode.rungs import Rungs
from engine.decode.shared_inputs import linear_groups, possible_groups
from tests import tiny_checkpoints

IDS = torch.tensor([[(17 + 7919 * index) % 384 for index in range(24)]])
needs_bf16_products = pytest.mark.skipif(
    not products._packs_bf16(), reason="this processor has no BF16 products in oneDNN"
)


def load(name: str, folder: Path, dtype: torch.dtype = torch.bfloat16) -> PreTrainedModel:
    path = tiny_checkpoints.make(name, folder)
    found: PreTrainedModel = AutoModelForCausalLM.from_pretrained(path, dtype=dtype)
    return found.eval()


def passing(model: PreTrainedModel) -> Callable[[], object]:
    return lambda: model(input_ids=IDS[:, :2], use_cache=False)


@torch.inference_mode()
def logits(model: PreTrainedModel, count: int) -> torch.Tensor:
    found: torch.Tensor = model(input_ids=IDS[:, :count], use_cache=False).logits
    return found


def names_of(model: PreTrainedModel, layers: tuple[nn.Linear, ...]) -> list[str]:
    names = {module: name.rpartition(".")[2] for name, module in model.named_modules()}
    return [names[layer] for layer in layers]


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products are made although nothing as small as this can be seen to pay."""
    monkeypatch.setattr(products, "_LEAST_GAIN", 0.0)


def test_layers_are_grouped_by_the_tensor_they_are_given(tiny_folder: Path) -> None:
    model = load("llama", tiny_folder)
    groups = [names_of(model, group.layers) for group in linear_groups(model, passing(model))]
    one_layer = [["q_proj", "k_proj", "v_proj"], ["o_proj"], ["gate_proj", "up_proj"], ["down_proj"]]
    assert groups == one_layer * 3 + [["lm_head"]]
    run = passing(model)
    again = linear_groups(model, lambda: (run(), run()))  # as a block that stands at several depths
    assert [names_of(model, group.layers) for group in again] == groups


def test_a_tied_output_layer_shares_its_weight(tmp_path: Path) -> None:
    config = transformers.LlamaConfig(**{**tiny_checkpoints._DENSE, "tie_word_embeddings": True})
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    assert [group.owns_weights for group in linear_groups(model, passing(model))][-2:] == [True, False]


def test_layers_whose_weight_the_architecture_takes_by_itself_are_left_alone(tiny_folder: Path) -> None:
    model = load("mamba", tiny_folder)
    grouped = {name for group in linear_groups(model, passing(model)) for name in names_of(model, group.layers)}
    assert "dt_proj" not in grouped
    assert "in_proj" in grouped
    assert not any("dt_proj" in names_of(model, group.layers) for group in possible_groups(model))


@needs_bf16_products
@pytest.mark.parametrize("name", ["llama", "gemma3", "phi3", "gpt_neox", "qwen3_moe", "deepseek_v3", "lfm2", "opt"])
def test_packed_weights_give_the_same_logits(name: str, tiny_folder: Path, always: None) -> None:
    model = load(name, tiny_folder)
    expected = {count: logits(model, count) for count in (1, 5, 24)}
    products.install(model, passing(model))
    assert any(isinstance(module, ProductLinear) for module in model.modules())
    assert "packed" in products.describe(model)
    for count, wanted in expected.items():
        torch.testing.assert_close(logits(model, count), wanted, rtol=0.03, atol=0.03)


@needs_bf16_products
def test_each_shape_is_tried_once(tiny_folder: Path, always: None, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load("llama", tiny_folder)
    before = logits(model, 24)
    tried: list[Product] = []
    is_right = products._is_right

    def noting(product: Product, layers: Sequence[nn.Linear]) -> bool:
        tried.append(product)
        return is_right(product, layers)

    monkeypatch.setattr(products, "_is_right", noting)
    products.install(model, passing(model))
    made = list(products._products(model))
    assert len(made) == 3 * 4 + 1
    assert len(tried) == len({product.weight.shape for product in made}) < len(made)
    torch.testing.assert_close(logits(model, 24), before, rtol=0.03, atol=0.03)


@needs_bf16_products
def test_a_shape_that_is_packed_wrongly_stays_plain_everywhere(
    tiny_folder: Path, always: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load("llama", tiny_folder)
    monkeypatch.setattr(products, "_is_right", lambda product, layers: len(layers) != 3)
    products.install(model, passing(model))
    kernels = {len(product.sizes): product.kernel for product in products._products(model)}
    assert kernels == {3: Kernel.PLAIN, 1: Kernel.PACKED, 2: Kernel.PACKED}


@needs_bf16_products
def test_a_tied_output_layer_keeps_its_weight_and_its_numbers(always: None) -> None:
    config = transformers.LlamaConfig(**{**tiny_checkpoints._DENSE, "tie_word_embeddings": True})
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).eval()
    expected = logits(model, 1), logits(model, 7)
    products.install(model, passing(model))
    assert type(model.lm_head) is OneRowLinear
    assert model.lm_head.weight is model.model.embed_tokens.weight
    torch.testing.assert_close((logits(model, 1), logits(model, 7)), expected, rtol=0.02, atol=0.02)


@needs_bf16_products
@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_a_tied_output_layer_multiplies_a_vector_only_where_that_pays(
    gain: float, always: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = transformers.LlamaConfig(**{**tiny_checkpoints._DENSE, "tie_word_embeddings": True})
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).eval()
    monkeypatch.setattr(products, "_LEAST_GAIN", 1.1)
    monkeypatch.setattr(products, "_pays", lambda *_: True)
    monkeypatch.setattr(products, "_gain", lambda *_: gain)
    products.install(model, passing(model))
    assert type(model.lm_head) is (OneRowLinear if gain > 1.1 else nn.Linear)


@needs_bf16_products
def test_the_weights_are_not_kept_twice_and_are_freed_with_the_model(tiny_folder: Path, always: None) -> None:
    model = load("llama", tiny_folder)
    total = sum(parameter.numel() for parameter in model.parameters())
    products.install(model, passing(model))
    held = [*model.parameters(), *model.buffers()]
    assert sum(tensor.numel() for tensor in held if tensor.dtype == torch.bfloat16) == total
    loader._clear(model)
    assert not [*model.parameters(), *model.buffers()]


@needs_bf16_products
@pytest.mark.parametrize("agrees", [True, False])
def test_a_model_that_disagrees_gets_a_tensor_for_each_layer(agrees: bool, tiny_folder: Path, always: None) -> None:
    model = load("llama", tiny_folder)

    @torch.inference_mode()
    def plain(ids: Sequence[int]) -> torch.Tensor:
        found: torch.Tensor = model(input_ids=torch.tensor([list(ids)]), use_cache=False).logits[0]
        return found

    ids = IDS[0].tolist()
    fusing.fuse(model, Rungs(), ids, plain(ids), plain, lambda *_: agrees)
    assert {product.shares for product in products._products(model)} == {agrees}


@needs_bf16_products
def test_what_does_not_pay_is_not_done(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load("llama", tiny_folder)
    monkeypatch.setattr(products, "_LEAST_GAIN", 1e9)
    products.install(model, passing(model))
    assert not any(isinstance(module, ProductLinear) for module in model.modules())
    assert products.describe(model) == ""


def test_float32_is_left_alone(tiny_folder: Path, always: None) -> None:
    model = load("llama", tiny_folder, torch.float32)
    products.install(model, passing(model))
    assert products.describe(model) == ""


def layers(bias: bool = False) -> list[nn.Linear]:
    torch.manual_seed(0)
    return [nn.Linear(16, size, bias=bias) for size in (8, 4, 6)]


@torch.inference_mode()
def test_each_layer_gets_its_own_part_whatever_it_is_given() -> None:
    single = layers(bias=True)
    product = Product(single, Kernel.PLAIN)
    first, second = torch.randn(2, 3, 16), torch.randn(5, 16)
    for shares in (True, False):
        product.shares = shares
        for order in ((0, 1, 2), (2, 0, 1), (1, 1, 0)):
            for index in order:
                for states in (first, second):
                    torch.testing.assert_close(product.part(index, states), single[index](states))


@torch.inference_mode()
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shape", [(16,), (1, 1, 16), (1, 3, 16)])
def test_a_row_that_is_multiplied_as_a_vector_gives_what_the_layer_gives(shape: tuple[int, ...], bias: bool) -> None:
    layer, states = layers(bias)[0], torch.randn(shape)
    expected = layer(states)
    layer.__class__ = OneRowLinear
    torch.testing.assert_close(layer(states), expected)


@torch.inference_mode()
def test_a_tensor_that_is_filled_anew_is_multiplied_anew() -> None:
    """A pass that was stopped half way has left parts, and the next one's states may lie in the same tensor."""
    single, states = layers(), torch.randn(1, 1, 16)
    product = Product(single, Kernel.PLAIN)
    product.part(0, states)
    product.part(1, states)
    states.copy_(torch.randn(1, 1, 16))
    for index, layer in enumerate(single):
        torch.testing.assert_close(product.part(index, states), layer(states))


@torch.inference_mode()
def test_a_tensor_of_its_own_is_no_part_of_a_larger_one() -> None:
    product = Product(layers(), Kernel.PLAIN)
    product.shares = False
    for index in range(3):
        found = product.part(index, torch.randn(2, 3, 16))
        assert found.is_contiguous()
        assert found.untyped_storage().nbytes() == found.nbytes


@torch.inference_mode()
def test_nothing_is_held_once_all_layers_have_had_their_part() -> None:
    product = Product(layers(), Kernel.PLAIN)
    states = torch.randn(1, 1, 16)
    for index in range(3):
        product.part(index, states)
    assert product._last.given is None
    assert product._last.parts == ()


@needs_bf16_products
@torch.inference_mode()
def test_packed_products_take_strided_states_and_a_bias() -> None:
    single = [layer.bfloat16() for layer in layers(bias=True)]
    product = Product(single, Kernel.PACKED)
    states = torch.randn(1, 3, 40, dtype=torch.bfloat16)[..., 4:20]
    for index, layer in enumerate(single):
        torch.testing.assert_close(product.part(index, states), layer(states), rtol=0.02, atol=0.02)
        torch.testing.assert_close(product.weight_of(index), layer.weight.data)


@pytest.mark.parametrize("kernel", Kernel)
def test_no_pass_is_run_where_no_layers_can_be_put_together(
    kernel: Kernel, tiny_folder: Path, always: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load("llama", tiny_folder)
    monkeypatch.setattr(products, "_kernel_for", lambda model: kernel)
    for module in list(model.modules()):
        if type(module) is nn.Linear:
            module.__class__ = OneRowLinear  # as little a plain layer as a packed one
    products.install(model, lambda: pytest.fail("a pass that can find nothing"))
    assert products.describe(model) == ""
