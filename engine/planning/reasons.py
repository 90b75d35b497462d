"""The planner's sentences: arithmetic that a person can check, in GiB with two digits, the parts adding up exactly."""

from engine.api.gib import adding_up, hundredths
from engine.api.hardware import Hardware
from engine.api.plan import MemoryParts, Precision, PrecisionChoice
from engine.planning.facts import CheckpointFacts
from engine.planning.ladder import (
    DEFAULT_CONTEXT_TOKENS,
    MINIMUM_CONTEXT_TOKENS,
    PACKED,
    SLOW_CONTEXT_TOKENS,
    Rung,
    Wishes,
    kernel_works,
    unlimited,
    wanted_window,
)
from engine.planning.targets import DeviceKind, Target
from engine.planning.words import LABELS, WORDS

_MOST = 0.5


def reason(
    hardware: Hardware,
    facts: CheckpointFacts,
    wishes: Wishes,
    precisions: tuple[Precision, ...],
    found: Rung,
    targets: tuple[Target, ...],
) -> str:
    """Say why the precision is the one that was found, and that it fits."""
    sentence = _reason_on_devices(hardware, facts, wishes, precisions, found, targets)
    others = found.placement.other_bytes
    sentences = [sentence]
    if tables := found.placement.parts.offloaded_bytes - others:
        held = hundredths(tables) / 100
        sentences.append(f"{held:.2f} GiB of tables are in main memory, where a token looks up one row.")
    if others:
        held = hundredths(others) / 100
        sentences.append(f"{held:.2f} GiB of parts for pictures or sound are in main memory, as no text needs them.")
    return " ".join(sentences)


def _reason_on_devices(
    hardware: Hardware,
    facts: CheckpointFacts,
    wishes: Wishes,
    precisions: tuple[Precision, ...],
    found: Rung,
    targets: tuple[Target, ...],
) -> str:
    precision, target = found.shape.precision, targets[0]
    named, sums = _named(facts, precision), arithmetic(found.placement.parts, found.window, found.targets)
    if facts.stays_packed:
        return f"{named}: {sums}."
    if wishes.precision is not PrecisionChoice.AUTO:
        return f"{_as_wished(named, facts, wishes.precision, precision, target)} {sums}."
    if precision is precisions[0]:
        return f"{_first_rung(named, found.targets[0], precision) or f'{named}:'} {sums}."
    higher = precisions[precisions.index(precision) - 1]
    too_large = _does_not_fit(facts, higher, targets, found.window)
    skipped = PACKED[: PACKED.index(precision)] if precision in PACKED else ()
    missing = _without(hardware, facts, target, skipped, ", and ")
    return f"{named} because {too_large}{missing}. In {WORDS[precision]}: {sums}."


def slow_reason(facts: CheckpointFacts, found: Rung, why: str, cards: int) -> str:
    """Say that main memory has to help, and why; cards: how many there are."""
    on_processor = found.targets[0].kind is DeviceKind.CPU
    parts = found.placement.parts
    where = "on the processor alone" if on_processor else "partly from main memory"
    label = LABELS[found.shape.precision]
    slow = f"{label} {where}, which is slower."
    if facts.published is not None and facts.stays_packed:
        slow = f"{label}, as published in {facts.published.label}, {where}, which is slower."
    # Each a whole sentence: only those are found again to be said in another language.
    sentences = [slow, why, f"{arithmetic(parts, found.window, found.targets)}."]
    if parts.offloaded_bytes:
        held = f"{hundredths(parts.offloaded_bytes) / 100:.2f}"
        alone = f"{held} GiB are in main memory."
        beside_others = f"{held} GiB are in main memory; the other cards can't help with that."
        sentences.append(beside_others if cards > 1 else alone)
    if found.placement.token_bytes < found.placement.streamed_bytes:
        sentences.append("A token has only those experts copied to the card that it goes to.")
    if facts.published is not None and not facts.stays_packed:
        origin = facts.published.label
        is_packed = found.shape.precision in PACKED
        sentences.append(f"It is packed again from {origin}." if is_packed else f"It is unpacked from {origin}.")
    return " ".join(sentences)


def too_big_reason(
    hardware: Hardware,
    facts: CheckpointFacts,
    wishes: Wishes,
    precisions: tuple[Precision, ...],
    targets: tuple[Target, ...],
) -> str:
    """Say what the smallest precision would need for the smallest window, and what there is."""
    smallest = min(MINIMUM_CONTEXT_TOKENS, wanted_window(facts, wishes))
    sentence = _does_not_fit(facts, precisions[-1], targets, smallest)
    is_free = not facts.stays_packed and wishes.precision is PrecisionChoice.AUTO
    missing = _without(hardware, facts, targets[0], PACKED, "; ") if is_free else ""
    return f"{sentence[0].upper()}{sentence[1:]}, even with only {smallest:,} tokens{missing}."


def main_memory_reason(hardware: Hardware, targets: tuple[Target, ...]) -> str:
    """Say that main memory couldn't help a card of its own memory, empty where the device computes from main memory."""
    if targets[0].kind is not DeviceKind.CUDA or all(gpu.is_integrated for gpu in hardware.gpus):
        return ""
    free = hundredths(hardware.ram_available_bytes) / 100
    return f"Main memory has {free:.2f} GiB free and can't take the rest."


