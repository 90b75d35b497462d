"""NF4 linear layers on the processor; on a graphics card bitsandbytes' own layer is used as it is.

bitsandbytes has a 4-bit kernel for processors with AVX512-BF16. It wants the weight interleaved, reads a quarter of the
bytes of 16 bit for one row, and costs that again for every further row. Many rows are therefore multiplied by
unpacking some rows of the weight at a time, from either layout.
"""

import time
from functools import cache
from typing import Any

import bitsandbytes  # noqa: F401  (registers its operators)
import torch
from bitsandbytes.functional import QuantState, dequantize_blockwise, get_4bit_type, has_avx512bf16
from bitsandbytes.nn.modules import Linear4bit, Params4bit
from torch.nn.functional import linear
from transformers import PreTrainedModel

from engine.quantization.int8.products import rows_at_once
from engine.quantization.nf4 import unpack_nf4
from engine.quantization.packing import NF4_BLOCK, is_interleavable

_GROUP = 32  # rows of the weight that are interleaved with each other
_LAST_BITS, _SIDE_BY_SIDE = 0x0F0F, 0x1001
_TRIED_SHAPE = (2048, 2048)
_TRIED_ROWS = 16
_LEAST_ROWS, _MOST_ROWS = 4, 64
_TOLERANCE = 2e-2


class Nf4Linear(torch.nn.Module):
    """x (..., in) -> (..., out) on the CPU. The model can't be saved with it: save the copy before."""

    weight: torch.Tensor
    absmax: torch.Tensor | None

    def __init__(self, weight: torch.Tensor, state: QuantState, bias: torch.Tensor | None) -> None:
        super().__init__()
        self.out_features, self.in_features = state.shape
        self.is_interleaved = kernel_works() and is_interleavable(tuple(state.shape))
        self.quant_state = None if self.is_interleaved else state
        blocks = None
        if self.is_interleaved:
            weight = interleave(weight, self.out_features, self.in_features)
            blocks = _absmax(state).view(self.out_features, -1).t().to(torch.bfloat16).contiguous()
        self.register_buffer("absmax", blocks, persistent=False)
        self.weight = torch.nn.Parameter(weight, requires_grad=False)
        self.bias = None if bias is None else torch.nn.Parameter(bias.detach(), requires_grad=False)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return the product in the format of the activations."""
        rows = states.reshape(-1, self.in_features)
        uses_kernel = self.is_interleaved and rows.dtype is torch.bfloat16 and 0 < rows.shape[0] <= kernel_rows()
        result = self._by_kernel(rows) if uses_kernel else self._by_block(rows)
        if self.bias is not None:
            result = result.add_(self.bias.to(result.dtype))
        return result.view(*states.shape[:-1], self.out_features)

    def _by_kernel(self, rows: torch.Tensor) -> torch.Tensor:
        assert self.absmax is not None
        return kernel_product(rows, self.weight, self.absmax, self.out_features)

    def _by_block(self, rows: torch.Tensor) -> torch.Tensor:
        rows = rows.detach()  # results are written in place
        step = rows_at_once(self.in_features, rows.element_size())
        if self.quant_state is not None and self.in_features % NF4_BLOCK:  # a block of values spans rows
            size = (self.out_features, self.in_features)
            return linear(rows, unpack_nf4(self.weight, _absmax(self.quant_state), size, rows.dtype))
        whole = None if self.quant_state is None else _absmax(self.quant_state).view(self.out_features, -1)
        result = rows.new_empty(rows.shape[0], self.out_features)
        for start in range(0, self.out_features, step):
            end = min(start + step, self.out_features)
            if whole is not None:
                codes, absmax = self.weight.view(self.out_features, -1)[start:end], whole[start:end]
            else:
                assert self.absmax is not None
                codes, absmax = restore(self.weight[start:end]), self.absmax[:, start:end].t().float()
            dense = unpack_nf4(codes, absmax, (end - start, self.in_features), rows.dtype)
            torch.mm(rows, dense.t(), out=result[:, start:end])
        return result

    def extra_repr(self) -> str:
        """Say the shape, as torch.nn.Linear does."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        raise RuntimeError("A finished 4-bit model can't be saved: save the quantised copy before finish().")


def replace_nf4_linears(model: PreTrainedModel) -> None:
    """Put an Nf4Linear in the place of each NF4 layer of bitsandbytes that is on the CPU."""
    for name, module in list(model.named_modules()):
        weight = getattr(module, "weight", None)
        if not isinstance(module, Linear4bit) or not isinstance(weight, Params4bit) or weight.device.type != "cpu":
            continue
        state = weight.quant_state
        # WORKAROUND bitsandbytes 0.50: its CPU layer fails on rows that are no multiple of 32 or columns of 64
        module.support_avx512bf16_for_cpu = False
        if state is None or state.quant_type != "nf4" or state.blocksize != NF4_BLOCK:
            continue
        if weight.dtype is not torch.uint8:
            continue
        new = Nf4Linear(weight.data, state, module.bias)
        new.train(module.training)
        model.set_submodule(name, new)


