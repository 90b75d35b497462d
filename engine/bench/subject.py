"""What is measured: a checkpoint of this computer, or a known shape with random weights, refused before it is made."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.api.cancellation import CancellationToken
from engine.api.commands import PlanCheckpoint, RunBenchmark
from engine.api.errors import EngineError, ErrorKind
from engine.api.plan import Fit, Plan
from engine.bench import random_weights
from engine.checkpoints import known_shapes
from engine.checkpoints.planning import plan_checkpoint
from engine.checkpoints.progress import ReportProgress
from engine.checkpoints.resolve import resolve
from engine.hardware import faults
from engine.hardware.ram import read_ram
from engine.planning import precision, shapes
from engine.planning.sizes import in_gb, in_gib

_BYTES_PER_WEIGHT = 2  # bfloat16
# Beside the weights: a file's tensors are copied once while it is written, and other programs go on.
_SPARE_MEMORY_BYTES = 2**30
_SPARE_DISK_BYTES = 2**30


@dataclass(frozen=True)
class Subject:
    """Where the files lie, what they are called, and what a person asked for."""

    folder: Path
    name: str
    reference: str
    has_random_weights: bool


@dataclass(frozen=True)
class PlannedShape:
    """A known shape that fits, and the device that its weights are drawn on."""

    name: str
    maker: str


def find(
    command: RunBenchmark, data_folder: Path, cancellation: CancellationToken, report: ReportProgress
) -> Subject | PlannedShape:
    """Return the checkpoint that the command is about, or the shape, which fits. Raises EngineError and Cancelled."""
    if not command.shape:
        files = resolve(command.checkpoint, data_folder, cancellation, report)
        return Subject(files.folder, files.name, command.checkpoint, False)
    name = known_shapes.named(command.shape)
    if not name:
        known = ", ".join(shapes.names())
        raise EngineError(ErrorKind.INVALID_COMMAND, f"There is no shape “{command.shape}”.", f"There are: {known}.")
    plan = _fitting_plan(command, name, data_folder, cancellation)
    _refuse_small_disk(name, data_folder)
    return PlannedShape(name, _maker(name, plan))


def make(
    planned: PlannedShape, folder: Path, cancellation: CancellationToken, report: random_weights.Report
) -> Subject:
    """Return the shape with random weights, which are written to the folder. Raises Cancelled."""
    made = random_weights.make(planned.name, folder, planned.maker, cancellation, report)
    faults.release()
    title = f"{shapes.shape_of(planned.name).title} (random weights)"
    return Subject(made, title, planned.name, True)


def _fitting_plan(command: RunBenchmark, name: str, data_folder: Path, cancellation: CancellationToken) -> Plan:
    """Return a plan that fits in one of the wished precisions. Raises the planner's refusal if there is none."""
    refusals: list[EngineError] = []
    for choice in command.precisions:
        wish = PlanCheckpoint(
            command_id=command.command_id,
            checkpoint=name,
            precision=choice,
            context_tokens=command.context_tokens,
            device=command.device,
        )
        try:
            plan = plan_checkpoint(wish, (None, None), None, data_folder, cancellation).plan
        except EngineError as error:
            refusals.append(error)
            continue
        if plan.fit is not Fit.TOO_BIG:
            return plan
        refusals.append(precision.refusal(plan))
    raise refusals[0]


def _refuse_small_disk(name: str, data_folder: Path) -> None:
    needed = _weight_bytes(name) + _SPARE_DISK_BYTES
    free = shutil.disk_usage(data_folder).free
    if needed > free:
        raise EngineError(
            ErrorKind.DISK,
            f"Random weights of {shapes.shape_of(name).title} take {in_gb(needed)} GB on disk meanwhile; "
            f"{in_gb(free)} GB are free.",
            "Make room on the disk, or choose a smaller shape.",
        )


def _maker(name: str, plan: Plan) -> str:
    """Return the device that the weights are drawn on: all of them have to fit there in 16 bit."""
    needed = _weight_bytes(name) + _SPARE_MEMORY_BYTES
    if plan.device.startswith("cuda") and faults.free_bytes(torch.device(plan.device)) >= needed:
        return plan.device
    free = read_ram().available_bytes
    if free >= needed:
        return "cpu"
    raise EngineError(
        ErrorKind.OUT_OF_MEMORY,
        f"Random weights of {shapes.shape_of(name).title} take {in_gib(needed)} GiB of memory while they are made; "
        f"{in_gib(free)} GiB are free.",
        "Close other programs, or choose a smaller shape.",
    )


def _weight_bytes(name: str) -> int:
    return shapes.shape_of(name).parameters * _BYTES_PER_WEIGHT
