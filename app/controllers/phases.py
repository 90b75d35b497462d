"""What the engine is doing, in words for a person: pure functions, used by the window and by the terminal."""

from app.language import grouped, mark, plain, tr
from engine.api.benchmark import BenchmarkStep
from engine.api.events import BenchmarkProgress, LoadPhase, LoadProgress, PrefillProgress
from engine.api.plan import PrecisionChoice

STARTING_ENGINE = mark("Starting the engine")
RESTARTING_ENGINE = mark("Starting the engine again")
ANSWERING = mark("Answering")
READING = mark("Reading")
ENDING_THINKING = mark("Ending the thinking")
STOPPING = mark("Stopping")
LOADING = mark("Loading the model")
LOADS_AFTER_ANSWER = mark("Loading {name} after this answer")

_LOAD_WORDS = {
    LoadPhase.IMPORTING: mark("Starting the engine"),
    LoadPhase.CONVERTING: mark("Preparing the model for this computer"),
    LoadPhase.LOADING: LOADING,
    LoadPhase.CHECKING: mark("Checking the model"),
    LoadPhase.WAITING: mark("Waiting for a disk or file server that does not answer"),
}
_BENCHMARK_WORDS = {
    BenchmarkStep.PREPARING: mark("Preparing the model for this computer"),
    BenchmarkStep.MAKING_WEIGHTS: mark("Making random weights"),
    BenchmarkStep.LOADING: LOADING,
    BenchmarkStep.HARDWARE: mark("Measuring memory and matrices"),
    BenchmarkStep.PREFILL: mark("Measuring reading"),
    BenchmarkStep.DECODE: mark("Measuring writing"),
    BenchmarkStep.FOLLOW_UP: mark("Measuring follow-ups"),
    BenchmarkStep.TIERS: mark("Measuring RAM and disk"),
    BenchmarkStep.RIVALS: mark("Comparing with transformers' generate"),
    BenchmarkStep.COMPILING: mark("Compiling transformers' generate, which may take minutes"),
}
# Totals below this count steps (files, layers), not bytes: no weights file is that small.
_SMALLEST_BYTE_TOTAL = 1_000_000


def load_phase(event: LoadProgress) -> str:
    """Return e.g. "Loading the model: 43 % (1.2 of 2.9 GB)"; without numbers while the total is not known."""
    words = tr(_LOAD_WORDS[event.phase])
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
        return tr(READING)
    words = tr("Reading {done} of {total} token") if to_read == 1 else tr("Reading {done} of {total} tokens")
    return words.format(done=grouped(event.done_tokens), total=grouped(to_read))


def benchmark_phase(event: BenchmarkProgress) -> str:
    """Return e.g. "Measuring writing in BF16 behind 2,000 tokens" or "Making random weights: 43 %"."""
    words = tr(_BENCHMARK_WORDS[event.step])
    if event.precision is not None and event.precision is not PrecisionChoice.AUTO:
        words += f" in {event.precision.value.upper()}"
    if event.tokens:
        words += f" behind {event.tokens:,} tokens"
    return words if event.total <= 0 else f"{words}: {percent(event.done, event.total)}"


def thinking_phase(seconds: float) -> str:
    """Return e.g. "Thinking 4 s"."""
    return tr("Thinking {seconds} s").format(seconds=int(seconds))


def percent(done: int, total: int) -> str:
    """Return e.g. "43 %", never above 100 %. total must be positive."""
    return f"{min(100, max(0, done) * 100 // total)} %"


def amount_of(done_bytes: int, total_bytes: int) -> str:
    """Return two byte counts in the unit of the second, e.g. "1.2 of 2.9 GB", "116 of 270 MB" or "3 of 20 kB"."""
    size, unit, digits = 10**6, "MB", 0
    if total_bytes >= 10**9:
        size, unit, digits = 10**9, "GB", 1
    elif total_bytes < 10**6:
        size, unit = 10**3, "kB"
    done = plain(f"{min(done_bytes, total_bytes) / size:.{digits}f}")
    return tr("{done} of {total}").format(done=done, total=plain(f"{total_bytes / size:.{digits}f} {unit}"))
