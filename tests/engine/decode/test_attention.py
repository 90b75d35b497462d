"""Attention of few queries: packed heads and a conversation in pieces give what PyTorch's own kernel gives."""

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import NamedTuple, cast

import pytest
import torch
from torch.nn import functional
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from engine.decode import attention, chunk_attention, packed_heads, split_attention


class Layer(torch.nn.Module):
    """What attention asks of its module."""

    is_causal = True

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.num_key_value_groups = groups


class Case(NamedTuple):
    heads: int
    key_heads: int
    queries: int = 1
    reach: int = 256
    valid: int = 200
    window: int = 10_000
    value_width: int = 16


def tensors(case: Case, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(0)
    query = torch.randn(1, case.heads, case.queries, 16, dtype=dtype)
    key = torch.randn(1, case.key_heads, case.reach + 64, 16, dtype=dtype)[:, :, : case.reach]
    value = torch.randn(1, case.key_heads, case.reach + 64, case.value_width, dtype=dtype)[:, :, : case.reach]
    last = torch.arange(case.valid - case.queries, case.valid).unsqueeze(1)
    place = torch.arange(case.reach)
    mask = (place <= last) & (place > last - case.window)
    return query, key, value, mask.view(1, 1, case.queries, case.reach)


CASES = [
    Case(4, 2), Case(8, 1), Case(4, 4), Case(9, 3, valid=3), Case(4, 2, queries=5), Case(6, 2, queries=16, valid=256),
    Case(4, 2, window=20), Case(8, 2, valid=1), Case(4, 2, value_width=8),
]  # fmt: skip


# PyTorch's kernel for a CPU knows one width only.
@pytest.mark.parametrize("case", [case for case in CASES if case.value_width == 16], ids=str)
@pytest.mark.parametrize("pieces", [1, 2, 8])
def test_pieces_put_together_are_the_whole(case: Case, pieces: int) -> None:
    query, key, value, mask = tensors(case)
    expected, _ = sdpa_attention_forward(Layer(case.heads // case.key_heads), query, key, value, mask, scaling=0.3)
    found = split_attention.attend(query, key, value, mask, 0.3, pieces)
    torch.testing.assert_close(found.transpose(1, 2), expected, rtol=1e-5, atol=1e-5)


def test_what_is_made_of_a_mask_is_made_once_for_all_layers_of_a_step() -> None:
    _, _, _, mask = tensors(Case(8, 2))
    with split_attention.of_fixed_step():
        first = split_attention._bias_of(mask, torch.float32, 2, 4)
        assert split_attention._bias_of(mask, torch.float32, 2, 4) is first
    assert split_attention._bias_of(mask, torch.float32, 2, 4) is not first, "another step has another mask"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("repeats", [1, 2])
@pytest.mark.parametrize("case", [case for case in CASES if case.queries == 1], ids=str)
def test_packed_heads_attend_as_by_themselves(case: Case, repeats: int, dtype: torch.dtype) -> None:
    query, key, value, mask = tensors(case, dtype)
    layer = Layer(case.heads // case.key_heads)
    tolerance = 1e-5 if dtype == torch.float32 else 0.03
    masks = mask & (torch.rand(1, case.heads, 1, case.reach) > 0.3)
    masks[..., 0] = True  # each head sees something
    for seen in (mask, masks, None):
        expected, _ = sdpa_attention_forward(layer, query, key, value, seen, scaling=0.25)
        packed = packed_heads.attend(query, key, value, seen, 0.25, repeats)
        found, _ = attention.attend(layer, query, key, value, seen, scaling=0.25)
        for each in (packed, found):
            assert each.shape == expected.shape
            assert each.is_contiguous(), "as transformers' own: JetMoE takes a view of it"
            torch.testing.assert_close(each, expected, rtol=tolerance, atol=tolerance)


def test_a_mask_for_each_head_is_packed_with_its_head() -> None:
    query, key, value, mask = tensors(Case(8, 2))
    masks = mask & (torch.rand(1, 8, 1, 256) > 0.3)
    expected, _ = sdpa_attention_forward(Layer(4), query, key, value, masks)
    found, _ = attention.attend(Layer(4), query, key, value, masks)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("least_gain", [0.0, 1e9])
@pytest.mark.parametrize(("key_heads", "repeats"), [(12, 2), (6, 1), (4, 1)])
def test_few_heads_are_packed_in_16_bit_where_that_was_tried_and_pays(
    key_heads: int, repeats: int, least_gain: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []
    run = packed_heads._tried
    monkeypatch.setattr(packed_heads, "_chosen", {})
    monkeypatch.setattr(packed_heads, "_LEAST_GAIN", least_gain)
    monkeypatch.setattr(packed_heads, "_tried", lambda shape: tried.append(shape) or run(shape))
    query, key, value, _ = tensors(Case(12, key_heads), torch.bfloat16)
    for _ in range(3):
        assert packed_heads.repeats_for(query, key, value) == (0 if least_gain else repeats)
    assert tried == [(torch.bfloat16, 12, key_heads, 16, 16)]


def test_what_is_known_of_packing_heads_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_heads, "_tried", None)
    for case, dtype, repeats in (
        (Case(8, 2), torch.bfloat16, 1),
        (Case(4, 2), torch.float32, 1),
        (Case(4, 4), torch.float32, 0),
        (Case(8, 2, queries=5), torch.bfloat16, 0),
    ):
        query, key, value, _ = tensors(case, dtype)
        assert packed_heads.repeats_for(query, key, value) == repeats


def test_what_hearth_is_compared_with_attends_as_transformers_does(monkeypatch: pytest.MonkeyPatch) -> None:
    attention.prepare(torch.device("cpu"))
    interface = AttentionInterface()
    monkeypatch.setattr(packed_heads, "attend", None)  # would fail
    query, key, value, _ = tensors(Case(8, 2))
    with attention.left_to_transformers():
        interface["sdpa"](Layer(4), query, key, value, None)
        assert attention._SHARED_KEYS not in attention.os.environ
    assert interface["sdpa"] is attention.attend
    assert attention.os.environ[attention._SHARED_KEYS] == "1"


def test_a_scale_that_is_a_whole_number_counts() -> None:
    for case in (Case(8, 2), Case(4, 2, 40, 256, 256)):
        query, key, value, mask = tensors(case)
        layer = Layer(case.heads // case.key_heads)
        expected, _ = sdpa_attention_forward(layer, query, key, value, mask, scaling=1)
        found, _ = attention.attend(layer, query, key, value, mask, scaling=1)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_what_is_not_looked_at_here_goes_on_to_transformers() -> None:
    query, key, value, mask = tensors(Case(8, 2))
    bias = torch.randn(1, 8, 1, 256)
    expected, _ = sdpa_attention_forward(Layer(4), query, key, value, mask, position_bias=bias)
    found, _ = attention.attend(Layer(4), query, key, value, mask, position_bias=bias)
    torch.testing.assert_close(found, expected)
    try:
        expected, _ = sdpa_attention_forward(Layer(4), query, key, value, mask, softcap=5.0)
    except ValueError as refused:
        with pytest.raises(ValueError, match=re.escape(str(refused))):
            attention.attend(Layer(4), query, key, value, mask, softcap=5.0)
    else:  # transformers 5.17 looks away
        torch.testing.assert_close(attention.attend(Layer(4), query, key, value, mask, softcap=5.0)[0], expected)


def test_a_device_that_misreads_causal_is_given_a_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[torch.Tensor | None] = []

    def own(module: Layer, *tensors: torch.Tensor, **options: object) -> tuple[torch.Tensor, None]:
        given.append(tensors[3])
        return sdpa_attention_forward(module, *tensors, **options)

    query, key, value, _ = tensors(Case(4, 4, queries=64, reach=64, valid=64))
    expected, _ = sdpa_attention_forward(Layer(1), query, key, value, None)
    both_ways, _ = sdpa_attention_forward(Layer(1), query, key, value, None, is_causal=False)
    monkeypatch.setattr(attention, "_NEED_A_MASK", frozenset({"cpu"}))
    monkeypatch.setattr(attention, "_transformers_own", own)
    found, _ = attention.attend(Layer(1), query, key, value, None)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    found, _ = attention.attend(Layer(1), query, key, value, None, is_causal=False)
    torch.testing.assert_close(found, both_ways, rtol=1e-5, atol=1e-5)
    attention.attend(Layer(1), query[:, :, :1], key, value, None)
    assert [mask is not None for mask in given] == [True, False, False]


@pytest.mark.parametrize("has_flash", [True, False])
@pytest.mark.parametrize("is_causal", [None, False])
def test_without_the_flash_kernel_each_head_gets_its_own_keys(
    has_flash: bool, is_causal: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below compute capability 8.0 PyTorch computes all scores of all heads at once where heads are to share keys."""
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(1, heads, 33, 16, generator=generator) for heads in (8, 2, 2))
    given: list[int] = []
    kernel = functional.scaled_dot_product_attention

    def counting(query: torch.Tensor, key: torch.Tensor, *others: object, **options: object) -> torch.Tensor:
        given.append(key.shape[1])
        return kernel(query, key, *others, **options)  # type: ignore[arg-type]

    layer = Layer(4)
    expected, _ = attention._transformers_own(layer, query, key, value, None, is_causal=is_causal)
    monkeypatch.setattr(attention, "_CARDS", frozenset({"cpu"}))
    monkeypatch.setattr(chunk_attention, "shares_keys", lambda *_: has_flash)
    monkeypatch.setattr(functional, "scaled_dot_product_attention", counting)
    found, _ = attention.attend(layer, query, key, value, None, is_causal=is_causal)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert given == [2 if has_flash else 8]


def test_only_steps_of_fixed_shape_on_a_card_are_cut() -> None:
    query, key, _, mask = tensors(Case(8, 2))
    with split_attention.of_fixed_step():
        assert not split_attention.applies(query, key, mask)
    assert not split_attention.applies(query, key, mask)


CHUNKS = [Case(4, 2, 40, 256, 256), Case(9, 3, 64, 70, 70), Case(4, 4, 100, 101, 101), Case(8, 1, 33, 200, 200)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("case", CHUNKS, ids=str)
def test_a_chunk_without_a_mask_attends_as_behind_one(case: Case, dtype: torch.dtype) -> None:
    query, key, value, mask = tensors(case, dtype)
    assert chunk_attention.applies(query, key, value, mask)
    layer = Layer(case.heads // case.key_heads)
    expected, _ = sdpa_attention_forward(layer, query, key, value, mask, scaling=0.3)
    found, _ = attention.attend(layer, query, key, value, mask, scaling=0.3)
    assert found.shape == expected.shape
    tolerance = 1e-5 if dtype == torch.float32 else 0.03
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    "case",
    [Case(4, 2, 40, 256, 250), Case(4, 2, 40, 256, 256, window=100), Case(4, 2, 16, 256, 256), Case(4, 2, 64, 64, 64)],
    ids=["not the last positions", "a window", "few queries", "nothing before"],
)
def test_what_a_mask_says_beyond_not_looking_ahead_is_kept(case: Case) -> None:
    query, key, value, mask = tensors(case)
    assert not chunk_attention.applies(query, key, value, mask)
    layer = Layer(2)
    expected, _ = sdpa_attention_forward(layer, query, key, value, mask)
    found, _ = attention.attend(layer, query, key, value, mask)
    torch.testing.assert_close(found, expected)


def test_a_mask_is_looked_at_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk_attention, "CHECKED_AT_ONCE", 256)
    compared: list[int] = []
    equal = torch.equal

    def counted(one: torch.Tensor, other: torch.Tensor) -> bool:
        compared.append(one.numel())
        return equal(one, other)

    monkeypatch.setattr(torch, "equal", counted)
    query, key, value, mask = tensors(Case(4, 2, 40, 101, 101))
    assert chunk_attention.applies(query, key, value, mask)
    assert sum(compared) == mask.numel()
    assert max(compared) <= 256
    for row in (0, 20, 39):
        other = mask.clone()
        other[0, 0, row, 30] = False
        assert not chunk_attention.applies(query, key, value, other)


def test_a_card_goes_without_the_mask_for_a_few_queries_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk_attention, "_works", lambda *_: True)
    monkeypatch.setattr(chunk_attention, "_is_causal", lambda _: True)
    taken = {}
    for count in (1, 2, 31):
        query, key, value, mask = tensors(Case(8, 2, count))
        on_card = SimpleNamespace(device=torch.device("cuda"), shape=query.shape, dtype=query.dtype)
        taken[count] = chunk_attention.applies(cast("torch.Tensor", on_card), key, value, mask)
    assert taken == {1: False, 2: True, 31: True}


def test_a_step_of_fixed_shape_looks_at_no_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    query, key, value, mask = tensors(CHUNKS[0])
    monkeypatch.setattr(chunk_attention, "applies", lambda *_: pytest.fail("looked at the mask"))
    with split_attention.of_fixed_step():
        attention.attend(Layer(2), query, key, value, mask)


@pytest.mark.parametrize("has_flash", [True, False])
def test_a_card_without_the_flash_kernel_is_given_keys_for_each_query_head(
    has_flash: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, object] = {}

    def kernel(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, **options: object) -> torch.Tensor:
        given.update(options, heads=key.shape[1])
        return query

    monkeypatch.setattr(chunk_attention, "shares_keys", lambda *_: has_flash)
    monkeypatch.setattr(chunk_attention.functional, "scaled_dot_product_attention", kernel)
    query, key, value, _ = (tensor.to("meta") for tensor in tensors(Case(8, 2, 40)))
    chunk_attention.attend(query, key, value, 0.3)
    assert given["heads"] == (2 if has_flash else 8)
    assert given["enable_gqa"] is has_flash  # without the kernel it would mean all scores of all heads at once


def test_a_card_is_kept_from_the_kernel_that_plans_for_each_length(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.backends.cuda.cudnn_sdp_enabled()
    monkeypatch.delenv(attention._SHARED_KEYS, raising=False)
    try:
        attention.prepare(torch.device("cuda", 0))
        assert not torch.backends.cuda.cudnn_sdp_enabled()
        with attention.left_to_transformers():
            assert torch.backends.cuda.cudnn_sdp_enabled()
        assert not torch.backends.cuda.cudnn_sdp_enabled()
        assert torch.backends.cuda.flash_sdp_enabled()
        assert torch.backends.cuda.mem_efficient_sdp_enabled()
    finally:
        torch.backends.cuda.enable_cudnn_sdp(before)


@pytest.mark.parametrize(("base", "pieces"), [(1.0, 2), (1.4427, 1)], ids=["natural", "of base 2"])
def test_pieces_are_taken_only_where_the_kernel_tells_the_sums_as_expected(
    base: float, pieces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    attended = split_attention._attended

    def told(*arguments: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found, sums = attended(*arguments)
        return found, sums * base

    def seconds(work: Callable[[], object], device: torch.device) -> float:
        order.append(device)
        return 1.0 / len(order)  # cut, which is tried last, takes less

    order: list[torch.device] = []
    card = SimpleNamespace(multi_processor_count=132)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: card)
    monkeypatch.setattr(split_attention, "_attended", told)
    monkeypatch.setattr(split_attention, "_seconds", seconds)
    query, key, _, mask = tensors(Case(4, 2, reach=512, valid=400))
    assert split_attention._fastest(query, key, mask) == pieces
