"""What the engine is doing, in words for a person: pure functions, used by the window and by the terminal."""

import re

from engine.api.benchmark import BenchmarkStep
from engine.api.events import BenchmarkProgress, LoadPhase, LoadProgress, PrefillProgress
from engine.api.plan import PrecisionChoice

STARTING_ENGINE = "Starting the engine"
RESTARTING_ENGINE = "Starting the engine again"
ANSWERING = "Answering"
READING = "Reading"
STOPPING = "Stopping"

_LOAD_WORDS = {
    LoadPhase.IMPORTING: "Starting the engine",
    LoadPhase.CONVERTING: "Preparing the model for this computer",
    LoadPhase.LOADING: "Loading the model",
    LoadPhase.CHECKING: "Checking the model",
}
_BENCHMARK_WORDS = {
    BenchmarkStep.PREPARING: "Preparing the model for this computer",
    BenchmarkStep.MAKING_WEIGHTS: "Making random weights",
    BenchmarkStep.LOADING: "Loading the model",
    BenchmarkStep.HARDWARE: "Measuring memory and matrices",
    BenchmarkStep.PREFILL: "Measuring reading",
    BenchmarkStep.DECODE: "Measuring writing",
    BenchmarkStep.FOLLOW_UP: "Measuring follow-ups",
    BenchmarkStep.TIERS: "Measuring RAM and disk",
    BenchmarkStep.RIVALS: "Comparing with transformers' generate",
    BenchmarkStep.COMPILING: "Compiling transformers' generate, which may take minutes",
}
# Totals below this count steps (files, layers), not bytes: no weights file is that small.
_SMALLEST_BYTE_TOTAL = 1_000_000
_THINKING_BEGINNING = re.compile(r"\s*<think(?:ing)?>")
_THINKING_END = re.compile(r"</think(?:ing)?>")


def load_phase(event: LoadProgress) -> str:
    """Return e.g. "Loading the model: 43 % (1.2 of 2.9 GB)"; without numbers while the total is not known."""
    words = _LOAD_WORDS[event.phase]
    if event.total <= 0:
        return words
    share = f"{words}: {percent(event.done, event.total)}"
    if event.total < _SMALLEST_BYTE_TOTAL:
        return share
    return f"{share} ({amount_of(event.done, event.total)})"


def reading_phase(event: PrefillProgress) -> str:
    """Return e.g. "Reading 3,200 of 6,400 tokens"; what was reused is not read and not counted."""
    to_read = max(event.prompt_tokens - event.reused_tokens, event.done_tokens)
    if to_read <= 0:
        return READING
    return f"{READING} {event.done_tokens:,} of {to_read:,} {'token' if to_read == 1 else 'tokens'}"


def benchmark_phase(event: BenchmarkProgress) -> str:
    """Return e.g. "Measuring writing in BF16 behind 2,000 tokens" or "Making random weights: 43 %"."""
    words = _BENCHMARK_WORDS[event.step]
    if event.precision is not None and event.precision is not PrecisionChoice.AUTO:
        words += f" in {event.precision.value.upper()}"
    if event.tokens:
        words += f" behind {event.tokens:,} tokens"
    return words if event.total <= 0 else f"{words}: {percent(event.done, event.total)}"


def thinking_phase(seconds: float) -> str:
    """Return e.g. "Thinking 4 s"."""
    return f"Thinking {int(seconds)} s"


def is_thinking(text: str) -> bool:
    """Return whether an answer's text so far is inside a thinking block that it began with."""
    return _THINKING_BEGINNING.match(text) is not None and _THINKING_END.search(text) is None


def percent(done: int, total: int) -> str:
    """Return e.g. "43 %", never above 100 %. total must be positive."""
    return f"{min(100, max(0, done) * 100 // total)} %"


def amount_of(done_bytes: int, total_bytes: int) -> str:
    """Return two byte counts in the unit of the second, e.g. "1.2 of 2.9 GB", "116 of 270 MB" or "3 of 20 kB"."""
    if total_bytes >= 10**9:
        return f"{min(done_bytes, total_bytes) / 10**9:.1f} of {total_bytes / 10**9:.1f} GB"
    if total_bytes < 10**6:
        return f"{min(done_bytes, total_bytes) / 1000:.0f} of {total_bytes / 1000:.0f} kB"
    return f"{min(done_bytes, total_bytes) / 10**6:.0f} of {total_bytes / 10**6:.0f} MB"
