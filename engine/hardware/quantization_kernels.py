"""Which products with quantised weights really work here: each one is tried on tiny tensors and compared."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch

from engine.hardware.bitsandbytes_library import bitsandbytes_problem, nf4_problem
from engine.hardware.faults import Fault, fault_of, is_of_the_moment
from engine.hardware.reasons import one_line

_SHAPE = (64, 96)  # (outputs, inputs): multiples of 32, as the packed product wants them
_ROWS = 3
_MOST_ERROR = 0.02  # bfloat16 alone is off by about 0.003


@dataclass(frozen=True)
class QuantizationFindings:
    """Names such as `cpu int8` and `cuda nf4`, and why what should have worked doesn't (empty if all does)."""

    kernels: tuple[str, ...]
    problem: str
    is_lasting: bool = True  # False if there was no room to try, or the card was lost meanwhile


def working_quantization_kernels(devices: tuple[str, ...]) -> QuantizationFindings:
    """Try INT8 and NF4 on `cpu`, `mps` and `cuda:0`, `cuda:1` ...; several cards have what works on each of them."""
    if problem := bitsandbytes_problem():  # it packs the weights for both, whoever multiplies
        return QuantizationFindings((), f"bitsandbytes: {problem}")
    names, problems = [], []
    is_lasting = True
    for kind in dict.fromkeys(device.partition(":")[0] for device in devices):
        for name, trial in _trials(kind):
            try:
                found = [trial(device) for device in devices if device.partition(":")[0] == kind]
            except (RuntimeError, MemoryError) as error:
                full = fault_of(error) is Fault.OUT_OF_MEMORY
                found, is_lasting = ["there is no memory left to try it" if full else one_line(error)], False
            failed = next((problem for problem in found if problem), "")
            if failed:
                problems.append(f"{kind} {name}: {failed}")
            else:
                names.append(f"{kind} {name}")
    return QuantizationFindings(tuple(names), "; ".join(problems), is_lasting)


def _trials(kind: str) -> tuple[tuple[str, Callable[[str], str]], ...]:
    # bitsandbytes has 4-bit kernels for Apple's GPU only from a hub.
    return (("int8", _int8),) if kind == "mps" else (("int8", _int8), ("nf4", _nf4))


@functools.cache
def _int8(device: str) -> str:
    """Return why INT8 weights can't be multiplied with there; empty if the packed or the plain product is right."""
    reasons = [_reason(product, device) for product in (_packed_product, _plain_product)]
    return "" if "" in reasons else reasons[-1]


@functools.cache
def _nf4(device: str) -> str:
    return nf4_problem(device)


def _reason(product: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor], device: str) -> str:
    dtype = torch.bfloat16 if device == "cpu" else torch.float16
    generator = torch.Generator().manual_seed(0)
    weight = torch.randint(-127, 128, _SHAPE, generator=generator, dtype=torch.int8)
    scales = (torch.rand(_SHAPE[0], generator=generator) + 0.5) / 1000
    inputs = torch.randn(_ROWS, _SHAPE[1], generator=generator)
    expected = inputs @ (weight.float() * scales[:, None]).t()
    try:
        with torch.inference_mode():
            found = product(inputs.to(device, dtype), weight.to(device), scales.to(device, dtype)).float().cpu()
    except Exception as error:  # a PyTorch without the device or the operator raises what it likes
        if is_of_the_moment(error):
            raise
        return one_line(error)
    # Not a number compares as wrong.
    return "" if float((found - expected).norm() / expected.norm()) < _MOST_ERROR else "the product is wrong"


def _packed_product(inputs: torch.Tensor, weight: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    return torch.ops.aten._weight_int8pack_mm(inputs, weight, scales)  # type: ignore[no-any-return]


def _plain_product(inputs: torch.Tensor, weight: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.linear(inputs, weight.to(inputs.dtype)) * scales
