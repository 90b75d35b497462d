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


def load(name: str, folder: Path, card: torch.device) -> PreTrainedModel:
    path = tiny_checkpoints.make(name, folder)
    found: PreTrainedModel = AutoModelForCausalLM.from_pretrained(path, dtype=torch.bfloat16).to(card)
    return found.eval()


@torch.inference_mode()
def logits(model: PreTrainedModel) -> torch.Tensor:
    found: torch.Tensor = model(input_ids=torch.tensor([IDS], device=model.device), use_cache=False).logits
    return found.float()


@pytest.mark.parametrize("name", ["llama", "gemma3", "mixtral", "gpt_oss", "deepseek_v3"])
def test_norms_and_products_compute_the_same(
    name: str, card: torch.device, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "_LEAST_GAIN", 0.0)
    model = load(name, tiny_folder, card)
    expected = logits(model)
    norms.install(model)
    assert any(isinstance(module, norms.FusedNorm) for module in model.modules())
    assert (logits(model) - expected).norm() < 0.08 * expected.norm()
    products.install(model, lambda: model(input_ids=torch.tensor([IDS[:2]], device=card), use_cache=False))
    assert products.describe(model)
    assert (logits(model) - expected).norm() < 0.08 * expected.norm()
