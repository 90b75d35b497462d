"""One benchmark from its command to its report. Owns the model while it runs; none is loaded afterwards."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from engine.api.benchmark import (
    BenchmarkPart,
    BenchmarkReport,
    BenchmarkStep,
    LoadTimes,
    PrecisionReport,
)
from engine.api.cancellation import CancellationToken
from engine.api.commands import RunBenchmark
from engine.api.errors import EngineError, ErrorKind
from engine.api.events import BenchmarkFinished, BenchmarkProgress, Emit, LoadPhase, Terminal
from engine.api.plan import Precision, PrecisionChoice
from engine.bench import decode, device_rates, follow_up, prefill, rivals, tiers
from engine.bench.folders import folder_for_now
from engine.bench.machine_state import Watch
from engine.bench.opening import Opening, bench_of, is_lost, open_workbench
from engine.bench.recommendation import recommend
from engine.bench.subject import Subject, find, make
from engine.bench.workbench import Tell, Workbench
from engine.hardware import machine

_NEEDS_COPY = frozenset({BenchmarkPart.RIVALS, BenchmarkPart.PREFILL})
_NEEDS_RATES = frozenset({BenchmarkPart.HARDWARE, BenchmarkPart.DECODE, BenchmarkPart.PREFILL})


@dataclass(frozen=True)
class _Run:
    """What one benchmark works with. folder: packed copies and conversations lie there."""

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


def measure(
    command: RunBenchmark,
    data_folder: Path,
    cancellation: CancellationToken,
    emit: Emit,
    lasting: Path | None = None,
) -> Terminal:
    """Measure and return BenchmarkFinished. Raises EngineError (as loading does; DISK) and Cancelled.

    lasting: a folder in which packed copies stay for later runs; by default nothing stays.
    """
    watch = Watch()

    def tell(step: BenchmarkStep, done: int, total: int) -> None:
        emit(BenchmarkProgress(command_id=command.command_id, step=step, done=done, total=total))

    def tell_load(_phase: LoadPhase, done: int, total: int) -> None:
        tell(BenchmarkStep.PREPARING, done, total)

    def tell_weights(done: int, total: int) -> None:
        tell(BenchmarkStep.MAKING_WEIGHTS, done, total)

    tell(BenchmarkStep.PREPARING, 0, 0)
    found = find(command, data_folder, cancellation, tell_load)
    cancellation.raise_if_cancelled()
    with folder_for_now(data_folder) as folder:
        subject = found if isinstance(found, Subject) else make(found, folder, cancellation, tell_weights)
        run = _Run(command, lasting or folder, subject, cancellation, emit)
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
    command = run.command
    opening = Opening(run.subject, choice, command.context_tokens, command.device, run.folder, run.cancellation)
    wants_second, wants_copy = run.wants(BenchmarkPart.LOAD), run.wants(*_NEEDS_COPY)

    def report_load(_phase: LoadPhase, done: int, total: int) -> None:
        step = BenchmarkStep.LOADING
        run.emit(BenchmarkProgress(command_id=command.command_id, step=step, precision=choice, done=done, total=total))

    first, workbench = open_workbench(opening, report_load, copies=wants_copy and not wants_second)
    second = 0.0
    if wants_second:
        workbench.close()
        second, workbench = open_workbench(opening, report_load, copies=wants_copy)
    try:
        report = _measured(run, opening, workbench)
    except BaseException as error:
        if not is_lost(error):
            workbench.close()
        raise
    workbench.close()
    load = LoadTimes(first_seconds=first, second_seconds=second) if wants_second else None
    return msgspec.structs.replace(report, load=load)


def _measured(run: _Run, opening: Opening, workbench: Workbench) -> PrecisionReport:
    steps = {step: run.tell(step, opening.choice) for step in BenchmarkStep}
    rates = None
    if run.wants(*_NEEDS_RATES):
        steps[BenchmarkStep.HARDWARE](0)
        rates = device_rates.measure(workbench.loaded.device, workbench.loaded.dtype, run.cancellation)
    bench = bench_of(opening, workbench, rates)
    report = PrecisionReport(choice=opening.choice, plan=workbench.plan, hardware=rates)
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


def _with_ratios(reports: list[PrecisionReport]) -> Iterator[PrecisionReport]:
    """Yield the reports with each one's decode rate over BF16's, at the longest context that both have."""
    base = next((report for report in reports if report.plan and report.plan.precision is Precision.BF16), None)
    for report in reports:
        ratio = 0.0
        for mine, theirs in zip(report.decode, base.decode if base is not None else (), strict=False):
            if mine.tokens_per_second is not None and theirs.tokens_per_second is not None:
                ratio = mine.tokens_per_second.median / theirs.tokens_per_second.median
        yield msgspec.structs.replace(report, decode_against_bf16=ratio)
