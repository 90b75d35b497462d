"""A reference -> the plan for loading it, without loading, converting or downloading it.

Runs on the compute lane: transformers changes torch's defaults for the whole process while it builds a skeleton.
"""

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import torch

from engine.api.cancellation import CancellationToken
from engine.api.checkpoint import CheckpointKind
from engine.api.commands import PlanCheckpoint
from engine.api.errors import EngineError, ErrorKind
from engine.api.events import CheckpointPlanned, PlanSource
from engine.api.plan import Fit
from engine.checkpoints import known_shapes
from engine.checkpoints.conversion import is_complete
from engine.checkpoints.files import CONFIG_NAME, CheckpointContents, CheckpointFiles
from engine.checkpoints.inspection import Inspection, facts_for, inspection_of, published_facts
from engine.checkpoints.loader import LoadedModel, environment_of, refuse_missing_kernels
from engine.checkpoints.machines import supposed_hardware, with_freed
from engine.checkpoints.matching import refuse_other_tensors
from engine.checkpoints.remote_files import LookedUp, RemoteFiles, RemoteShape
from engine.checkpoints.resolve import locate
from engine.checkpoints.safety import badly_quantized, check, unbuildable
from engine.checkpoints.skeleton import Source, facts_of, skeleton_of
from engine.hardware import machine
from engine.hub.waiting import awaited
from engine.planning import precision
from engine.planning.drafts import plan_with_draft
from engine.planning.facts import CheckpointFacts
from engine.planning.shapes import Shape, shape_of
from engine.planning.targets import targets_of
from engine.quantization.published.environment import Environment, everything_installed, requirement

_DTYPES = {"bfloat16": ("BF16", 2), "float16": ("F16", 2), "float32": ("F32", 4)}

# Reading configuration and headers takes a moment, on a busy machine with a cold disk some seconds.
_FILES_SECONDS = 60.0

_NOT_COMPARED = "Whether model and draft model have the same vocabulary is looked at when they are loaded."


@dataclass(frozen=True)
class _Found:
    """What is known of the checkpoint, from where.

    shape: what stands in for its files, whose weights take weight_bytes (0: as many as the shape has).
    """

    inspection: Inspection
    source: PlanSource
    shape: Shape | None = None
    note: str = ""
    weight_bytes: int = 0


def plan_checkpoint(
    command: PlanCheckpoint,
    looked_up: tuple[LookedUp | None, LookedUp | None],
    replaced: LoadedModel | None,
    data_folder: Path,
    cancellation: CancellationToken,
) -> CheckpointPlanned:
    """Return how the checkpoint would be loaded on this computer or the supposed one; fit TOO_BIG is a plan as well.

    looked_up: what the Hub told of model and draft model, or why it told nothing. replaced: the loaded model, whose
    memory counts as free.
    Raises EngineError as loading would, but for memory, and Cancelled.
    """
    found = _find_in_time(command.checkpoint, looked_up[0], data_folder, cancellation)
    draft = _find_in_time(command.draft, looked_up[1], data_folder, cancellation) if command.draft else None
    cancellation.raise_if_cancelled()
    hardware = machine.describe(data_folder)
    if replaced is not None:
        hardware = with_freed(hardware, replaced)
    hardware = supposed_hardware(hardware, command.supposed)
    targets = targets_of(hardware, command.device)
    environment = environment_of(torch.device(targets[0].device), hardware)
    notes = [found.note, lacking_parts(found.inspection, environment, is_supposed=command.supposed is not None)]
    if draft is not None:
        notes += [draft.note, lacking_parts(draft.inspection, environment, is_supposed=command.supposed is not None)]
        notes.append(_NOT_COMPARED)
    cancellation.raise_if_cancelled()
    wishes = precision.Wishes(command.context_tokens, command.precision, command.device)
    draft_facts = _facts(draft, environment, cancellation) if draft is not None else None
    plan, draft_plan = plan_with_draft(hardware, _facts(found, environment, cancellation), wishes, draft_facts)
    if plan.fit is Fit.TOO_BIG:  # its parts are those of a device without bounds
        free_bytes = sum(target.free_bytes for target in targets) - plan.draft_bytes
        plan = msgspec.structs.replace(plan, parts=msgspec.structs.replace(plan.parts, free_bytes=max(free_bytes, 0)))
    return CheckpointPlanned(
        command_id=command.command_id,
        plan=plan,
        hardware=hardware,
        source=found.source,
        notes=tuple(note for note in notes if note),
        draft=draft_plan,
    )


def _facts(found: _Found, environment: Environment, cancellation: CancellationToken) -> CheckpointFacts:
    if found.shape:
        return _shape_facts(found, environment)
    facts = facts_for(found.inspection, environment)
    if found.source is not PlanSource.GGUF:  # whose tensors have other names
        refuse_other_tensors(found.inspection, cancellation)
    return facts


