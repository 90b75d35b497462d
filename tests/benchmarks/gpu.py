"""`python -m tests.benchmarks.gpu --out results.json`: everything that wants numbers from an NVIDIA card, in one run.

For a shape with random weights: what `hearth bench` measures, in BF16 with all parts and transformers' generate beside
it, in INT8 and INT4 without; what each way of making a decode step quicker brings (gpu_ladder); planned against real
peak memory with a full context; and how fast each tier of conversations gives them back (gpu_tiers).

Takes less than --minutes: the file is written after each step, what is under way then is stopped, and what is left is
skipped. A precision that can't be had (bitsandbytes is missing, not enough memory) is told in its place.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import torch

from engine.api.benchmark import BenchmarkPart, BenchmarkReport
from engine.api.cancellation import CancellationToken
from engine.api.commands import RunBenchmark
from engine.api.errors import Cancelled, EngineError
from engine.api.events import BenchmarkFinished, BenchmarkProgress, Event
from engine.api.plan import PrecisionChoice
from engine.api.warmth import TierBudgets
from engine.bench import random_weights, run
from engine.bench.machine_state import card_states
from engine.checkpoints import loader
from engine.generation.chat_session import ChatSession
from engine.hardware import allocator, machine
from engine.hardware.faults import release
from tests.benchmarks import gpu_ladder, gpu_tiers
from tests.chat_probe import ask, filling

RESULTS = Path(__file__).parent / "results"
CHOICES = (PrecisionChoice.BF16, PrecisionChoice.INT8, PrecisionChoice.INT4)
PACKED_PARTS = (BenchmarkPart.HARDWARE, BenchmarkPart.DECODE, BenchmarkPart.PREFILL, BenchmarkPart.LOAD)

Step = tuple[str, Callable[[], object]]


class Run:
    """The file with what was found so far, and the time that ends everything."""

    def __init__(self, out: Path, minutes: float) -> None:
        self.cancellation = CancellationToken()
        self.found: dict[str, object] = {}
        self._out = out
        self._started = time.monotonic()
        self._timer = threading.Timer(minutes * 60, self.cancellation.cancel)
        self._timer.daemon = True
        self._timer.start()

    def take(self, steps: list[Step]) -> None:
        """Carry the steps out in their order; each that fails or comes too late says so and the next one goes on."""
        for name, work in steps:
            print(f"{time.monotonic() - self._started:6.1f} s  {name}", file=sys.stderr, flush=True)
            try:
                self.cancellation.raise_if_cancelled()
                self.found[name] = work()
            except Cancelled:
                self.found[name] = {"skipped": "the time was up"}
            except EngineError as error:
                self.found[name] = {"skipped": error.report.sentence()}
            self.found["seconds"] = time.monotonic() - self._started
            self._out.write_text(json.dumps(self.found, indent=1) + "\n", encoding="utf-8")
        self._timer.cancel()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--out", type=Path, help="default: a file under tests/benchmarks/results")
    arguments.add_argument("--shape", default="llama-3.1-8b")
    arguments.add_argument("--context", type=int, default=33_000)
    arguments.add_argument("--device", default="cuda")
    arguments.add_argument("--longest-history", type=int, default=32_000, help="for the tiers of conversations")
    arguments.add_argument("--folder", type=Path, help="where random checkpoints are kept between runs")
    arguments.add_argument("--minutes", type=float, default=8.5)
    options = arguments.parse_args()
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        sys.exit("This benchmark needs an NVIDIA graphics card that PyTorch can use.")
    allocator.keep_working_memory()  # as the engine's process does
    RESULTS.mkdir(exist_ok=True)
    out = options.out or RESULTS / f"{options.shape}-{options.device.replace(':', '')}.json"
    with tempfile.TemporaryDirectory() as temporary:
        data = options.folder or Path(temporary)
        data.mkdir(parents=True, exist_ok=True)
        whole = Run(out, options.minutes)
        whole.found["shape"] = options.shape
        whole.take(steps(data, options, whole))
    print(f"written to {out}", file=sys.stderr)


def steps(data: Path, options: argparse.Namespace, whole: Run) -> list[Step]:
    """Return what is to be done, the most wanted first; all of it works on the checkpoint that the first step makes."""
    path = data / "shapes" / options.shape

    def make() -> object:
        started = time.monotonic()
        random_weights.make(options.shape, data / "shapes", options.device, whole.cancellation)
        return {"seconds": time.monotonic() - started}

    def bench(choice: PrecisionChoice, parts: tuple[BenchmarkPart, ...]) -> Step:
        return f"bench {choice.value}", lambda: benchmark(path, data, choice, parts, options, whole.cancellation)

    def memory(choice: PrecisionChoice) -> Step:
        return f"memory {choice.value}", lambda: peak_memory(path, data, choice, options, whole.cancellation)

    def ladder(name: str, choice: PrecisionChoice, rungs: gpu_ladder.Ladder) -> Step:
        return name, lambda: gpu_ladder.measure(
            path, data, choice, options.context, options.device, whole.cancellation, rungs
        )

    return [
        ("machine", lambda: {"hardware": msgspec.to_builtins(machine.describe(data)),
                             "cards": msgspec.to_builtins(card_states())}),
        ("random weights", make),
        bench(PrecisionChoice.BF16, tuple(BenchmarkPart)),
        ladder("ladder bf16", PrecisionChoice.BF16, gpu_ladder.LADDER),
        *(bench(choice, PACKED_PARTS) for choice in CHOICES[1:]),
        ("decode against bf16", lambda: decode_against_bf16(whole.found)),
        *(memory(choice) for choice in CHOICES),
        ("tiers", lambda: gpu_tiers.measure(path, data, options)),
        *(ladder(f"ladder {choice.value}", choice, gpu_ladder.LADDER) for choice in CHOICES[1:]),
        ladder("compiled bf16", PrecisionChoice.BF16, gpu_ladder.COMPILED),
    ]  # fmt: skip


def benchmark(
    path: Path,
    data: Path,
    choice: PrecisionChoice,
    parts: tuple[BenchmarkPart, ...],
    options: argparse.Namespace,
    cancellation: CancellationToken,
) -> object:
    """Return the report of `hearth bench` on the checkpoint."""
    command = RunBenchmark(
        command_id="benchmark", parts=parts, checkpoint=str(path), precisions=(choice,),
        context_tokens=options.context, device=options.device,
    )  # fmt: skip
    finished = run.measure(command, data, cancellation, show)
    assert isinstance(finished, BenchmarkFinished)
    report: BenchmarkReport = msgspec.structs.replace(finished.report, model=options.shape, has_random_weights=True)
    (measured,) = report.precisions
    assert measured.plan is not None
    plan = msgspec.structs.replace(measured.plan, checkpoint=options.shape)  # no folder of this machine
    measured = msgspec.structs.replace(measured, plan=plan)
    return msgspec.to_builtins(msgspec.structs.replace(report, precisions=(measured,)))


def show(event: Event) -> None:
    """Tell what is measured now."""
    if isinstance(event, BenchmarkProgress) and not event.total:
        behind = f" behind {event.tokens:,} tokens" if event.tokens else ""
        print(f"           {event.step.value}{behind}", file=sys.stderr, flush=True)


def decode_against_bf16(found: dict[str, object]) -> dict[str, list[float]]:
    """Return each packed precision's decode rate over BF16's, by context."""
    rates = {choice.value: decode_rates(found.get(f"bench {choice.value}")) for choice in CHOICES}
    return {
        name: [mine / base for mine, base in zip(values, rates["bf16"], strict=False) if mine and base]
        for name, values in rates.items()
    }


def decode_rates(report: object) -> list[float]:
    """Return the medians by context, 0 for what was not measured."""
    if not isinstance(report, dict) or "precisions" not in report:
        return []
    rows = report["precisions"][0]["decode"]
    return [row["tokens_per_second"]["median"] if row["tokens_per_second"] else 0.0 for row in rows]


def peak_memory(
    path: Path, data: Path, choice: PrecisionChoice, options: argparse.Namespace, cancellation: CancellationToken
) -> dict[str, float]:
    """Fill a context window and return the peak against what the plan counted for it."""
    on_card = options.device.startswith("cuda")
    context = min(options.context, 8192)
    release()
    before = torch.cuda.memory_allocated() if on_card else 0  # workspaces of libraries, which the reserve is for
    loaded = loader.load(str(path), choice, context, options.device, data, cancellation, lambda *_: None)
    session = ChatSession(loaded, budgets=TierBudgets(device_bytes=0))
    parts = session.plan.parts
    if on_card:
        torch.cuda.reset_peak_memory_stats()
    ask(session, [filling(session, context - 8)], maximum_tokens=1)
    planned = parts.weights_bytes + parts.kv_bytes + parts.working_bytes
    peak = torch.cuda.max_memory_allocated() - before if on_card else 0
    loader.free(loaded)
    return {"planned_bytes": planned, "peak_bytes": peak, "peak_against_planned": peak / planned}


if __name__ == "__main__":
    main()
