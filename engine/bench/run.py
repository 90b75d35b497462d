"""One benchmark from its command to its report. Owns the model while it runs; none is loaded afterwards."""

import dataclasses
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from engine.api.benchmark import (
    BenchmarkPart,
    BenchmarkReport,
    BenchmarkStep,
    HardwareRates,
    LoadTimes,
    PrecisionReport,
)
from engine.api.cancellation import CancellationToken
from engine.api.commands import RunBenchmark
from engine.api.errors import EngineError, ErrorKind
from engine.api.events import BenchmarkFinished, BenchmarkProgress, Emit, LoadPhase, Terminal
from engine.api.plan import Precision, PrecisionChoice
from engine.bench import bound, decode, device_rates, follow_up, prefill, rivals, tiers
from engine.bench.clean_copy import Copied, clean_copy
from engine.bench.machine_state import Watch
from engine.bench.recommendation import recommend
from engine.bench.subject import Subject, find, folder_for_now
from engine.bench.workbench import Bench, Tell, Workbench
from engine.checkpoints import loader
from engine.checkpoints.inspection import facts_for, inspect
from engine.hardware import machine
from engine.hardware.faults import Fault, fault_of

_NEEDS_COPY = frozenset({BenchmarkPart.RIVALS, BenchmarkPart.PREFILL})
_NEEDS_RATES = frozenset({BenchmarkPart.HARDWARE, BenchmarkPart.DECODE, BenchmarkPart.PREFILL})
_KV_FOLDER = "conversations"
_NO_COPY = Copied(None, "not measured")


@dataclass(frozen=True)
class _Run:
    """What one benchmark works with. folder: gone when it is over; packed copies and conversations lie there."""

    command: RunBenchmark
    folder: Path
    subject: Subject
    cancellation: CancellationToken
    emit: Emit

    def tell(self, step: BenchmarkStep, choice: PrecisionChoice) -> Tell:
        """Return what tells of a step, behind so many tokens."""

        def told(tokens: int) -> None:
            self.cancellation.raise_if_cancelled()
            self.emit(BenchmarkProgress(command_id=self.command.command_id, step=step, precision=choice, tokens=tokens))

        return told

    def wants(self, *parts: BenchmarkPart) -> bool:
        """Return whether one of the parts is to be measured."""
        return any(part in self.command.parts for part in parts)


def measure(command: RunBenchmark, data_folder: Path, cancellation: CancellationToken, emit: Emit) -> Terminal:
    """Measure and return BenchmarkFinished. Raises EngineError (as loading does; DISK) and Cancelled."""
    watch = Watch()

    def tell(step: BenchmarkStep, done: int, total: int) -> None:
        emit(BenchmarkProgress(command_id=command.command_id, step=step, done=done, total=total))

    def tell_load(_phase: LoadPhase, done: int, total: int) -> None:
        tell(BenchmarkStep.PREPARING, done, total)

    def tell_weights(done: int, total: int) -> None:
        tell(BenchmarkStep.MAKING_WEIGHTS, done, total)

    tell(BenchmarkStep.PREPARING, 0, 0)
    with folder_for_now(data_folder) as folder:
        subject = find(command, data_folder, folder, cancellation, tell_load, tell_weights)
        run = _Run(command, folder, subject, cancellation, emit)
        reports = tuple(_with_ratios(list(_reports(run))))
        hardware = machine.describe(data_folder)
    on_card = any(report.plan is not None and report.plan.device.startswith("cuda") for report in reports)
    state = watch.state(uses_card=on_card)
    advice = recommend(subject.name, reports, state)
    report = BenchmarkReport(
        model=subject.name,
        has_random_weights=subject.has_random_weights,
        parts=command.parts,
        hardware=hardware,
        state=state,
        precisions=reports,
        recommendation=advice.sentence,
        recommended=advice.precision,
        seconds=watch.seconds,
    )
    return BenchmarkFinished(command_id=command.command_id, report=report)


def _reports(run: _Run) -> Iterator[PrecisionReport]:
    """Measure one precision after the other; one that can't be had is told, if there are others."""
    choices = run.command.precisions
    for choice in choices:
        failure = ""
        try:
            yield _report(run, choice)
        except EngineError as error:
            if len(choices) == 1 or error.report.kind is ErrorKind.DEVICE_LOST:
                raise
            failure = error.report.sentence()
        if failure:  # outside of the except block, whose traceback holds the model
            yield PrecisionReport(choice=choice, failure=failure)