def interleave(codes: torch.Tensor, features: int, columns: int) -> torch.Tensor:
    """Return bitsandbytes' NF4 codes (two of one row in a byte) as its CPU kernel wants them: (features, columns / 2).

    A byte then holds the same column of two rows that are 16 apart, in groups of 32 rows.
    """
    grouped = codes.reshape(features // _GROUP, 2, _GROUP // 2, columns // 2)
    first, second = grouped[:, 0].transpose(1, 2), grouped[:, 1].transpose(1, 2)
    result = codes.new_empty(features // _GROUP, columns // 2, _GROUP // 2, 2)
    result[..., 0] = (second & 0xF0) | (first >> 4)
    result[..., 1] = (second << 4) | (first & 0x0F)
    return result.view(features, columns // 2)


def restore(interleaved: torch.Tensor) -> torch.Tensor:
    """Undo interleave() for some groups of rows: (features, columns / 2) bytes with two codes of one row each."""
    features, half = interleaved.shape
    # Even and odd columns of one row as one 16-bit number: one transposing copy, then plain arithmetic. Multiplied by
    # this factor, the last four bits of both bytes stand side by side in the upper byte.
    pairs = interleaved.view(torch.int16).view(features // _GROUP, half, _GROUP // 2).transpose(1, 2).contiguous()
    result = interleaved.new_empty(features // _GROUP, 2, _GROUP // 2, half)
    result[:, 0] = pairs.bitwise_and(_LAST_BITS).mul_(_SIDE_BY_SIDE).bitwise_right_shift_(8)
    pairs.bitwise_right_shift_(4).bitwise_and_(_LAST_BITS)
    result[:, 1] = pairs.mul_(_SIDE_BY_SIDE).bitwise_right_shift_(8)
    return result.view(features, half)


def kernel_product(rows: torch.Tensor, weight: torch.Tensor, absmax: torch.Tensor, features: int) -> torch.Tensor:
    """Return rows (M, in) bfloat16 x interleaved weight, absmax (in / 64, features) bfloat16, by the CPU kernel."""
    result = torch.ops.bitsandbytes.gemv_4bit.default(
        rows.contiguous(), weight, (features, rows.shape[1]), absmax, _code_table(), NF4_BLOCK
    )
    assert isinstance(result, torch.Tensor)
    return result


@cache
def kernel_works() -> bool:
    """Tell whether the CPU has the 4-bit kernel and whether it computes rightly; tried once per process."""
    if not has_avx512bf16():  # type: ignore[no-untyped-call]
        return False
    codes, absmax, rows = _example(64, 128, 3)
    expected = rows.float() @ unpack_nf4(codes, absmax, (64, 128), torch.float32).t()
    try:
        blocks = absmax.view(64, -1).t().to(torch.bfloat16).contiguous()
        found = kernel_product(rows, interleave(codes, 64, 128), blocks, 64)
    except (RuntimeError, NotImplementedError, OSError, AttributeError, TypeError, ValueError):
        return False
    return bool((found.float() - expected).norm() <= _TOLERANCE * expected.norm())


@cache
def kernel_rows() -> int:
    """Return up to how many rows of activations the kernel is faster than unpacking, by trying once per process."""
    features, columns = _TRIED_SHAPE
    codes, absmax, rows = _example(features, columns, _TRIED_ROWS)
    with torch.inference_mode():
        shape = torch.Size(_TRIED_SHAPE)
        state = QuantState(absmax, shape, _code_table(), NF4_BLOCK, "nf4")  # type: ignore[no-untyped-call]
        layer = Nf4Linear(codes, state, None)
        kernel = unpacking = float("inf")
        for _ in range(3):  # in turns, and the best counts
            started = time.perf_counter()
            layer._by_kernel(rows)
            between = time.perf_counter()
            layer._by_block(rows)
            kernel, unpacking = min(kernel, between - started), min(unpacking, time.perf_counter() - between)
    return min(max(int(_TRIED_ROWS * unpacking / kernel), _LEAST_ROWS), _MOST_ROWS)


def describe() -> str:
    """Say how NF4 is multiplied on this processor, as found by trying."""
    if not kernel_works():
        return "NF4 weights on the processor: unpacking by block."
    return f"NF4 weights on the processor: 4-bit kernel up to {kernel_rows()} rows, then unpacking by block."


def _example(features: int, columns: int, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(0, 256, (features * columns // 2, 1), generator=generator, dtype=torch.uint8)
    absmax = torch.rand(features * columns // NF4_BLOCK, generator=generator) + 0.1
    return codes, absmax, torch.randn(count, columns, generator=generator).bfloat16()


def _absmax(state: QuantState) -> torch.Tensor:
    """Return the largest magnitude of each block in float32, whether it is quantised itself or not."""
    absmax: torch.Tensor = state.absmax
    if state.nested:
        absmax = dequantize_blockwise(state.absmax, state.state2) + state.offset
    return absmax.float()


@cache
def _code_table() -> torch.Tensor:
    table: torch.Tensor = get_4bit_type("nf4", device="cpu")  # type: ignore[no-untyped-call]
    return table
