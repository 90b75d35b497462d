"""What can be tried, best first, and which of it fits: precisions, devices, chunk sizes, context windows. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from msgspec import structs

from engine.api.errors import EngineError, ErrorKind
from engine.api.hardware import Hardware
from engine.api.plan import KvLayout, Precision, PrecisionChoice
from engine.planning.facts import CheckpointFacts
from engine.planning.loading import Shape
from engine.planning.placement import Placement, place
from engine.planning.sizes import GIB
from engine.planning.speed import comparable, expected_tokens_per_second
from engine.planning.targets import DeviceKind, Target, processor
from engine.planning.words import LABELS

DEFAULT_CONTEXT_TOKENS = 8192
MINIMUM_CONTEXT_TOKENS = 2048
SMALL_FLOAT32_BYTES = GIB
CHUNKS = (2048, 512, 128)
PACKED = (Precision.INT8, Precision.INT4)
# Attention that keeps a number for each pair of positions grows with the chunk: long ones buy little for much memory.
_MATRIX_CHUNKS = (512, 128)
_COMPUTE_DTYPES = {"float16": Precision.FP16, "bfloat16": Precision.BF16}
_KERNELS = {Precision.INT8: "int8", Precision.INT4: "nf4"}
_SLOW_CONTEXT_TOKENS = 4096
_ENDLESS_BYTES = 2**62


@dataclass(frozen=True)
class Wishes:
    """What the user decided; None and AUTO leave it to the planner."""

    context_tokens: int | None = None
    precision: PrecisionChoice = PrecisionChoice.AUTO
    device: str = "auto"


@dataclass(frozen=True)
class Rung:
    """One way of loading that fits: how, where, and with what window."""

    shape: Shape
    targets: tuple[Target, ...]
    placement: Placement
    window: int


def wanted_window(facts: CheckpointFacts, wishes: Wishes) -> int:
    """Return the context window to aim at: what is wished for or usual, as far as the model was made for it."""
    wanted = wishes.context_tokens or DEFAULT_CONTEXT_TOKENS
    return min(wanted, facts.maximum_context) if facts.maximum_context else wanted


def precisions_for(
    hardware: Hardware, facts: CheckpointFacts, target: Target, choice: PrecisionChoice
) -> tuple[Precision, ...]:
    """Return the precisions to try, best first; never empty.

    Raises EngineError(PRECISION_UNAVAILABLE) for a wish whose kernels don't work here.
    """
    if facts.published is not None and facts.stays_packed:
        return (facts.published.precision,)
    full = full_format(facts, target)
    if choice is PrecisionChoice.AUTO:
        first = _full_precisions(facts, target, full)
        return (*first, *(one for one in PACKED if facts.packs and kernel_works(hardware, target, one)))
    wanted = Precision(choice.value)
    if wanted in PACKED and not facts.packs:
        return _full_precisions(facts, target, full)
    if wanted in PACKED:
        if not kernel_works(hardware, target, wanted):
            raise _unavailable(wanted, target, hardware)
        return (wanted,)
    return (full if wanted is Precision.BF16 and target.kind is DeviceKind.CUDA else wanted,)


def kernel_works(hardware: Hardware, target: Target, precision: Precision) -> bool:
    """Tell whether products with weights packed so were tried on that kind of device, and are right."""
    return f"{target.kind.value} {_KERNELS[precision]}" in hardware.quantization_kernels


def full_format(facts: CheckpointFacts, target: Target) -> Precision:
    """Return the format of unpacked weights: 16 bit, but where the card's only one is too small for the model."""
    if target.kind is not DeviceKind.CUDA or target.computes_bf16:
        return Precision.BF16
    return Precision.FP32 if facts.overflows_fp16 else Precision.FP16


def shape_for(
    facts: CheckpointFacts,
    target: Target,
    precision: Precision,
    layout: KvLayout = KvLayout.FULL,
    chunk_tokens: int = CHUNKS[-1],
) -> Shape:
    """Return how weights of the precision are loaded and computed with on the device."""
    return Shape(precision, _compute_format(facts, target, precision), layout, chunk_tokens, target.interleaves_nf4)


def fitting(
    facts: CheckpointFacts, precisions: tuple[Precision, ...], targets: tuple[Target, ...], window: int
) -> Iterator[Rung]:
    """Yield what fits with the whole window, best first: precision before device count before comfort."""
    for precision in precisions:
        for used in _spreads(targets):
            for shape in _shapes(facts, precision, used[0], window):
                placement = place(facts, shape, used, window)
                if placement is not None:
                    yield Rung(shape, used, placement, window)


def less_context(facts: CheckpointFacts, precision: Precision, targets: tuple[Target, ...], window: int) -> Rung | None:
    """Return the longest window that fits in the precision, if that is at least the smallest useful one."""
    best: Rung | None = None
    for used in _spreads(targets):
        for shape in _shapes(facts, precision, used[0], window):
            found = _longest(facts, shape, used, window)
            if found is not None and (best is None or found.window > best.window):
                best = found
    return best


