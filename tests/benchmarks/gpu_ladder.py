"""Part of `python -m tests.benchmarks.gpu`: what each way of making a decode step quicker brings, one upon the other.

generate, eager and compiled, is in the report's `rivals`; here is the own loop, on one loaded model.
"""

from pathlib import Path

import msgspec

from engine.api.cancellation import CancellationToken
from engine.api.errors import Cancelled
from engine.api.plan import PrecisionChoice
from engine.bench import decode, device_rates
from engine.bench.opening import Opening, bench_of, open_workbench
from engine.bench.subject import Subject
from engine.decode.preparing import DecodeWay
from engine.decode.rungs import Rungs

# THE LADDER. Each rung has all that stand above it, as what was done to the weights stays done. Whoever gives
# engine.decode.rungs another way adds its line here, and the numbers come by themselves.
LADDER = (
    ("own loop, eager", Rungs(products=False, norms=False, graph=False)),
    ("shared products", Rungs(products=True, norms=False, graph=False)),
    ("norms as one kernel", Rungs(products=True, norms=True, graph=False)),
    ("graph", Rungs(products=True, norms=True, graph=True)),
)
# Instead of the graph; apart, as compiling takes its time.
COMPILED = (("compiled", Rungs(graph=False, compiled=True)),)
_ROUNDS_SECONDS = 2.0

Ladder = tuple[tuple[str, Rungs], ...]


def measure(
    path: Path,
    folder: Path,
    choice: PrecisionChoice,
    context: int,
    device: str,
    cancellation: CancellationToken,
    ladder: Ladder = LADDER,
) -> list[dict[str, object]]:
    """Return for each rung what the plan says of it, and its decode rates by context."""
    opening = Opening(Subject(path, path.name, path.name, True), choice, context, device, folder, cancellation)
    _, workbench = open_workbench(opening, lambda *_: None, copies=False, rungs=ladder[0][1])
    try:
        rates = device_rates.measure(workbench.loaded.device, workbench.loaded.dtype, cancellation)
        bench = bench_of(opening, workbench, rates)
        rows: list[dict[str, object]] = []
        for name, rungs in ladder:
            try:
                if rows:
                    workbench.open_with(rungs)
                found = decode.measure(workbench, bench, lambda _tokens: None, _ROUNDS_SECONDS)
            except Cancelled:  # what was measured by then is worth keeping
                rows.append({"rung": name, "skipped": "the time was up"})
                break
            plan = workbench.plan
            rows.append(
                {
                    "rung": name,
                    "wanted": wanted(rungs),
                    "decode": plan.decode,
                    "decode_reason": plan.decode_reason,
                    "attention": plan.attention,
                    "rows": msgspec.to_builtins(found),
                }
            )
    finally:
        workbench.close()
    return rows


def wanted(rungs: Rungs) -> DecodeWay:
    """Return the way of decoding that a rung asks for; what can't be had is eager."""
    if rungs.compiled:
        return DecodeWay.COMPILED
    return DecodeWay.GRAPH if rungs.graph else DecodeWay.EAGER
