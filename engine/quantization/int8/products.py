"""Products of activations with INT8 weights, and the choice among them by trying: right first, then fast.

All compute activations (M, K) x weight (N, K) int8 with one scale per row of the weight -> (M, N) in the activations'
format. The activations keep their precision in every one of them: quantising those too loses what 8 bit promises
(outliers in the activations of language models are what LLM.int8() was made for).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import linear

from engine.quantization.int8.gemv import GEMV_ROWS, gemv, takes

Product = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]

# Rows of activations that are tried; a product serves up to the count it won at, unpacking all above.
_TRIED_ROWS = (1, 4, 8, 16, 64, 256)
_TRIED_SHAPE = (4096, 4096)
_ROUNDS = 5
_CPU_STEP, _DEVICE_STEP = 16, 32  # columns that the packed kernel takes at once, a byte each
_STATES_ALIGNMENT = 32  # bytes
_BUDGET_SECONDS = 1.5  # for all of it; on a busy machine the order of the candidates decides the rest
_SCRATCH_BYTES = 8 * 2**20
_LEAST_ROWS = 64  # a product of fewer is slow for each
_OUTLIER_EVERY, _OUTLIER = 97, 30.0
_DIGIT = 254  # steps of one digit in the next larger one: -127 to 127 on both sides
# Relative error against float32: formats round, and a broken kernel is off by about 1.
_TOLERANCE = {torch.float32: 1e-4, torch.float16: 4e-3, torch.bfloat16: 1.2e-2}


def packed(states: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """PyTorch's kernel for INT8 weights: reads half the bytes of 16 bit, best for few rows.

    WORKAROUND torch 2.13: the CPU kernel steps over 16 columns at a time without looking at the end of a row: other
    widths give wrong numbers, or end the process when the memory behind the weight isn't there. From four rows of
    activations on it ends the process where the weight doesn't lie as is_in_place says, and always where the
    activations don't begin at a multiple of 32 bytes.
    """
    on_cpu = states.device.type == "cpu"
    if weight.shape[1] % (_CPU_STEP if on_cpu else _DEVICE_STEP) or (on_cpu and not is_in_place(weight)):
        return blockwise(states, weight, scale)
    states = states.contiguous()  # Mamba hands over activations that lie column by column
    if on_cpu and states.data_ptr() % _STATES_ALIGNMENT:
        states = states.clone()
    return torch.ops.aten._weight_int8pack_mm(states, weight, scale)  # type: ignore[no-any-return]


def is_in_place(weight: torch.Tensor) -> bool:
    """Return whether the packed kernel can read a weight in main memory where it lies: at a multiple of 16 bytes.

    What torch allocates does. A file that is read by mapping it does or doesn't, by the length of its header.
    """
    return weight.data_ptr() % _CPU_STEP == 0


def whole(states: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Unpack the weight, then an ordinary product: the reference, and for many rows on a graphics card."""
    return linear(states, weight * scale.unsqueeze(1))