def slow(
    hardware: Hardware, facts: CheckpointFacts, wishes: Wishes, targets: tuple[Target, ...], window: int
) -> Rung | None:
    """Return the faster of card with main memory and processor alone, with whichever precision it goes; or None."""
    packed = facts.stays_packed
    if targets[0].kind is not DeviceKind.CUDA or (packed and not facts.runs_packed_on_processor):
        return None
    ram = processor(hardware)
    window = min(window, _SLOW_CONTEXT_TOKENS)
    candidates: list[Rung] = []
    if wishes.precision not in (PrecisionChoice.INT8, PrecisionChoice.INT4) and not packed:
        shape = shape_for(facts, targets[0], full_format(facts, targets[0]))
        placement = place(facts, shape, targets[:1], window, spare_bytes=max(ram.room_bytes, 1))
        if placement is not None:
            candidates.append(Rung(shape, targets[:1], placement, window))
    if wishes.device == "auto":
        wished = Precision(wishes.precision.value) if wishes.precision is not PrecisionChoice.AUTO else None
        if packed or wished not in PACKED or kernel_works(hardware, ram, wished):
            precisions = precisions_for(hardware, facts, ram, wishes.precision)
            candidates += fitting(facts, precisions, (ram,), window)
    return max(candidates, key=lambda rung: _comparable_speed(facts, rung), default=None)


def unlimited(facts: CheckpointFacts, precision: Precision, targets: tuple[Target, ...], window: int) -> Rung:
    """Return what the precision would need at least on the devices, however much is free."""
    rungs = []
    for layout in _layouts(facts, window):
        shape = shape_for(facts, targets[0], precision, layout)
        endless = tuple(replace(target, free_bytes=_ENDLESS_BYTES) for target in targets)
        placement = place(facts, shape, endless, window)
        assert placement is not None, "everything fits into endless memory"
        parts = structs.replace(placement.parts, free_bytes=sum(target.free_bytes for target in targets))
        rungs.append(Rung(shape, targets, replace(placement, parts=parts), window))
    return min(rungs, key=lambda rung: rung.placement.parts.needed_bytes)


def _longest(facts: CheckpointFacts, shape: Shape, used: tuple[Target, ...], window: int) -> Rung | None:
    low, high = min(MINIMUM_CONTEXT_TOKENS, window), window
    if place(facts, shape, used, low) is None:
        return None
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if place(facts, shape, used, middle) is not None else (low, middle - 1)
    placement = place(facts, shape, used, low)
    return None if placement is None else Rung(shape, used, placement, low)


def _full_precisions(facts: CheckpointFacts, target: Target, sixteen: Precision) -> tuple[Precision, ...]:
    """A processor without BF16 instructions answers 2 and reads 5 times slower with it than with FP32 (measured)."""
    small = facts.published is None and facts.published_dtype == "F32" and facts.published_bytes < SMALL_FLOAT32_BYTES
    if target.kind is DeviceKind.CPU and (small or not target.computes_bf16):
        return (Precision.FP32, sixteen)
    return (sixteen,)


def _compute_format(facts: CheckpointFacts, target: Target, precision: Precision) -> Precision:
    """Return what activations and KV are kept in when weights are in the precision."""
    if facts.published is not None and facts.published.compute_dtype in _COMPUTE_DTYPES:
        return _COMPUTE_DTYPES[facts.published.compute_dtype]
    if precision not in PACKED:
        return precision
    if target.kind is DeviceKind.CPU and not target.computes_bf16:
        return Precision.FP32
    return full_format(facts, target)


def _spreads(targets: tuple[Target, ...]) -> tuple[tuple[Target, ...], ...]:
    """One card if it fits, else all of them."""
    return (targets[:1], targets) if len(targets) > 1 else (targets,)


def _shapes(facts: CheckpointFacts, precision: Precision, target: Target, window: int) -> Iterator[Shape]:
    for layout in _layouts(facts, window):
        for chunk in CHUNKS if facts.dimensions.matrix is None else _MATRIX_CHUNKS:
            yield shape_for(facts, target, precision, layout, chunk)


def _layouts(facts: CheckpointFacts, window: int) -> tuple[KvLayout, ...]:
    windows = any(layer.window is not None and layer.window < window for layer in facts.layers)
    return (KvLayout.FULL, KvLayout.WINDOWED) if windows else (KvLayout.FULL,)


def _comparable_speed(facts: CheckpointFacts, rung: Rung) -> float:
    targets = tuple(comparable(target) for target in rung.targets)
    return expected_tokens_per_second(facts, rung.shape, targets, rung.placement, rung.window)


def _unavailable(precision: Precision, target: Target, hardware: Hardware) -> EngineError:
    missing = "bitsandbytes" not in hardware.versions
    return EngineError(
        ErrorKind.PRECISION_UNAVAILABLE,
        f"{LABELS[precision]} does not work on {target.name} here"
        + (", as the package bitsandbytes is not installed." if missing else "."),
        "Install it (pip install bitsandbytes), or choose auto." if missing else "Choose auto or bf16.",
    )
