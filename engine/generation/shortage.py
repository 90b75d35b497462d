"""Memory that ran out while the model was in use: the numbers, the sentence, and the ways out that can help."""

from dataclasses import dataclass

import torch

from engine.api.errors import EngineError, ErrorKind, Remedy
from engine.api.plan import Plan
from engine.checkpoints.alternatives import lighter
from engine.hardware import faults
from engine.hardware.faults import Fault
from engine.planning.sizes import in_gib

_LEAST_CONTEXT_TOKENS = 2048
_MIB = 2**20


@dataclass(frozen=True)
class Shortage:
    """What was asked for at once (0: not known), what was free then, and whether it was the computer's own memory."""

    wanted_bytes: int
    free_bytes: int
    is_main_memory: bool
    details: str


class MemoryRanOut(Exception):
    """Memory was not enough, also after making room. Raised outside the except block of the library's error."""

    def __init__(self, shortage: Shortage) -> None:
        super().__init__(shortage.details)
        self.shortage = shortage


def shortage_of(error: BaseException, device: torch.device) -> Shortage | None:
    """Return the numbers if the error is about memory, else None. Holds nothing of the error."""
    if faults.fault_of(error) is not Fault.OUT_OF_MEMORY:
        return None
    in_main = device.type == "cpu" or faults.is_main_memory(error)
    free = faults.free_bytes(torch.device("cpu") if in_main else device)
    return Shortage(faults.wanted_bytes(error), free, in_main, str(error))


def out_of_memory(shortage: Shortage, plan: Plan, remedies: tuple[Remedy, ...], hint: str) -> EngineError:
    """Return the failure with its numbers."""
    place = "This computer's memory" if shortage.is_main_memory else f"The memory of {plan.device_name or plan.device}"
    free = f"{_size(shortage.free_bytes)} were free"
    numbers = f"{_size(shortage.wanted_bytes)} more were needed at once, {free}" if shortage.wanted_bytes else free
    return EngineError(
        ErrorKind.OUT_OF_MEMORY, f"{place} ran out: {numbers}.", hint, shortage.details, remedies=remedies
    )


def remedies(plan: Plan, *, is_published_packed: bool, conversation_tokens: int) -> tuple[Remedy, ...]:
    """Return the ways of loading the model that need less, gentlest first; which of them lead nowhere is sifted later.

    is_published_packed: the files hold quantised weights, which can't be made smaller. conversation_tokens has to fit
    into a smaller context.
    """
    found = [] if is_published_packed else list(lighter(plan.precision))
    smaller = max(plan.context_window // 2, _LEAST_CONTEXT_TOKENS)
    if conversation_tokens < smaller < plan.context_window:
        found.append(Remedy(label=f"Use {smaller:,} tokens of context", context_tokens=smaller))
    if plan.device != "cpu":
        found.append(Remedy(label="Use the CPU", device="cpu"))
    return tuple(found)


def _size(size_bytes: int) -> str:
    return f"{in_gib(size_bytes)} GiB" if size_bytes >= 100 * _MIB else f"{size_bytes / _MIB:.1f} MiB"
