"""The planner's sentences: arithmetic that a person can check, in GiB with two digits, the parts adding up exactly."""

from engine.api.plan import MemoryParts, Precision
from engine.planning.facts import CheckpointFacts
from engine.planning.sizes import GIB
from engine.planning.targets import DeviceKind, Target

LABELS = {
    Precision.FP32: "FP32",
    Precision.BF16: "BF16",
    Precision.FP16: "FP16",
    Precision.INT8: "INT8",
    Precision.INT4: "INT4",
}
WORDS = {
    Precision.FP32: "32 bit",
    Precision.BF16: "16 bit",
    Precision.FP16: "16 bit",
    Precision.INT8: "8 bit",
    Precision.INT4: "4 bit",
}


def gib(size_bytes: int) -> str:
    """Return the size with two digits after the point."""
    return f"{size_bytes / GIB:.2f}"


def arithmetic(parts: MemoryParts, context_tokens: int, targets: tuple[Target, ...]) -> str:
    """Return `4.98 GiB of weights + 1.00 for 8,192 tokens + ... = 7.73 of 8.00 GiB free on NAME`."""
    library = "for CUDA" if any(target.kind is DeviceKind.CUDA for target in targets) else "for libraries"
    others = [
        f"{gib(size)} {words}"
        for size, words in (
            (parts.kv_bytes, f"for {context_tokens:,} tokens"),
            (parts.working_bytes, "to work in"),
            (parts.overhead_bytes, library),
            (parts.reserve_bytes, "in reserve"),
        )
        if size
    ]
    # The weights take the rounding, so that the line adds up to the digit.
    total = _hundredths(parts.needed_bytes)
    weights = total - sum(round(float(other.split()[0]) * 100) for other in others)
    listed = [f"{weights / 100:.2f} GiB of weights", *others]
    free = _hundredths(parts.free_bytes)
    return f"{' + '.join(listed)} = {total / 100:.2f} of {free / 100:.2f} GiB free on {names(targets)}"


def names(targets: tuple[Target, ...]) -> str:
    """Return the devices' names, equal ones counted."""
    counts: dict[str, int] = {}
    for target in targets:
        counts[target.name] = counts.get(target.name, 0) + 1
    return " and ".join(name if count == 1 else f"{count} x {name}" for name, count in counts.items())


def context_reason(facts: CheckpointFacts, window: int, wanted: int | None, usual: int, shrunk: bool) -> str:
    """Say why the window is as long as it is."""
    if shrunk:
        return f"{window:,} tokens is what fits into the memory that is left."
    if wanted is not None and window == wanted:
        return f"{window:,} tokens because you asked for it."
    if window == facts.maximum_context and window <= (wanted or usual):
        return f"{window:,} tokens is the most this model was made for."
    return f"{window:,} tokens is Hearth's usual window."


def _hundredths(size_bytes: int) -> int:
    """Rounded down, needs and what is free alike: what fits exactly must not look too large."""
    return size_bytes * 100 // GIB