def arithmetic(parts: MemoryParts, context_tokens: int, targets: tuple[Target, ...]) -> str:
    """Return `4.98 GiB of weights + 1.00 for 8,192 tokens + ... = 7.73 of 8.00 GiB free on NAME`."""
    library = "for CUDA" if any(target.kind is DeviceKind.CUDA for target in targets) else "for libraries"
    named = (
        (parts.weights_bytes, "GiB of weights"),
        (parts.kv_bytes, f"for {context_tokens:,} tokens"),
        (parts.working_bytes, "to work in"),
        (parts.overhead_bytes, library),
        (parts.reserve_bytes, "in reserve"),
    )
    shown = [(size, words) for size, words in named if size]
    sizes = adding_up([size for size, _ in shown])
    listed = [f"{size / 100:.2f} {words}" for size, (_, words) in zip(sizes, shown, strict=True)]
    free = hundredths(parts.free_bytes)
    return f"{' + '.join(listed)} = {sum(sizes) / 100:.2f} of {free / 100:.2f} GiB free on {names(targets)}"


def names(targets: tuple[Target, ...]) -> str:
    """Return the devices' names, equal ones counted."""
    counts: dict[str, int] = {}
    for target in targets:
        counts[target.name] = counts.get(target.name, 0) + 1
    return " and ".join(name if count == 1 else f"{count} x {name}" for name, count in counts.items())


def context_reason(facts: CheckpointFacts, wishes: Wishes, window: int, *, is_slow: bool = False) -> str:
    """Say why the window is as long as it is; is_slow: main memory has to help."""
    wanted = wishes.context_tokens
    if not window:
        return "No useful window fits."
    if is_slow and SLOW_CONTEXT_TOKENS <= window < wanted_window(facts, wishes):
        return f"{window:,} tokens is the most where main memory has to help, as more would be slower still."
    if window < wanted_window(facts, wishes):
        return f"{window:,} tokens is what fits into the memory that is left."
    if wanted is not None and window == wanted:
        return f"{window:,} tokens because you asked for it."
    if window == facts.maximum_context and window <= (wanted or DEFAULT_CONTEXT_TOKENS):
        return f"{window:,} tokens is the most this model was made for."
    return f"{window:,} tokens is Hearth's usual window."


def _named(facts: CheckpointFacts, precision: Precision) -> str:
    """Name the precision, and what it is made of if the publisher quantised the checkpoint."""
    label = LABELS[precision]
    if facts.published is None:
        return label
    if facts.stays_packed:
        return f"{label}, as published in {facts.published.label}"
    published = facts.published.label
    return f"{label}, packed again from {published}" if precision in PACKED else f"{label}, unpacked from {published}"


# Whole sentences, as only those are found again to be said in another language.
def _as_wished(
    label: str, facts: CheckpointFacts, wished: PrecisionChoice, precision: Precision, target: Target
) -> str:
    if wished.value != precision.value:
        if Precision(wished.value) in PACKED:
            return f"{label} because this kind of model can't be packed."
        return f"{label} because {target.name} has no BF16."
    share = facts.packed_share
    if precision not in PACKED or share >= _MOST:
        return f"{label} because you asked for it."
    return f"{label} because you asked for it, though only {share:.0%} of this model can be packed."


def _first_rung(label: str, target: Target, precision: Precision) -> str:
    if precision is Precision.FP16:
        return f"{label} because {target.name} has no BF16."
    if precision is not Precision.FP32:
        return ""
    if target.kind is DeviceKind.CUDA:
        return f"{label} because {target.name} has no BF16, and FP16 is too small for what this kind of model computes."
    if not target.computes_bf16:
        return f"{label} because {target.name} has no BF16 instructions and is several times faster with it."
    return f"{label} as published, small enough to stay exact."


def _does_not_fit(facts: CheckpointFacts, precision: Precision, targets: tuple[Target, ...], window: int) -> str:
    needed = unlimited(facts, precision, targets, window).placement.parts.needed_bytes
    free = sum(target.free_bytes for target in targets)
    # Needs are rounded up and what is free down: what does not fit must not look as if it did.
    size, there = f"{hundredths(needed, up=True) / 100:.2f}", f"{hundredths(free) / 100:.2f}"
    if targets[0].kind is DeviceKind.CPU:
        return f"{WORDS[precision]} would need {size} GiB and {there} of main memory are free"
    if needed <= free:  # several cards, and a layer can't be divided
        return f"{WORDS[precision]} would need {size} GiB in whole layers and {there} are free on {names(targets)}"
    return f"{WORDS[precision]} would need {size} GiB and {there} are free on {names(targets)}"


def _without(
    hardware: Hardware, facts: CheckpointFacts, target: Target, skipped: tuple[Precision, ...], joint: str
) -> str:
    """Name those of the rungs that were left out as their kernels don't work; empty if there are none."""
    missing = [WORDS[one] for one in skipped if facts.packs and not kernel_works(hardware, target, one)]
    return f"{joint}{' and '.join(missing)} {'do' if len(missing) > 1 else 'does'} not work here" if missing else ""
