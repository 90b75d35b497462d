"""Part of `python -m tests.benchmarks.gpu`: transformers' eager generate behind conversations of several lengths.

The step `rivals` compares at one length, and has a compiler work on it too, which takes a minute for each length.
"""

from pathlib import Path

import msgspec

from engine.api.benchmark import Rival
from engine.api.cancellation import CancellationToken
from engine.api.errors import Cancelled
from engine.api.plan import PrecisionChoice
from engine.bench import rivals
from engine.bench.decode import CONTEXTS
from engine.bench.opening import Opening, open_workbench
from engine.bench.subject import Subject

_LEFT_OUT = "see the step `rivals`"


def measure(
    path: Path, folder: Path, choice: PrecisionChoice, context: int, device: str, cancellation: CancellationToken
) -> dict[str, object]:
    """Return the rows of Hearth and generate for each length that the window has room for."""
    opening = Opening(Subject(path, path.name, path.name, True), choice, context, device, folder, cancellation)
    _, workbench = open_workbench(opening, lambda *_: None, copies=True)
    rows: list[object] = []
    skipped = ""
    try:
        for tokens in CONTEXTS:
            if tokens + rivals.MOST_TOKENS > workbench.plan.context_window:
                continue
            found = rivals.measure_behind(tokens, workbench, lambda _: None, lambda _: None, _LEFT_OUT)
            rows += msgspec.to_builtins([row for row in found if row.rival is not Rival.COMPILED])
    except Cancelled:  # what was measured by then is worth keeping
        skipped = "the time was up"
    finally:
        workbench.close()
    return {"precisions": [{"rivals": rows}], "skipped": skipped}