def blockwise(states: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Unpack some rows of the weight at a time into the same memory, so that it stays in the processor's cache."""
    states = states.detach()  # results are written in place
    rows = rows_at_once(weight.shape[1], states.element_size())
    scratch = states.new_empty(min(rows, weight.shape[0]), weight.shape[1])
    result = states.new_empty(states.shape[0], weight.shape[0])
    # A scaled weight is rounded once more. float16 would overflow before the result is scaled.
    scales_weight = states.dtype is torch.float16
    for start in range(0, weight.shape[0], rows):
        here = slice(start, start + rows)
        piece = weight[here]
        dense = scratch[: piece.shape[0]].copy_(piece)
        if scales_weight:
            dense.mul_(scale[here].unsqueeze(1))
        torch.mm(states, dense.t(), out=result[:, here])
    return result if scales_weight else result.mul_(scale)


def rows_at_once(columns: int, element_bytes: int) -> int:
    """Return how many rows of a weight are unpacked at once on a processor, a multiple of 64."""
    return max(_LEAST_ROWS, _SCRATCH_BYTES // (columns * element_bytes) // _LEAST_ROWS * _LEAST_ROWS)


def own_kernel(states: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Hearth's kernel for NVIDIA cards, for shapes that it takes."""
    return gemv(states, weight, scale) if takes(states, weight) else whole(states, weight, scale)


def digits(states: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Write the activations as INT8 digits, two for 16 bit and three for 32, and multiply all digits at once.

    That is the processor's integer product without the loss of INT8 activations.

    WORKAROUND torch 2.13: on processors with AMX, _int_mm of a single column leaves its result unwritten.
    """
    if weight.shape[1] == 1:
        return blockwise(states, weight, scale)
    exact = states.float()
    step = (exact.abs().amax(dim=1, keepdim=True) / 127).clamp(min=torch.finfo(torch.float32).tiny)
    rest = exact / step
    parts = []
    for _ in range(3 if states.dtype is torch.float32 else 2):
        parts.append(rest.round())
        rest = (rest - parts[-1]) * _DIGIT
    products = torch._int_mm(torch.cat(parts).to(torch.int8), weight.t()).float().view(len(parts), -1, weight.shape[0])
    result = products[0]
    for power, product in enumerate(products[1:], 1):
        result = result.add_(product, alpha=_DIGIT**-power)
    return result.mul_(step).mul_(scale).to(scale.dtype)


_UNPACKING = (blockwise, whole)


@dataclass(frozen=True)
class Rung:
    """The product for up to that many rows of activations (None: any number), by name."""

    rows: int | None
    name: str
    product: Product


@dataclass(frozen=True)
class Ladder:
    """Rungs by growing number of rows; the last one takes any number."""

    rungs: tuple[Rung, ...]

    def product_for(self, rows: int) -> Product:
        """Return the product for activations of that many rows."""
        for rung in self.rungs:
            if rung.rows is None or rows <= rung.rows:
                return rung.product
        return self.rungs[-1].product

    def found(self) -> tuple[tuple[int, str], ...]:
        """Return the rungs by name, with 0 for any number of rows."""
        return tuple((rung.rows or 0, rung.name) for rung in self.rungs)

    def describe(self) -> str:
        """Return which product serves which number of rows, for people: `packed kernel up to 8 rows, ...`."""
        parts = [rung.name if rung.rows is None else f"{rung.name} up to {rung.rows} rows" for rung in self.rungs]
        return ", then ".join(parts)


_ladders: dict[tuple[str, torch.dtype], Ladder] = {}


def ladder_for(device: torch.device, dtype: torch.dtype) -> Ladder:
    """Return the products to use on the device for activations of that type; tried once per process."""
    key = _key(device, dtype)
    if key not in _ladders:
        _ladders[key] = _try_products(device, dtype)
    return _ladders[key]


def recall(device: torch.device, dtype: torch.dtype, rungs: Sequence[tuple[int, str]]) -> bool:
    """Have ladder_for() take what Ladder.found() once told; return whether there still are such products."""
    candidates = _candidates(device, dtype)
    rows = [count for count, _ in rungs]
    if not rungs or rows[-1] or 0 in rows[:-1] or any(name not in candidates for _, name in rungs):
        return False
    kept = (Rung(count or None, name, candidates[name][0]) for count, name in rungs)
    _ladders.setdefault(_key(device, dtype), Ladder(tuple(kept)))
    return True


def is_tried(device: torch.device, dtype: torch.dtype) -> bool:
    """Return whether ladder_for() knows by now."""
    return _key(device, dtype) in _ladders


def _key(device: torch.device, dtype: torch.dtype) -> tuple[str, torch.dtype]:
    return str(device), dtype


def _candidates(device: torch.device, dtype: torch.dtype) -> dict[str, tuple[Product, range]]:
    """Return name -> product and the rows that it is the first choice for, where time was too short to try."""
    everything = range(1, 2**62)
    if device.type == "cpu":
        return {
            # vectorised for bfloat16 only
            "packed kernel": (packed, range(1, 5) if dtype is torch.bfloat16 else range(0)),
            "integer digits": (digits, range(1, 65)),
            "unpacking by block": (blockwise, everything),
        }
    if device.type == "cuda":
        own: dict[str, tuple[Product, range]] = {"own kernel": (own_kernel, range(1, GEMV_ROWS + 1))}
        return {**own, "packed kernel": (packed, range(0)), "unpacking": (whole, everything)}
    return {"packed kernel": (packed, range(1, 5)), "unpacking": (whole, everything)}


@torch.inference_mode()
def _try_products(device: torch.device, dtype: torch.dtype) -> Ladder:
    end = time.perf_counter() + _BUDGET_SECONDS
    weight, scale = _example(device, dtype)
    candidates = _right_ones(device, dtype, weight, scale)
    fastest: list[Rung] = []
    for rows in _TRIED_ROWS:
        possible = {name: item for name, item in candidates.items() if name != "own kernel" or rows <= GEMV_ROWS}
        times = dict.fromkeys(possible, float("inf"))
        states = _activations(rows, device, dtype)
        for _ in range(_ROUNDS):  # in turns, and the best counts: others use this machine too
            for name, (product, _) in possible.items():
                if time.perf_counter() < end:
                    times[name] = min(times[name], _seconds(product, states, weight, scale))
        tried = all(seconds < float("inf") for seconds in times.values())
        first = next(name for name, (_, served) in possible.items() if rows in served)
        best = min(times, key=lambda name: times[name]) if tried else first
        fastest.append(Rung(rows, best, possible[best][0]))
    # Not what a disturbed trial of the last count says: only unpacking takes no longer for more rows.
    name, unpacking = next((name, product) for name, (product, _) in candidates.items() if product in _UNPACKING)
    return Ladder(_joined([*fastest, Rung(None, name, unpacking)]))


def _right_ones(
    device: torch.device, dtype: torch.dtype, weight: torch.Tensor, scale: torch.Tensor
) -> dict[str, tuple[Product, range]]:
    """Return the candidates that exist here and agree with a float32 product; unpacking is always among them."""
    dense = weight.float() * scale.float().unsqueeze(1)
    right = {}
    for name, (product, served) in _candidates(device, dtype).items():
        agrees = product in _UNPACKING
        for rows in () if agrees else (1, 3, 40):
            states = _activations(rows, device, dtype)
            agrees = _agrees(product, states, weight, scale, linear(states.float(), dense))
            if not agrees:
                break
        if agrees:
            right[name] = (product, served)
    return right


def _agrees(
    product: Product, states: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor, expected: torch.Tensor
) -> bool:
    try:
        error = float((product(states, weight, scale).float() - expected).norm() / expected.norm())
    except (RuntimeError, NotImplementedError, OSError, ImportError, AttributeError, TypeError, ValueError):
        return False  # no such kernel here
    return error <= _TOLERANCE.get(states.dtype, min(_TOLERANCE.values()))


def _seconds(product: Product, states: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor) -> float:
    started = time.perf_counter()
    product(states, weight, scale)
    if states.device.type != "cpu":
        torch.accelerator.synchronize(states.device)
    return time.perf_counter() - started


def _joined(fastest: list[Rung]) -> tuple[Rung, ...]:
    """Join neighbours with the same product."""
    joined: list[Rung] = []
    for rung in fastest:
        if joined and joined[-1].name == rung.name:
            joined.pop()
        joined.append(rung)
    return tuple(joined)


def _example(device: torch.device, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randint(-127, 128, _TRIED_SHAPE, generator=generator, dtype=torch.int8)
    scale = torch.rand(_TRIED_SHAPE[0], generator=generator) * 1e-3 + 1e-4
    return weight.to(device), scale.to(device, dtype)


def _activations(rows: int, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    states = torch.randn(rows, _TRIED_SHAPE[1], generator=torch.Generator().manual_seed(rows))
    states[:, ::_OUTLIER_EVERY] *= _OUTLIER  # a few large columns, as language models have
    return states.to(device, dtype)
