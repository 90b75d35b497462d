"""Attention of one id in the order of the kernel's own sums: the same bits where that was tried, never others."""

import pytest
import torch
from torch.nn import functional

from engine.decode import attention, packed_heads, row_order

LENGTHS = [768, 1024, 1025, 1038, 1055, 1535, 1875, 2051]
SHAPE = (torch.bfloat16, 9, 3, 64)


def tensors(length: int, dtype: torch.dtype = torch.bfloat16) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(length)
    growing = torch.linspace(0.5, 1.5, length).unsqueeze(1)  # so that greater scores come in each block
    query, key, value = (torch.randn(1, heads, size, 64) for heads, size in ((9, 1), (3, length), (3, length)))
    return query.to(dtype), (key * growing).to(dtype), value.to(dtype)


def by_the_kernel(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    return functional.scaled_dot_product_attention(query, key, value, scale=0.2, enable_gqa=True).transpose(1, 2)


@pytest.mark.parametrize("length", [*LENGTHS, 4, 17, 511])
def test_the_sums_are_attention(length: int) -> None:
    query, key, value = tensors(length)
    expected = by_the_kernel(query.float(), key.float(), value.float())
    found = row_order.attend(query, key, value, 0.2)
    torch.testing.assert_close(found.float(), expected, rtol=0.02, atol=0.02)


def test_the_bits_are_the_kernels_where_they_were_in_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_order, "_LEAST_GAIN", 0)
    if row_order._tried(SHAPE) is row_order.Trial.OTHER_BITS:
        pytest.skip("this processor multiplies a single row in another order")
    for length in LENGTHS:
        query, key, value = tensors(length)
        assert torch.equal(row_order.attend(query, key, value, 0.2), by_the_kernel(query, key, value))


def test_what_rounds_otherwise_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_order, "_found", {})
    monkeypatch.setattr(row_order, "_LEAST_GAIN", 0)
    monkeypatch.setattr(row_order, "attend", in_full_precision)
    assert not row_order.applies(*tensors(1024), None)
    assert not row_order.keeps_bits(*tensors(1024))
    assert row_order._found == {SHAPE: row_order.Trial.OTHER_BITS}


def in_full_precision(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float | None) -> torch.Tensor:
    wide = (given.double() for given in (query, key, value))
    found = functional.scaled_dot_product_attention(*wide, scale=scale, enable_gqa=True)
    return found.transpose(1, 2).to(query.dtype)


@pytest.mark.parametrize("trial", row_order.Trial)
def test_only_one_id_behind_a_long_conversation_without_a_mask(
    trial: row_order.Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_order, "_found", {})
    monkeypatch.setattr(row_order, "_tried", lambda shape: trial)
    monkeypatch.setattr(packed_heads, "_tried", lambda shape: 0)
    query, key, value = tensors(1024)
    pays = trial is row_order.Trial.QUICKER
    assert row_order.applies(query, key, value, None) == pays
    for others in (
        (query, key, value, torch.ones(1, 1, 1, 1024, dtype=torch.bool)),
        (query, key[:, :, :500], value[:, :, :500], None),
        (query.repeat(1, 1, 2, 1), key, value, None),
        (query.float(), key.float(), value.float(), None),
    ):
        assert not row_order.applies(*others)
    monkeypatch.setattr(row_order, "attend", lambda *given: "the other way")
    module = torch.nn.Module()
    module.num_key_value_groups = 3  # type: ignore[assignment] # as transformers' own way reads it
    found, _ = attention.attend(module, query, key, value, None)
    assert (found == "the other way") if pays else found.shape == (1, 1, 9, 64)


@pytest.mark.parametrize("trial", [row_order.Trial.SAME_BITS, row_order.Trial.QUICKER])
@pytest.mark.parametrize("heads", [6, 12])
def test_heads_are_put_together_in_its_place_only_where_many_share_a_key_head(
    heads: int, trial: row_order.Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a short conversation, and where the trial was no quicker (as on a busy machine), the kernel goes on as it
    is: another rounding there would part the text as well."""
    monkeypatch.setattr(row_order, "_found", {})
    monkeypatch.setattr(row_order, "_tried", lambda shape: trial)
    monkeypatch.setattr(packed_heads, "_tried", lambda shape: 1)
    packed: list[int] = []
    together = packed_heads.attend

    def counting(query: torch.Tensor, *others: object) -> torch.Tensor:
        packed.append(query.shape[1])
        return together(query, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(packed_heads, "attend", counting)
    key = torch.randn(1, 3, 100, 64).bfloat16()
    module = torch.nn.Module()
    module.num_key_value_groups = heads // 3  # type: ignore[assignment] # as transformers' own way reads it
    attention.attend(module, torch.randn(1, heads, 1, 64).bfloat16(), key, key, None)
    assert packed == ([heads] if heads // 3 >= row_order._MOST_SHARING else [])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("layout", ["odd steps between rows", "an odd beginning", "steps between numbers"])
def test_the_layout_of_keys_does_not_matter(layout: str, dtype: torch.dtype) -> None:
    query, key, value = tensors(800, dtype)
    if layout == "steps between numbers":
        laid = key.transpose(2, 3).contiguous().transpose(2, 3)
    else:
        beginning = 1 if layout == "an odd beginning" else 0
        laid = torch.cat((key, key), 3).new_empty(1, 3, 800, 65 + beginning)[..., beginning : beginning + 64]
        laid.copy_(key)
    assert laid.stride() != key.stride()
    expected = row_order.attend(query, key, value, 0.2)
    assert torch.equal(row_order.attend(query, laid, value, 0.2), expected)
