"""(hardware, checkpoint, wishes) -> Plan: precision, devices and context window, each with its reason. Pure.

The ladder: 16 bit, 8 bit, 4 bit, a smaller context, main memory (offload, or the processor alone), refusal.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from engine.api.errors import EngineError, ErrorKind
from engine.api.hardware import Hardware
from engine.api.plan import Fit, KvLayout, Plan, Precision, PrecisionChoice
from engine.planning.facts import CheckpointFacts
from engine.planning.memory import kv_bytes_per_token
from engine.planning.placement import Placement, Shape, place
from engine.planning.reasons import LABELS, WORDS, arithmetic, context_reason, gib, names
from engine.planning.sizes import GIB
from engine.planning.speed import comparable, expected_tokens_per_second, speed_reason
from engine.planning.targets import DeviceKind, Target, processor, targets_of
from engine.planning.weights import ELEMENT_BYTES, weight_bytes

DEFAULT_CONTEXT_TOKENS = 8192
MINIMUM_CONTEXT_TOKENS = 2048
SMALL_FLOAT32_BYTES = GIB
_CHUNKS = (2048, 512, 128)
# Attention that keeps a number for each pair of positions grows with the chunk: long ones buy little for much memory.
_MATRIX_CHUNKS = (512, 128)
_PACKED = (Precision.INT8, Precision.INT4)
_COMPUTE_DTYPES = {"float16": Precision.FP16, "bfloat16": Precision.BF16}
_KERNELS = {Precision.INT8: "int8", Precision.INT4: "nf4"}


@dataclass(frozen=True)
class Wishes:
    """What the user decided; None and AUTO leave it to the planner."""

    context_tokens: int | None = None
    precision: PrecisionChoice = PrecisionChoice.AUTO
    device: str = "auto"


@dataclass(frozen=True)
class _Rung:
    """One way of loading that fits: how, where, and with what window."""

    shape: Shape
    targets: tuple[Target, ...]
    placement: Placement
    window: int


def plan(hardware: Hardware, facts: CheckpointFacts, wishes: Wishes) -> Plan:
    """Return how to load the checkpoint on this hardware; fit TOO_BIG with the arithmetic if nothing goes.

    Raises EngineError: INVALID_COMMAND for a device that isn't there, PRECISION_UNAVAILABLE for a precision whose
    kernels don't work here.
    """
    targets = targets_of(hardware, wishes.device)
    window = min(wishes.context_tokens or DEFAULT_CONTEXT_TOKENS, facts.maximum_context or 10**12)
    precisions = _ladder(hardware, facts, targets[0], wishes.precision)
    found = next(_fitting(facts, precisions, targets, window), None)
    if found is not None:
        return _plan(facts, wishes, found, Fit.FITS, _reason(facts, wishes, precisions, found, targets))
    smaller = _less_context(facts, precisions[-1], targets, window)
    if smaller is not None:
        return _plan(facts, wishes, smaller, Fit.LESS_CONTEXT, _reason(facts, wishes, precisions, smaller, targets))
    slow = _slow(hardware, facts, wishes, targets, window)
    why = _too_big(facts, precisions, targets, window)
    if slow is not None:
        where = "the processor alone" if slow.targets[0].kind is DeviceKind.CPU else "main memory as well"
        sums = arithmetic(slow.placement.parts, slow.window, slow.targets)
        moved = f", and {gib(slow.placement.parts.offloaded_bytes)} GiB in main memory"
        moved = moved if slow.placement.parts.offloaded_bytes else ""
        label = LABELS[slow.shape.precision]
        return _plan(facts, wishes, slow, Fit.SLOW, f"{label} with {where}, which is slow: {why} {sums}{moved}.")
    return _refused(facts, precisions[-1], targets, window, why)


def refusal(refused: Plan) -> EngineError:
    """Return the error for a plan that is TOO_BIG."""
    return EngineError(
        ErrorKind.OUT_OF_MEMORY,
        f"{refused.name} does not fit: {refused.precision_reason}",
        "Close other programs, or choose a smaller model.",
    )


def compute_format(facts: CheckpointFacts, target: Target, precision: Precision) -> Precision:
    """Return what activations and KV are kept in when weights are in the precision."""
    if facts.published is not None and facts.published.compute_dtype in _COMPUTE_DTYPES:
        return _COMPUTE_DTYPES[facts.published.compute_dtype]
    if precision not in _PACKED:
        return precision
    if target.kind is DeviceKind.CPU and not target.computes_bf16:
        return Precision.FP32
    return Precision.BF16 if target.computes_bf16 else Precision.FP16


def _ladder(
    hardware: Hardware, facts: CheckpointFacts, target: Target, choice: PrecisionChoice
) -> tuple[Precision, ...]:
    """Precisions to try, best first; never empty."""
    if facts.published is not None and not facts.published.unpacked:
        return (facts.published.precision,)
    full = _sixteen_bit(target)
    if facts.published is not None:
        return (full,)
    if choice is PrecisionChoice.AUTO:
        first = _full_precisions(facts, target, full)
        return (*first, *(one for one in _PACKED if facts.packs and _works(hardware, target, one)))
    wanted = Precision(choice.value)
    if wanted in _PACKED:
        if not _works(hardware, target, wanted):
            raise _unavailable(wanted, target, hardware)
        return (wanted,)
    return (full if wanted is Precision.BF16 and target.kind is DeviceKind.CUDA else wanted,)


def _sixteen_bit(target: Target) -> Precision:
    return Precision.FP16 if target.kind is DeviceKind.CUDA and not target.computes_bf16 else Precision.BF16


def _full_precisions(facts: CheckpointFacts, target: Target, sixteen: Precision) -> tuple[Precision, ...]:
    """A processor without BF16 instructions answers 2 and reads 5 times slower with it than with FP32 (measured)."""
    small = facts.published_dtype == "F32" and facts.published_bytes < SMALL_FLOAT32_BYTES
    if target.kind is DeviceKind.CPU and (small or not target.computes_bf16):
        return (Precision.FP32, sixteen)
    return (sixteen,)


def _works(hardware: Hardware, target: Target, precision: Precision) -> bool:
    return f"{target.kind.value} {_KERNELS[precision]}" in hardware.quantization_kernels


def _unavailable(precision: Precision, target: Target, hardware: Hardware) -> EngineError:
    missing = "bitsandbytes" not in hardware.versions
    return EngineError(
        ErrorKind.PRECISION_UNAVAILABLE,
        f"{LABELS[precision]} does not work on {target.name} here"
        + (", as the package bitsandbytes is not installed." if missing else "."),
        "Install it (pip install bitsandbytes), or choose auto." if missing else "Choose auto or bf16.",
    )


def _fitting(
    facts: CheckpointFacts, precisions: tuple[Precision, ...], targets: tuple[Target, ...], window: int
) -> Iterator[_Rung]:
    """Yield what fits with the whole window, best first: precision before device count before comfort."""
    for precision in precisions:
        for used in _spreads(targets):
            for shape in _shapes(facts, precision, used[0], window):
                placement = place(facts, shape, used, window)
                if placement is not None:
                    yield _Rung(shape, used, placement, window)


def _spreads(targets: tuple[Target, ...]) -> tuple[tuple[Target, ...], ...]:
    """One card if it fits, else all of them."""
    return (targets[:1], targets) if len(targets) > 1 else (targets,)


def _shapes(facts: CheckpointFacts, precision: Precision, target: Target, window: int) -> Iterator[Shape]:
    compute = compute_format(facts, target, precision)
    windows = any(layer.window is not None and layer.window < window for layer in facts.layers)
    for layout in (KvLayout.FULL, KvLayout.WINDOWED) if windows else (KvLayout.FULL,):
        for chunk in _MATRIX_CHUNKS if facts.dimensions.keeps_attention_matrix else _CHUNKS:
            yield Shape(precision, compute, layout, chunk)


def _less_context(
    facts: CheckpointFacts, precision: Precision, targets: tuple[Target, ...], window: int
) -> _Rung | None:
    """Return the longest window that fits in the precision, if that is at least the smallest useful one."""
    best: _Rung | None = None
    for used in _spreads(targets):
        for shape in _shapes(facts, precision, used[0], window):
            low, high = min(MINIMUM_CONTEXT_TOKENS, window), window
            if place(facts, shape, used, low) is None:
                continue
            while low < high:
                middle = (low + high + 1) // 2
                low, high = (middle, high) if place(facts, shape, used, middle) is not None else (low, middle - 1)
            placement = place(facts, shape, used, low)
            if placement is not None and (best is None or low > best.window):
                best = _Rung(shape, used, placement, low)
    return best


def _slow(
    hardware: Hardware, facts: CheckpointFacts, wishes: Wishes, targets: tuple[Target, ...], window: int
) -> _Rung | None:
    """Return the faster of card with main memory and processor alone, with whichever precision it goes; or None."""
    if targets[0].kind is not DeviceKind.CUDA:
        return None
    ram = processor(hardware)
    window = min(window, MINIMUM_CONTEXT_TOKENS * 2)
    packed_as_published = facts.published is not None and not facts.published.unpacked
    candidates: list[_Rung] = []
    if wishes.precision not in (PrecisionChoice.INT8, PrecisionChoice.INT4) and not packed_as_published:
        shape = Shape(_sixteen_bit(targets[0]), _sixteen_bit(targets[0]), chunk_tokens=_CHUNKS[-1])
        placement = place(facts, shape, targets[:1], window, spare_bytes=max(ram.room_bytes, 1))
        if placement is not None:
            candidates.append(_Rung(shape, targets[:1], placement, window))
    if wishes.device == "auto" and not packed_as_published:
        precisions = _ladder(hardware, facts, ram, wishes.precision)
        candidates += _fitting(facts, precisions, (ram,), window)
    return max(candidates, key=lambda rung: _comparable_speed(facts, rung), default=None)


def _comparable_speed(facts: CheckpointFacts, rung: _Rung) -> float:
    targets = tuple(comparable(target) for target in rung.targets)
    return expected_tokens_per_second(facts, rung.shape, targets, rung.placement, rung.window)


def _reason(
    facts: CheckpointFacts,
    wishes: Wishes,
    precisions: tuple[Precision, ...],
    found: _Rung,
    targets: tuple[Target, ...],
) -> str:
    precision = found.shape.precision
    label = LABELS[precision]
    sums = arithmetic(found.placement.parts, found.window, found.targets)
    if facts.published is not None:
        how = "unpacked from" if facts.published.unpacked else "as published in"
        return f"{label}, {how} {facts.published.label}: {sums}."
    if wishes.precision is not PrecisionChoice.AUTO:
        asked = wishes.precision.value == precision.value
        return f"{label} because {'you asked for it' if asked else f'{targets[0].name} has no BF16'}: {sums}."
    if precision is precisions[0]:
        return f"{label}{_first_rung(facts, found.targets[0], precision)}: {sums}."
    higher = precisions[precisions.index(precision) - 1]
    too_large = _does_not_fit(facts, higher, targets, found.window)
    return f"{label} because {too_large}. In {WORDS[precision]}: {sums}."


def _first_rung(facts: CheckpointFacts, target: Target, precision: Precision) -> str:
    if precision is Precision.FP16:
        return f" because {target.name} has no BF16"
    if precision is not Precision.FP32:
        return ""
    if not target.computes_bf16:
        return f" because {target.name} has no BF16 instructions and is several times faster with it"
    return " as published, small enough to stay exact"


def _does_not_fit(facts: CheckpointFacts, precision: Precision, targets: tuple[Target, ...], window: int) -> str:
    shape = Shape(precision, compute_format(facts, targets[0], precision), chunk_tokens=_CHUNKS[-1])
    placement = place(facts, shape, (_endless(targets[0]),), window)
    assert placement is not None, "everything fits into endless memory"
    free = gib(sum(target.free_bytes for target in targets))
    return (
        f"{WORDS[precision]} would need {gib(placement.parts.needed_bytes)} GiB and {free} are free on {names(targets)}"
    )


def _endless(target: Target) -> Target:
    return replace(target, free_bytes=2**62)


def _too_big(
    facts: CheckpointFacts, precisions: tuple[Precision, ...], targets: tuple[Target, ...], window: int
) -> str:
    smallest = min(MINIMUM_CONTEXT_TOKENS, window)
    sentence = _does_not_fit(facts, precisions[-1], targets, smallest)
    return f"{sentence[0].upper()}{sentence[1:]}, even with only {smallest:,} tokens."


def _refused(facts: CheckpointFacts, precision: Precision, targets: tuple[Target, ...], window: int, why: str) -> Plan:
    shape = Shape(precision, compute_format(facts, targets[0], precision), chunk_tokens=_CHUNKS[-1])
    placement = place(facts, shape, (_endless(targets[0]),), window)
    assert placement is not None, "everything fits into endless memory"
    rung = _Rung(shape, targets[:1], placement, 0)
    return _plan(facts, Wishes(), rung, Fit.TOO_BIG, why)


def _plan(facts: CheckpointFacts, wishes: Wishes, rung: _Rung, fit: Fit, reason: str) -> Plan:
    shape, target = rung.shape, rung.targets[0]
    layers = tuple(layer.scaled(ELEMENT_BYTES[shape.compute]) for layer in facts.layers)
    speed = expected_tokens_per_second(facts, shape, rung.targets, rung.placement, rung.window)
    wanted = min(wishes.context_tokens or DEFAULT_CONTEXT_TOKENS, facts.maximum_context or 10**12)
    return Plan(
        checkpoint=facts.reference,
        name=facts.name,
        revision=facts.revision,
        parameters=facts.parameters,
        precision=shape.precision,
        precision_reason=reason,
        device=target.device,
        device_name=names(rung.targets),
        context_window=rung.window,
        context_reason=context_reason(
            facts, rung.window, wishes.context_tokens, DEFAULT_CONTEXT_TOKENS, rung.window < wanted
        ),
        weight_bytes=weight_bytes(facts, shape.precision, shape.compute),
        kv_bytes_per_token=kv_bytes_per_token(layers),
        kv_bytes=rung.placement.parts.kv_bytes,
        fit=fit,
        compute=shape.compute,
        quantization=_quantization(facts, shape.precision),
        device_map=rung.placement.device_map,
        kv_layout=shape.kv_layout,
        prefill_chunk_tokens=shape.chunk_tokens,
        parts=rung.placement.parts,
        expected_tokens_per_second=round(speed, 1),
        speed_reason=speed_reason(target, speed, bool(rung.placement.parts.offloaded_bytes)),
    )


def _quantization(facts: CheckpointFacts, precision: Precision) -> str:
    if facts.published is not None and not facts.published.unpacked:
        return facts.published.label
    return {Precision.INT8: "8-bit rows (bitsandbytes)", Precision.INT4: "NF4, double quantisation (bitsandbytes)"}.get(
        precision, ""
    )
