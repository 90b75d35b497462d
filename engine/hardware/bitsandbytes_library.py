"""bitsandbytes: imported once, without its messages and without its look for native code on a hub; tried on tensors."""

import functools
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from engine.hardware.faults import is_of_the_moment
from engine.hardware.reasons import one_line

_LOGGER = "bitsandbytes"
_BLOCK = 64
# NF4 of normally distributed numbers is off by 0.09 of their length; a broken kernel by about 1 or more.
_MOST_ERROR = 0.15
_MOST_PRODUCT_ERROR = 0.02
_ROWS = 20  # reading a prompt takes another kernel than writing one token
_SHAPE = (128, 256)  # (outputs, inputs) of the tried layer: a whole number of blocks, as models have it


@functools.cache
def bitsandbytes_problem() -> str:
    """Import bitsandbytes and return why that can't be done, in one line; empty if it is there.

    Tried once: a second import of a half imported library fails for another reason than the first.
    """
    with _alone() as said:
        try:
            import bitsandbytes  # noqa: F401
        except Exception as error:  # a library's import may raise whatever it likes
            return one_line(said[0] if said else error)
    return ""


def nf4_problem(device: str) -> str:
    """Quantise, restore and multiply on the device; return why that doesn't work, empty if it does.

    Raises what the libraries do if there is no room to try, or the card is lost.
    """
    if problem := bitsandbytes_problem():
        return problem
    with _alone() as said:
        try:
            return _differences(device)
        except Exception as error:  # ctypes, triton and PyTorch each raise their own
            if is_of_the_moment(error):
                raise
            return one_line(said[0] if said else error)


def _differences(device: str) -> str:
    from bitsandbytes import functional, matmul_4bit  # type: ignore[attr-defined]

    dtype = torch.bfloat16 if device == "cpu" else torch.float16
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(_SHAPE, generator=generator)
    inputs = torch.randn(_ROWS, _SHAPE[1], generator=generator)
    with torch.inference_mode():
        packed, state = functional.quantize_4bit(
            weight.to(device, dtype), blocksize=_BLOCK, quant_type="nf4", compress_statistics=True
        )
        restored = functional.dequantize_4bit(packed, state).float().cpu()
        there = inputs.to(device, dtype)
        products = [matmul_4bit(rows, packed.t(), quant_state=state).float().cpu() for rows in (there, there[:1])]
    if not _relative(restored, weight) < _MOST_ERROR:
        return "4-bit weights come back changed"
    expected = inputs @ restored.t()
    if all(_relative(product, expected[: len(product)]) < _MOST_PRODUCT_ERROR for product in products):
        return ""
    return "the product with 4-bit weights is wrong"


def _relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Return the difference's length over the expected one's; not a number counts as wrong by its comparison."""
    return float((found - expected).norm() / expected.norm())


@contextmanager
def _alone() -> Iterator[list[str]]:
    """Keep the library's log to a list of its errors, and the package `kernels` and the compiler out of its reach.

    WORKAROUND bitsandbytes 0.50.2: on import and first use it fetches native code by `kernels`, if that is installed,
    and warns if it is not (backends/cpu/ops.py, backends/mps/ops.py). It hands two functions that are not needed here
    to torch.compile (backends/default/ops.py), for which PyTorch loads its compiler: a third of the engine's start.
    """
    logger = logging.getLogger(_LOGGER)
    collected = _Errors()
    before = logger.propagate
    missing = object()
    kernels = sys.modules.get("kernels", missing)
    sys.modules["kernels"] = None  # type: ignore[assignment]
    compiles = torch.compile
    setattr(torch, "compile", _as_it_is)  # noqa: B010 - put back below
    logger.addHandler(collected)
    logger.propagate = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield collected.messages
    finally:
        setattr(torch, "compile", compiles)  # noqa: B010
        logger.propagate = before
        logger.removeHandler(collected)
        if kernels is missing:
            sys.modules.pop("kernels", None)
        else:
            sys.modules["kernels"] = kernels  # type: ignore[assignment]


def _as_it_is(function: Callable[..., object] | None = None, **_options: object) -> object:
    """Stand in for torch.compile, which is called with a function or makes a decorator."""
    return _as_it_is if function is None else function


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())
