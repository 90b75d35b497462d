"""The words for a plan, the same in the terminal and in the window. Pure functions."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from app.engine_words import said
from app.language import grouped, joined, plain, tr
from engine.api.gib import adding_up, hundredths
from engine.api.plan import Fit, Plan
from engine.api.rates import decimals

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
    lines = [
        said(plan.precision_reason),
        said(plan.context_reason) if plan.fit is not Fit.TOO_BIG else "",
        speed_text(plan),
    ]
    return ModelFit(plan.checkpoint, fit_label(plan), "\n".join(line for line in lines if line))


def fit_label(plan: Plan) -> str:
    """Return how the model suits the machine, in two or three words."""
    if plan.device == _CPU and plan.fit is not Fit.TOO_BIG and 0 < plan.expected_tokens_per_second < _USABLE_SPEED:
        return tr("Slow (processor)")
    match plan.fit:
        case Fit.FITS:
            return tr("Fits ({precision})").format(precision=plan.precision.value.upper())
        case Fit.LESS_CONTEXT:
            return tr("Fits with less context")
        case Fit.SLOW:
            return tr("Slow (offload)") if plan.parts.offloaded_bytes else tr("Slow (processor)")
        case Fit.TOO_BIG:
            return tr("Too big")


def memory_rows(plan: Plan) -> list[tuple[str, str]]:
    """Return what takes how many GiB, with two digits, adding up to the digit; the last row is the sum."""
    parts = plan.parts
    library = "CUDA" if plan.device.startswith("cuda") else tr("libraries")
    sizes = [
        (tr("weights"), parts.weights_bytes),
        (tr("conversation"), parts.kv_bytes),
        (tr("working space"), parts.working_bytes),
        (library, parts.overhead_bytes),
        (tr("reserve"), parts.reserve_bytes),
    ]
    shown = [(words, size) for words, size in sizes if size]
    # As in the planner's sentence: what doesn't fit is rounded up.
    values = adding_up([size for _, size in shown], up=plan.fit is Fit.TOO_BIG)
    rows = [(words, grouped(value / 100, 2)) for (words, _), value in zip(shown, values, strict=True)]
    return [*rows, (tr("needed"), grouped(sum(values) / 100, 2))]


def memory_elsewhere(plan: Plan) -> list[tuple[str, str]]:
    """Return how many GiB of weights wait in main memory, beside those of ``memory_rows``; empty if none do."""
    size = plan.parts.offloaded_bytes
    return [(tr("in main memory"), grouped(hundredths(size) / 100, 2))] if size else []


def memory_together(plan: Plan, draft: Plan) -> list[tuple[str, str]]:
    """Return what model and draft model take in GiB, adding up to what both need; the model's as ``memory_rows``."""
    own, both = (
        hundredths(size, up=plan.fit is Fit.TOO_BIG)
        for size in (plan.parts.needed_bytes, plan.parts.needed_bytes + plan.draft_bytes)
    )
    named = ((plan.name, own), (draft.name, both - own), (tr("needed"), both))
    return [(words, grouped(value / 100, 2)) for words, value in named]


def gib(size_bytes: int) -> str:
    """Return the size in GiB, rounded down to two digits."""
    return plain(f"{hundredths(size_bytes) / 100:.2f}")


def parameters_text(count: int) -> str:
    """Return a number of parameters as people say it: 135 million, 8.0 billion."""
    if count >= 10**9:
        return tr("{number} billion").format(number=grouped(count / 10**9, 1))
    return tr("{number} million").format(number=grouped(count / 10**6)) if count >= 10**6 else grouped(count)


def speed_text(plan: Plan) -> str:
    """Return the expected speed with its reason, empty if nothing is known about it."""
    if not plan.expected_tokens_per_second or plan.fit is Fit.TOO_BIG:
        return ""
    speed = plan.expected_tokens_per_second
    shown = grouped(speed, 0 if speed >= 9.95 else decimals(speed))
    reason = said(plan.speed_reason)
    if reason:
        return tr("At most {speed} tokens per second: {reason}").format(speed=shown, reason=reason)
    return tr("At most {speed} tokens per second.").format(speed=shown)


def device_lines(plan: Plan) -> list[str]:
    """Return what goes to which device, or what waits in main memory; empty if all goes to one."""
    others = [tr("In main memory: parts for pictures or sound, which no text needs.")] if plan.other_parts else []
    if plan.offloaded:
        return [tr("In main memory: {parts}.").format(parts=_counted(plan)), *others]
    by_device: dict[str, list[str]] = {}
    for module, device in plan.device_map.items():
        by_device.setdefault(device, []).append(module)
    return [
        tr("{parts} on {place}").format(parts=_modules(modules), place=device) for device, modules in by_device.items()
    ] + others


def _counted(plan: Plan) -> str:
    """Return `embedding table and 38 of 80 layers`: which layers those are, far from each other, tells nobody much."""
    layers = [module for module in plan.device_map if _LAYER.fullmatch(module)]
    whole = sum(1 for module in plan.offloaded if _LAYER.fullmatch(module))
    inside = tuple(f"{layer}." for layer in layers)
    experts = sum(1 for module in plan.offloaded if module.startswith(inside))
    tables = len(plan.offloaded) - whole - experts
    named = (tr("embedding tables") if tables > 1 else tr("embedding table")) if tables else ""
    waiting = whole or experts
    if not waiting:
        return named
    counted = _of_layers(waiting == len(layers), are_experts=not whole).format(number=waiting, count=len(layers))
    return tr("{tables} and {layers}").format(tables=named, layers=counted) if named else counted


def _of_layers(is_all: bool, *, are_experts: bool) -> str:
    if are_experts:
        return tr("the experts of all {count} layers") if is_all else tr("the experts of {number} of {count} layers")
    return tr("all {count} layers") if is_all else tr("{number} of {count} layers")


def _modules(modules: Iterable[str]) -> str:
    """Return `model.embed_tokens, layers 0-15, model.norm`."""
    words: list[str] = []
    first = last = -1
    for module in modules:
        found = _LAYER.fullmatch(module)
        if found is None:
            words.append(module)
            last = -1
        elif last >= 0 and int(found[2]) == last + 1:
            last = int(found[2])
            words[-1] = tr("layers {first}-{last}").format(first=first, last=last)
        else:
            first = last = int(found[2])
            words.append(tr("layer {number}").format(number=first))
    return joined(words, ", ")