def _report(run: _Run, choice: PrecisionChoice) -> PrecisionReport:
    wants_second = run.wants(BenchmarkPart.LOAD)
    first, workbench = _loaded(run, choice, copies=not wants_second)
    second = 0.0
    if wants_second:
        workbench.close()
        second, workbench = _loaded(run, choice, copies=True)
    try:
        report = _measured(run, choice, workbench)
    except BaseException as error:
        if not _is_lost(error):
            workbench.close()
        raise
    workbench.close()
    load = LoadTimes(first_seconds=first, second_seconds=second) if wants_second else None
    return msgspec.structs.replace(report, load=load)


def _loaded(run: _Run, choice: PrecisionChoice, *, copies: bool) -> tuple[float, Workbench]:
    """Return the seconds of loading, and what came of it."""

    def report(_phase: LoadPhase, done: int, total: int) -> None:
        step, command_id = BenchmarkStep.LOADING, run.command.command_id
        run.emit(BenchmarkProgress(command_id=command_id, step=step, precision=choice, done=done, total=total))

    started = time.perf_counter()
    loaded = loader.load(
        str(run.subject.folder),
        choice,
        run.command.context_tokens,
        run.command.device,
        run.folder,
        run.cancellation,
        report,
    )
    seconds = time.perf_counter() - started
    plan = msgspec.structs.replace(loaded.plan, name=run.subject.name, checkpoint=run.subject.reference)
    loaded = dataclasses.replace(loaded, plan=plan)
    copied = clean_copy(loaded) if copies and run.wants(*_NEEDS_COPY) else _NO_COPY
    started = time.perf_counter()
    try:
        workbench = Workbench(loaded, copied, run.folder / _KV_FOLDER, run.cancellation)
    except BaseException as error:
        if not _is_lost(error):
            loader.free(loaded)
        raise
    return seconds + time.perf_counter() - started, workbench


def _measured(run: _Run, choice: PrecisionChoice, workbench: Workbench) -> PrecisionReport:
    steps = {step: run.tell(step, choice) for step in BenchmarkStep}
    rates = None
    if run.wants(*_NEEDS_RATES):
        steps[BenchmarkStep.HARDWARE](0)
        rates = device_rates.measure(workbench.loaded.device, workbench.loaded.dtype, run.cancellation)
    bench = _bench(run, workbench, rates)
    report = PrecisionReport(choice=choice, plan=workbench.plan, hardware=rates)
    found: dict[str, object] = {}
    if run.wants(BenchmarkPart.DECODE):
        found["decode"] = decode.measure(workbench, bench, steps[BenchmarkStep.DECODE])
    if run.wants(BenchmarkPart.PREFILL):
        found["prefill"] = prefill.measure(workbench, bench, steps[BenchmarkStep.PREFILL])
    if run.wants(BenchmarkPart.FOLLOW_UP):
        found["follow_up"] = follow_up.measure(workbench, steps[BenchmarkStep.FOLLOW_UP])
    if run.wants(BenchmarkPart.RIVALS):
        is_asked_for = run.command.parts != tuple(BenchmarkPart)
        tell, compiling = steps[BenchmarkStep.RIVALS], steps[BenchmarkStep.COMPILING]
        found["rivals"] = rivals.measure(workbench, tell, compiling, is_asked_for=is_asked_for)
    if run.wants(BenchmarkPart.TIERS):  # last, as it makes the session anew
        found["tiers"] = tiers.measure(workbench, steps[BenchmarkStep.TIERS])
    return msgspec.structs.replace(report, **found)


def _bench(run: _Run, workbench: Workbench, rates: HardwareRates | None) -> Bench:
    hardware = machine.describe(run.folder)
    inspection = inspect(str(run.subject.folder), run.folder, run.cancellation, lambda _phase, _done, _total: None)
    facts = facts_for(inspection, loader.environment_of(workbench.loaded.device, hardware))
    shape = bound.loaded_shape(workbench.plan, hardware)
    if rates is None:
        return Bench(facts, shape)
    matrices = rates.matrix_operations_per_second
    return Bench(facts, shape, rates.bandwidth_bytes_per_second, matrices.median if matrices is not None else 0.0)


def _with_ratios(reports: list[PrecisionReport]) -> Iterator[PrecisionReport]:
    """Yield the reports with each one's decode rate over BF16's, at the longest context that both have."""
    base = next((report for report in reports if report.plan and report.plan.precision is Precision.BF16), None)
    for report in reports:
        ratio = 0.0
        for mine, theirs in zip(report.decode, base.decode if base is not None else (), strict=False):
            if mine.tokens_per_second is not None and theirs.tokens_per_second is not None:
                ratio = mine.tokens_per_second.median / theirs.tokens_per_second.median
        yield msgspec.structs.replace(report, decode_against_bf16=ratio)


def _is_lost(error: BaseException) -> bool:
    if isinstance(error, EngineError):
        return error.report.kind is ErrorKind.DEVICE_LOST
    return fault_of(error) is Fault.DEVICE_LOST
