import bitsandbytes
import pytest
import torch
from torch.nn.functional import linear

from engine.quantization.int8 import products as int8_products
from engine.quantization.int8.linear import Int8Linear, describe
from engine.quantization.int8.products import Ladder, Rung, blockwise, digits, is_in_place, ladder_for, packed, whole

# Relative error that rounding explains in each format; a broken kernel is off by about 1.
BOUNDS = {torch.float32: 1e-5, torch.float16: 2e-3, torch.bfloat16: 6e-3}
CPU = torch.device("cpu")


def weights(rows: int, columns: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(rows)
    codes = torch.randint(-127, 128, (rows, columns), generator=generator, dtype=torch.int8)
    return codes, torch.rand(rows, generator=generator) * 1e-2


def activations(rows: int, columns: int) -> torch.Tensor:
    states = torch.randn(rows, columns, generator=torch.Generator().manual_seed(columns))
    states[:, ::31] *= 30  # outliers, as language models have
    return states


@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize("product", [packed, blockwise, digits, whole])
@pytest.mark.parametrize("shape", [(1, 96, 64), (3, 48, 80), (40, 2500, 2048)])
def test_each_product_is_right(product, dtype, shape) -> None:
    rows, features, columns = shape
    codes, scale = weights(features, columns)
    scale, states = scale.to(dtype), activations(rows, columns).to(dtype)
    expected = linear(states.float(), codes.float() * scale.float().unsqueeze(1))

    found = product(states, codes, scale)

    assert found.dtype is dtype
    assert float((found.float() - expected).norm() / expected.norm()) < BOUNDS[dtype]


@pytest.mark.parametrize("columns", [1, 8, 12, 15, 20, 24, 31, 33, 40, 72, 100])
def test_widths_that_the_packed_kernel_would_read_past_are_right(columns: int) -> None:
    codes, scale = weights(7, columns)
    scale, states = scale.bfloat16(), activations(2, columns).bfloat16()
    expected = linear(states.float(), codes.float() * scale.float().unsqueeze(1))
    for product in (packed, ladder_for(CPU, torch.bfloat16).product_for(2)):
        found = product(states, codes, scale)
        assert float((found.float() - expected).norm() / expected.norm()) < BOUNDS[torch.bfloat16]


def elsewhere(tensor: torch.Tensor, offset: int) -> torch.Tensor:
    """Return it as it may lie in a file that is mapped, or in a larger tensor: so many bytes behind torch's places."""
    room = torch.empty(tensor.nbytes + 64, dtype=torch.uint8)
    start = -room.data_ptr() % 64 + offset
    return room[start : start + tensor.nbytes].view(tensor.dtype).view_as(tensor).copy_(tensor)


@pytest.mark.parametrize("offset", [2, 8, 16, 24, 32])
@pytest.mark.parametrize("moved", ["weight", "activations"])
@pytest.mark.parametrize("rows", [1, 4, 5])
def test_weights_and_activations_may_lie_anywhere_in_memory(rows: int, moved: str, offset: int) -> None:
    codes, scale = weights(48, 64)
    scale, states = scale.bfloat16(), activations(rows, 64).bfloat16()
    expected = linear(states.float(), codes.float() * scale.float().unsqueeze(1))
    if moved == "weight":
        codes = elsewhere(codes, offset)
    else:
        states = elsewhere(states, offset)
    found = packed(states, codes, scale)
    assert float((found.float() - expected).norm() / expected.norm()) < BOUNDS[torch.bfloat16]


@pytest.mark.parametrize("offset", [8, 16])
def test_a_layer_moves_a_weight_that_the_packed_kernel_could_not_read(offset: int) -> None:
    codes, scale = weights(48, 64)
    read = elsewhere(codes, offset)
    layer = Int8Linear(read, scale, None, torch.bfloat16)
    assert is_in_place(layer.weight)
    assert torch.equal(layer.weight, codes)
    assert (layer.weight.data_ptr() == read.data_ptr()) == is_in_place(read), "it is copied only where it has to be"


def test_the_ladder_covers_every_number_of_rows_and_is_tried_once() -> None:
    ladder = ladder_for(CPU, torch.bfloat16)

    assert ladder is ladder_for(CPU, torch.bfloat16)
    assert [rung.rows for rung in ladder.rungs][-1] is None
    assert "INT8 weights times bfloat16 activations: " in describe(CPU, torch.bfloat16)


def test_rows_above_those_tried_are_multiplied_by_unpacking(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a trial may find anything fastest, and integer digits take twice as long for 500 rows."""

    def disturbed(product, states, weight, scale) -> float:
        return 1.0 if product is digits else 2.0

    monkeypatch.setattr(int8_products, "_seconds", disturbed)
    monkeypatch.setattr(int8_products, "_BUDGET_SECONDS", float("inf"))  # else rows may be left untried

    ladder = int8_products._try_products(CPU, torch.bfloat16)

    assert [ladder.product_for(rows) for rows in (1, 256, 257, 2000)] == [digits, digits, blockwise, blockwise]
    assert ladder.describe() == "integer digits up to 256 rows, then unpacking by block"


def test_a_rung_serves_up_to_its_rows() -> None:
    ladder = Ladder((Rung(4, "one", packed), Rung(None, "other", whole)))

    assert [ladder.product_for(rows) for rows in (1, 4, 5, 9999)] == [packed, packed, whole, whole]
    assert ladder.describe() == "one up to 4 rows, then other"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(5, 96), (2, 3, 4, 96), (0, 96)])
def test_an_int8_layer_is_close_to_the_layer_that_it_was_made_of(dtype, shape) -> None:
    torch.manual_seed(0)
    dense = torch.nn.Linear(96, 80).requires_grad_(False)
    quantised = bitsandbytes.nn.Linear8bitLt(96, 80, has_fp16_weights=False)
    quantised.load_state_dict(dense.state_dict())
    quantised = quantised.to("cpu")
    layer = Int8Linear(quantised.weight.data, quantised.weight.SCB, quantised.bias, dtype)
    states = torch.randn(shape)

    found = layer(states.to(dtype))

    assert found.dtype is dtype
    assert found.shape == (*shape[:-1], 80)
    expected = dense(states)
    assert float((found.float() - expected).norm()) <= 0.02 * float(expected.norm())


def test_an_int8_layer_saves_what_bitsandbytes_saves() -> None:
    quantised = bitsandbytes.nn.Linear8bitLt(32, 16, has_fp16_weights=False).to("cpu")
    layer = Int8Linear(quantised.weight.data, quantised.weight.SCB, quantised.bias, torch.bfloat16)

    theirs, ours = quantised.state_dict(), layer.state_dict()

    assert set(ours) == set(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("rows", [1, 3])
def test_activations_may_lie_column_by_column(rows: int) -> None:
    weight, scale = torch.randint(-127, 128, (64, 128), dtype=torch.int8), torch.rand(64).bfloat16() / 100
    states = torch.randn(128, rows + 1).bfloat16().t()[:rows]
    assert torch.equal(packed(states, weight, scale), packed(states.contiguous(), weight, scale))
