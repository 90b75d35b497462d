"""A checkpoint and how it is to be loaded -> a workbench with the model on it, and what arithmetic needs of both."""

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from engine.api.benchmark import HardwareRates
from engine.api.cancellation import CancellationToken
from engine.api.errors import EngineError, ErrorKind
from engine.api.plan import PrecisionChoice
from engine.bench import bound
from engine.bench.clean_copy import Copied, clean_copy
from engine.bench.subject import Subject
from engine.bench.workbench import Bench, Workbench
from engine.checkpoints import loader
from engine.checkpoints.inspection import facts_for, inspect
from engine.checkpoints.progress import ReportProgress
from engine.decode.rungs import Rungs
from engine.hardware import machine
from engine.hardware.faults import Fault, fault_of

_KV_FOLDER = "conversations"
_NO_COPY = Copied(None, "no copy was made")
_ALL_RUNGS = Rungs()


@dataclass(frozen=True)
class Opening:
    """What is loaded how. folder: for packed copies, conversations and what is found out about the machine."""

    subject: Subject
    choice: PrecisionChoice
    context_tokens: int | None
    device: str
    folder: Path
    cancellation: CancellationToken


def open_workbench(
    opening: Opening, report: ReportProgress, *, copies: bool, rungs: Rungs = _ALL_RUNGS
) -> tuple[float, Workbench]:
    """Return the seconds of loading, the check of the KV included, and what came of it.

    copies: with a copy for transformers. Raises EngineError and Cancelled as loading does.
    """
    started = time.perf_counter()
    loaded = loader.load(
        str(opening.subject.folder),
        opening.choice,
        opening.context_tokens,
        opening.device,
        opening.folder,
        opening.cancellation,
        report,
    )
    seconds = time.perf_counter() - started
    plan = msgspec.structs.replace(loaded.plan, name=opening.subject.name, checkpoint=opening.subject.reference)
    loaded = dataclasses.replace(loaded, plan=plan)
    copied = clean_copy(loaded) if copies else _NO_COPY
    started = time.perf_counter()
    try:
        workbench = Workbench(loaded, copied, opening.folder / _KV_FOLDER, opening.cancellation, rungs)
    except BaseException as error:
        if not is_lost(error):
            loader.free(loaded)
        raise
    seconds += time.perf_counter() - started
    workbench.settle()
    return seconds, workbench


def bench_of(opening: Opening, workbench: Workbench, rates: HardwareRates | None) -> Bench:
    """Return what the parts need to know of the model on the workbench. Raises EngineError and Cancelled."""
    hardware = machine.describe(opening.folder)
    folder, cancellation = str(opening.subject.folder), opening.cancellation
    inspection = inspect(folder, opening.folder, cancellation, lambda _phase, _done, _total: None)
    facts = facts_for(inspection, loader.environment_of(workbench.loaded.device, hardware))
    shape = bound.loaded_shape(workbench.plan, hardware)
    if rates is None:
        return Bench(facts, shape)
    matrices = rates.matrix_operations_per_second
    return Bench(facts, shape, rates.bandwidth_bytes_per_second, matrices.median if matrices is not None else 0.0)


def is_lost(error: BaseException) -> bool:
    """Return whether the error means that the device can't be touched any more, not even to free it."""
    if isinstance(error, EngineError):
        return error.report.kind is ErrorKind.DEVICE_LOST
    return fault_of(error) is Fault.DEVICE_LOST
