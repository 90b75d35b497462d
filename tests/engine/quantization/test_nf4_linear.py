import pytest
import torch
from bitsandbytes.functional import _convert_weight_packed_for_cpu, dequantize_blockwise, quantize_4bit
from torch.nn.functional import linear

from engine.quantization.nf4 import unpack_nf4
from engine.quantization.nf4_linear import Nf4Linear, interleave, kernel_rows, kernel_works, restore


def original(features: int, columns: int) -> torch.Tensor:
    return torch.randn(features, columns, generator=torch.Generator().manual_seed(columns)) * 0.02


def absmax_of(state) -> torch.Tensor:
    return dequantize_blockwise(state.absmax, state.state2) + state.offset


def quantised(features: int, columns: int):
    return quantize_4bit(original(features, columns).bfloat16(), quant_type="nf4", compress_statistics=True)


def test_interleaving_is_what_the_kernel_wants_and_can_be_undone() -> None:
    codes, state = quantised(96, 192)

    mine = interleave(codes, 96, 192)

    assert torch.equal(restore(mine).reshape(-1), codes.reshape(-1))
    assert torch.equal(mine, _convert_weight_packed_for_cpu(codes.clone(), state)[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rows", [1, 3, 200])
@pytest.mark.parametrize("shape", [(64, 128), (48, 96), (33, 46), (2080, 2112)])
def test_every_shape_is_multiplied_rightly(dtype, rows, shape) -> None:
    codes, state = quantised(*shape)
    dense = unpack_nf4(codes, absmax_of(state), shape, torch.float32)
    assert float((dense - original(*shape)).norm() / original(*shape).norm()) < 0.11
    bias = torch.randn(shape[0])
    states = torch.randn(rows, shape[1]).to(dtype)

    found = Nf4Linear(codes, state, bias)(states)

    expected = linear(states.float(), dense, bias)
    assert found.dtype is dtype
    assert float((found.float() - expected).norm() / expected.norm()) < 8e-3


def test_kernel_and_unpacking_agree() -> None:
    if not kernel_works():
        pytest.skip("this processor has no 4-bit kernel")
    codes, state = quantised(128, 256)
    layer = Nf4Linear(codes, state, None)
    states = torch.randn(5, 256).bfloat16()

    difference = (layer._by_kernel(states) - layer._by_block(states)).float().norm()

    assert layer.is_interleaved
    assert float(difference / layer._by_block(states).float().norm()) < 8e-3
    assert kernel_rows() >= 1


def test_a_finished_layer_refuses_to_be_saved() -> None:
    with pytest.raises(RuntimeError, match="before finish"):
        Nf4Linear(*quantised(64, 64), None).state_dict()