def _find_in_time(
    reference: str, looked_up: LookedUp | None, data_folder: Path, cancellation: CancellationToken
) -> _Found:
    """Return what is known of the checkpoint. Raises EngineError where its files hang: others wait for this lane."""
    try:
        return awaited(lambda: _find(reference, looked_up, data_folder), cancellation, _FILES_SECONDS)
    except TimeoutError as error:
        raise EngineError(
            ErrorKind.DISK,
            f"The disk or file server with the model {Path(reference).name} doesn't answer.",
            "Check whether it is connected, then try again.",
            reference,
        ) from error


def _find(reference: str, looked_up: LookedUp | None, data_folder: Path) -> _Found:
    if isinstance(looked_up, RemoteShape):
        shape = looked_up.shape
        inspection = _inspected(looked_up.files, CheckpointContents(shape.config), shape.config)
        return _Found(inspection, PlanSource.HUB, shape, looked_up.note, looked_up.weight_bytes)
    if isinstance(looked_up, RemoteFiles):
        config = json.loads(looked_up.config_text)
        return _Found(_inspected(looked_up.files, looked_up.contents, config), PlanSource.HUB)
    try:
        return _found_here(reference, data_folder)
    except EngineError as error:
        name = known_shapes.named(reference)
        unknown = error.report.kind in (ErrorKind.CHECKPOINT_NOT_FOUND, ErrorKind.CHECKPOINT_INCOMPLETE)
        if not name or not unknown:
            raise looked_up or error from None
    return _from_shape(reference, shape_of(name), looked_up)


def _found_here(reference: str, data_folder: Path) -> _Found:
    # Imported here: only GGUF files are to need the package gguf.
    from engine.checkpoints import gguf_description

    files, gguf_file = locate(reference, data_folder)
    own = files.kind in (CheckpointKind.STARTER, CheckpointKind.GGUF)
    if own and gguf_file is not None and not is_complete(files.folder):
        described = gguf_description.describe(gguf_file)
        contents = CheckpointContents(described.config, described.tensors)
        note = "The file's own description was read; it is converted when it is loaded for the first time."
        return _Found(_inspected(files, contents, described.config), PlanSource.GGUF, note=note)
    return _Found(inspection_of(files, check(files)), PlanSource.FILES)


def _from_shape(reference: str, shape: Shape, why: EngineError | None) -> _Found:
    files = CheckpointFiles(reference, shape.title, CheckpointKind.HUB_CACHE, Path())
    inspection = _inspected(files, CheckpointContents(shape.config), shape.config)
    because = f" {why.report.message}" if why is not None else ""
    note = f"Planned by the known shape of {shape.title}; its files were not looked at.{because}"
    return _Found(inspection, PlanSource.KNOWN_SHAPE, shape, note)


def _inspected(files: CheckpointFiles, contents: CheckpointContents, content: object) -> Inspection:
    """Let transformers read a configuration that lies in no folder."""
    with tempfile.TemporaryDirectory(prefix="hearth-") as name:
        (Path(name) / CONFIG_NAME).write_text(json.dumps(content), encoding="utf-8")
        return inspection_of(files, contents, Path(name))


def _shape_facts(found: _Found, environment: Environment) -> CheckpointFacts:
    inspection, shape = found.inspection, found.shape
    assert shape is not None
    dtype, size = _DTYPES.get(str(shape.config.get("dtype") or shape.config.get("torch_dtype")), _DTYPES["bfloat16"])
    published = inspection.published
    weight_bytes = found.weight_bytes or shape.parameters * (published.bits if published is not None else 8 * size) // 8
    try:
        skeleton = skeleton_of(inspection.config)
    except Exception as error:  # as in inspection: odd values let architectures raise anything
        raise unbuildable(inspection.files, "it could not be built from its known shape", error) from error
    source = Source(dtype, weight_bytes)
    packed = published_facts(published, environment)
    facts = facts_of(inspection.files, inspection.config, skeleton, source, packed)
    return replace(facts, left_out=inspection.left_out)


def lacking_parts(inspection: Inspection, environment: Environment, *, is_supposed: bool) -> str:
    """Return the sentence about what has to be installed on a supposed machine, empty if nothing has.

    Raises EngineError(CHECKPOINT_UNSUPPORTED) for what can't be installed, and on this computer for either.
    """
    published = inspection.published
    if published is None or not is_supposed:
        refuse_missing_kernels(inspection, environment)
        return ""
    if lacking := requirement(published, everything_installed(environment)):
        raise badly_quantized(inspection.files, f"{lacking[0].lower()}{lacking[1:].rstrip('.')}")
    return requirement(published, environment)
