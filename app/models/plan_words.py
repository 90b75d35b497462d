"""The words for a plan, the same in the terminal and in the window. Pure functions."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from engine.api.plan import Fit, Plan, Precision

_GIB = 2**30
_PRECISIONS = {
    Precision.FP32: "32-bit",
    Precision.BF16: "bf16",
    Precision.FP16: "fp16",
    Precision.INT8: "8-bit",
    Precision.INT4: "4-bit",
}
_LAYER = re.compile(r"(.*)\.(\d+)")
_CPU = "cpu"
# Tokens per second below which nobody waits for an answer: a word in a second.
_USABLE_SPEED = 1.5


@dataclass(frozen=True)
class ModelFit:
    """How one model on this computer suits the machine: a few words, and all of it for those who ask."""

    reference: str
    label: str
    details: str


def fit_of(plan: Plan) -> ModelFit:
    """Return what the model menu shows for a plan."""
    lines = [plan.precision_reason, plan.context_reason if plan.fit is not Fit.TOO_BIG else "", speed_text(plan)]
    return ModelFit(plan.checkpoint, fit_label(plan), "\n".join(line for line in lines if line))


def fit_label(plan: Plan) -> str:
    """Return how the model suits the machine, in two or three words."""
    if plan.device == _CPU and plan.fit is not Fit.TOO_BIG and 0 < plan.expected_tokens_per_second < _USABLE_SPEED:
        return "Slow (processor)"
    match plan.fit:
        case Fit.FITS:
            return f"Fits ({_PRECISIONS[plan.precision]})"
        case Fit.LESS_CONTEXT:
            return "Fits with less context"
        case Fit.SLOW:
            return "Slow (offload)" if plan.parts.offloaded_bytes else "Slow (processor)"
        case Fit.TOO_BIG:
            return "Too big"


def memory_rows(plan: Plan) -> list[tuple[str, str]]:
    """Return what takes how many GiB, with two digits, adding up to the digit; the last row is the sum."""
    parts = plan.parts
    library = "CUDA" if plan.device.startswith("cuda") else "libraries"
    sizes = [
        ("weights", parts.weights_bytes),
        ("conversation", parts.kv_bytes),
        ("working space", parts.working_bytes),
        (library, parts.overhead_bytes),
        ("reserve", parts.reserve_bytes),
    ]
    shown = [(words, round(100 * size / _GIB)) for words, size in sizes if size]
    total = 100 * parts.needed_bytes // _GIB
    if shown:  # the weights take the rounding, as in the planner's sentence
        shown[0] = (shown[0][0], total - sum(value for _, value in shown[1:]))
    return [*((words, f"{value / 100:.2f}") for words, value in shown), ("needed", f"{total / 100:.2f}")]


def gib(size_bytes: int) -> str:
    """Return the size in GiB, rounded down to two digits."""
    return f"{100 * size_bytes // _GIB / 100:.2f}"


def parameters_text(count: int) -> str:
    """Return a number of parameters as people say it: 135 million, 8.0 billion."""
    if count >= 10**9:
        return f"{count / 10**9:.1f} billion"
    return f"{count / 10**6:,.0f} million" if count >= 10**6 else f"{count:,}"


def speed_text(plan: Plan) -> str:
    """Return the expected speed with its reason, empty if nothing is known about it."""
    if not plan.expected_tokens_per_second or plan.fit is Fit.TOO_BIG:
        return ""
    speed = plan.expected_tokens_per_second
    shown = f"{speed:,.0f}" if speed >= 9.95 else f"{speed:.1f}"
    reason = plan.speed_reason.removeprefix("At most: ")
    return f"At most {shown} tokens per second: {reason}" if reason else f"At most {shown} tokens per second."


def device_lines(plan: Plan) -> list[str]:
    """Return what goes to which device, one line for each; empty if all goes to one."""
    by_device: dict[str, list[str]] = {}
    for module, device in plan.device_map.items():
        by_device.setdefault(device, []).append(module)
    return [f"{_modules(modules)} on {_place(device)}" for device, modules in by_device.items()]


def _place(device: str) -> str:
    return "the processor (main memory)" if device == _CPU else device


def _modules(modules: Iterable[str]) -> str:
    """Return `model.embed_tokens, layers 0-15, model.norm`."""
    words: list[str] = []
    first = last = -1
    for module in modules:
        found = _LAYER.fullmatch(module)
        if found is None:
            words.append(module)
        elif words and int(found[2]) == last + 1 and words[-1].startswith("layer"):
            last = int(found[2])
            words[-1] = f"layers {first}-{last}"
        else:
            first = last = int(found[2])
            words.append(f"layer {first}")
    return ", ".join(words)
