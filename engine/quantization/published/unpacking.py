"""A weight that was published packed -> the plain one. Works in float32, a strip of rows at a time."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from engine.quantization.experts.mxfp4 import FP4_VALUES
from engine.quantization.published.forms import Form, PackedWeight

_STRIP_VALUES = 2**24
_EXPONENT_BIAS = 127.0  # scales in whole bytes are exponents of two
_WORD_BITS, _BYTE_BITS = 32, 8
_MATRIX = 2
# Where in a word AWQ keeps the first, second... of eight neighbours.
_AWQ_ORDER = (0, 4, 1, 5, 2, 6, 3, 7)
_INPUTS_FIRST = (Form.GPTQ, Form.AWQ)

Read = Callable[[str], torch.Tensor]
"""name of a tensor in the files -> the tensor, on the device where it is to be unpacked"""


@dataclass(frozen=True)
class _Grid:
    """Scales and zero points of a weight.

    row_of: which of their rows each row of numbers uses. columns: how many neighbouring numbers share one of them.
    """

    scales: torch.Tensor
    zeros: torch.Tensor | None
    row_of: torch.Tensor
    columns: int

    def apply(self, numbers: torch.Tensor, start: int) -> None:
        """Turn numbers (rows, columns), the first of them row `start` of the weight, into weights, in place."""
        rows = self.row_of[start : start + numbers.shape[0]]
        scales = self.scales[rows]
        whole = numbers.shape[1] // self.columns * self.columns
        # The last block of a row may be shorter than the others.
        for part, first, end in ((numbers[:, :whole], 0, whole // self.columns), (numbers[:, whole:], -1, None)):
            if part.shape[1]:
                here = scales[:, first:end].unsqueeze(-1)
                blocks = _parted(part, here.shape[1], -1)
                if self.zeros is not None:
                    blocks -= self.zeros[rows][:, first:end].unsqueeze(-1)
                blocks *= here


def unpack(weight: PackedWeight, read: Read, dtype: torch.dtype) -> torch.Tensor:
    """Return the plain weight in that type: (rows, columns), or (experts, rows, columns) where it was stored so.

    read: gives a stored tensor by its name. Unpacked strip by strip in float32, on the device of what was read.
    """
    stored = read(weight.numbers)
    packed = stored.view(torch.uint8) if weight.form is Form.FP4 else stored
    columns = _columns(weight, packed, read)
    per_line = _WORD_BITS // weight.bits if weight.form is Form.GPTQ else 1
    rows = packed.shape[-_MATRIX] * per_line
    lines = packed.reshape(-1, packed.shape[-1])
    height = lines.shape[0] * per_line
    grid = _grid_of(weight, read, rows, height // max(rows, 1))
    turned = weight.form in _INPUTS_FIRST
    result = torch.empty((columns, height) if turned else (height, columns), dtype=dtype, device=packed.device)
    step = max(_STRIP_VALUES // max(columns * per_line, 1), 1)
    for start in range(0, lines.shape[0], step):
        numbers = _numbers(weight, lines[start : start + step])[:, :columns]
        here = slice(start * per_line, start * per_line + numbers.shape[0])
        grid.apply(numbers, here.start)
        if turned:
            result[:, here] = numbers.t()
        else:
            result[here] = numbers
    return result if turned else result.view(*packed.shape[:-_MATRIX], rows, columns)


def _columns(weight: PackedWeight, packed: torch.Tensor, read: Read) -> int:
    width = packed.shape[-1]
    match weight.form:
        case Form.FP4:
            return width * 2
        case Form.WORDS | Form.AWQ:
            return int(read(weight.shape)[-1]) if weight.shape else width * _WORD_BITS // weight.bits
    return width


def _numbers(weight: PackedWeight, packed: torch.Tensor) -> torch.Tensor:
    """Return rows of numbers in float32, before zero points and scales."""
    match weight.form:
        case Form.GPTQ:  # a word holds neighbouring inputs, which are rows here
            return _from_words(packed.t(), weight.bits).t().float().contiguous()
        case Form.FP4:
            halves = torch.arange(256, device=packed.device)
            values = torch.tensor(FP4_VALUES, device=packed.device)
            pairs: torch.Tensor = torch.stack([values[halves & 15], values[halves >> 4]], dim=-1)
            return pairs[packed.int()].flatten(1)
        case Form.WORDS:
            # Less the offset that makes them positive: where there are no zero points, these are the numbers.
            return _from_words(packed, weight.bits).float() - (1 << weight.bits - 1)
        case Form.AWQ:
            return _in_awq_order(_from_words(packed, weight.bits)).float()
    return packed.float()


def _grid_of(weight: PackedWeight, read: Read, rows: int, matrices: int) -> _Grid:
    scales = _as_float(read(weight.scale))
    if weight.overall:
        scales = scales / read(weight.overall).float()
    high, wide = weight.block
    flat = scales.reshape(-1, scales.shape[-1]) if scales.dim() >= _MATRIX else scales.reshape(-1, 1)
    if weight.order:
        row_of = read(weight.order).long()
    else:
        row_of = torch.arange(rows, device=flat.device) // high
        per_matrix = flat.shape[0] // matrices if flat.shape[0] >= matrices and scales.dim() > _MATRIX else 0
        offsets = torch.arange(matrices, device=flat.device) * per_matrix
        row_of = (row_of.unsqueeze(0) + offsets.unsqueeze(1)).flatten()
    return _Grid(flat, _zeros(weight, read, flat.shape), row_of, wide)


def _zeros(weight: PackedWeight, read: Read, shape: torch.Size) -> torch.Tensor | None:
    if not weight.zero:
        return None
    stored = read(weight.zero)
    found: torch.Tensor
    match weight.form:
        case Form.WORDS:  # packed along the rows
            found = _from_words(stored.t(), weight.bits)[:, : shape[0]].t().float() - (1 << weight.bits - 1)
        case Form.GPTQ:  # 0 less one is kept as the largest number
            found = ((_from_words(stored, weight.bits) + weight.zero_offset) & ((1 << weight.bits) - 1)).float()
        case Form.AWQ:
            found = _in_awq_order(_from_words(stored, weight.bits)).float()
        case _:
            found = stored.float()
    return found.reshape(shape)


def _as_float(scales: torch.Tensor) -> torch.Tensor:
    values: torch.Tensor = scales.float()
    return torch.exp2(values - _EXPONENT_BIAS) if scales.dtype == torch.uint8 else values


def _from_words(words: torch.Tensor, bits: int) -> torch.Tensor:
    """Return the positive numbers of a few bits that lie in each row of words, the first in the lowest bits."""
    # No number goes over the end of a byte.
    parts = words.reshape(-1).view(torch.uint8).view(words.shape[0], -1)
    shifts = torch.arange(0, _BYTE_BITS, bits, dtype=torch.uint8, device=words.device)
    return ((parts.unsqueeze(-1) >> shifts) & ((1 << bits) - 1)).flatten(1)


def _in_awq_order(numbers: torch.Tensor) -> torch.Tensor:
    return _parted(numbers, -1, len(_AWQ_ORDER))[..., list(_AWQ_ORDER)].flatten(1)


def _parted(rows: torch.Tensor, parts: int, length: int) -> torch.Tensor:
    """Return a view of rows that are cut into parts of a length."""
    view: torch.Tensor = rows.unflatten(1, (parts, length))  # type: ignore[no-untyped-call]
    return view
