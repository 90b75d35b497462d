"""Attention, norms and products as a card computes them: what PyTorch's plain kernels and the model's code give."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional
from transformers import AutoModelForCausalLM, PreTrainedModel

from engine.decode import attention, chunk_attention, norms, products, split_attention
from tests import tiny_checkpoints

IDS = [(17 + 7919 * index) % 384 for index in range(48)]
TOLERANCE = {torch.float32: 1e-5, torch.float16: 4e-3, torch.bfloat16: 2e-2}
ARCHITECTURES = ["llama", "gemma3", "mixtral", "gpt_oss", "deepseek_v3"]
DTYPES = [torch.float32, torch.float16, torch.bfloat16]


@pytest.fixture(autouse=True)
def as_with_a_model(card: torch.device) -> None:
    """Leave PyTorch the kernels that it has to choose from while a model is loaded."""
    attention.prepare(card)


def drawn(card: torch.device, dtype: torch.dtype, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape))).to(card, dtype)


def assert_alike(found: torch.Tensor, expected: torch.Tensor) -> None:
    difference = (found.double() - expected.double()).norm() / expected.double().norm()
    assert difference < TOLERANCE[found.dtype], float(difference)


def exact(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    keys, values = (tensor.repeat_interleave(query.shape[1] // key.shape[1], 1).double() for tensor in (key, value))
    return functional.scaled_dot_product_attention(query.double(), keys, values, attn_mask=mask)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    ("heads", "key_heads", "width"), [(8, 8, 64), (8, 2, 64), (16, 8, 128), (4, 1, 80), (4, 2, 256)]
)
def test_a_chunk_without_a_mask(heads: int, key_heads: int, width: int, dtype: torch.dtype, card: torch.device) -> None:
    queries, length = 96, 700
    query = drawn(card, dtype, 1, heads, queries, width)
    key, value = (drawn(card, dtype, 1, key_heads, 1024, width)[:, :, :length] for _ in range(2))
    mask = torch.ones(1, 1, queries, length, dtype=torch.bool, device=card).tril_(length - queries)
    assert chunk_attention.applies(query, key, value, mask)
    assert_alike(chunk_attention.attend(query, key, value, None), exact(query, key, value, mask))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("pieces", [1, 2, 8])
@pytest.mark.parametrize(("heads", "key_heads", "width"), [(8, 8, 64), (8, 2, 64), (16, 8, 128), (14, 2, 64)])
@pytest.mark.parametrize("queries", [1, 2, 16])
def test_a_conversation_in_pieces(
    heads: int, key_heads: int, width: int, queries: int, pieces: int, dtype: torch.dtype, card: torch.device
) -> None:
    reach, valid = 2048, 1111
    query = drawn(card, dtype, 1, heads, queries, width)
    key, value = (drawn(card, dtype, 1, key_heads, 3000, width)[:, :, :reach] for _ in range(2))
    last = torch.arange(valid - queries, valid, device=card).unsqueeze(1)
    mask = (torch.arange(reach, device=card) <= last).view(1, 1, queries, reach)
    expected = exact(query, key, value, mask)
    with split_attention.of_fixed_step():
        for _ in range(2):  # the second layer of a step takes what the first one made of the mask
            assert_alike(split_attention.attend(query, key, value, mask, None, pieces), expected)


def load(name: str, folder: Path, card: torch.device, dtype: torch.dtype) -> PreTrainedModel:
    path = tiny_checkpoints.make(name, folder)
    found: PreTrainedModel = AutoModelForCausalLM.from_pretrained(path, dtype=dtype).to(card)
    return found.eval()


@torch.inference_mode()
def logits(model: PreTrainedModel) -> torch.Tensor:
    found: torch.Tensor = model(input_ids=torch.tensor([IDS], device=model.device), use_cache=False).logits
    return found.float()


def change(model: PreTrainedModel) -> None:
    """Give the model our norms and products."""
    norms.install(model)
    products.install(model, lambda: model(input_ids=torch.tensor([IDS[:2]], device=model.device), use_cache=False))
    assert any(isinstance(module, norms.FusedNorm) for module in model.modules())
    assert products.describe(model)


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products are shared whether that pays or not."""
    monkeypatch.setattr(products, "_LEAST_GAIN", 0.0)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_model_with_our_norms_and_products_computes_the_same(
    name: str, card: torch.device, tiny_folder: Path, always: None
) -> None:
    """In 32 bit: in 16 bit a rounding sends a token to another expert, and the logits of tiny models differ by 20 %."""
    model = load(name, tiny_folder, card, torch.float32)
    expected = logits(model)
    change(model)
    assert (logits(model) - expected).norm() < 1e-3 * expected.norm()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_each_norm_and_product_computes_the_same_in_16_bit(
    name: str, card: torch.device, tiny_folder: Path, always: None
) -> None:
    model = load(name, tiny_folder, card, torch.bfloat16)
    heard: list[tuple[torch.nn.Module, torch.Tensor, torch.Tensor]] = []

    def note(module: torch.nn.Module, given: tuple[torch.Tensor, ...], returned: object) -> None:
        if isinstance(returned, torch.Tensor) and given:
            heard.append((module, given[0], returned))

    hooks = [module.register_forward_hook(note) for module in model.modules() if not list(module.children())]
    logits(model)
    for hook in hooks:
        hook.remove()
    change(model)
    changed = [each for each in heard if isinstance(each[0], norms.FusedNorm | products.ProductLinear)]
    assert {type(module) for module, _, _ in changed} == {norms.FusedNorm, products.ProductLinear}
    with torch.inference_mode():
        for module, given, expected in changed:
            assert_alike(module(given), expected)
