"""Quantised once, loaded many times: the packed weights of a model, kept on disk and read instead of the original's.

Only weights come from a copy; tokenizer, configuration and generation configuration stay the original's. A copy holds
packed weights in the layout that every device reads, so it must be saved before quantizers.finish.
"""

import copy
import dataclasses
import hashlib
import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import torch
from transformers import GenerationConfig, PreTrainedModel

from engine.api.cancellation import CancellationToken
from engine.api.checkpoint import CheckpointKind
from engine.api.errors import Cancelled, EngineError, ErrorKind
from engine.api.events import LoadPhase
from engine.api.plan import Plan
from engine.checkpoints import copy_folders
from engine.checkpoints.building import DTYPES, Blueprint, build
from engine.checkpoints.conversion import RECORD_NAME, discard
from engine.checkpoints.files import CONFIG_NAME, INDEX_NAME, CheckpointFiles, read_tensors, shard_names
from engine.checkpoints.progress import ReportProgress, WeightProgress, watched
from engine.hardware.faults import Fault, device_lost, fault_of

_FORMAT_VERSION = 1
_SHARD_BYTES = 256 * 2**20  # a Stop is looked for between two of them
_HEADER_BYTES_PER_TENSOR = 512
_SMALL_FILES_BYTES = 2**20
_HASH_CHARACTERS = 16
_LONGEST_NAME = 40
# What a copy that can't be read fails with; anything else (memory, device) would happen with the original as well.
_DAMAGED = (ErrorKind.CHECKPOINT_INCOMPLETE, ErrorKind.CHECKPOINT_UNSUPPORTED)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CopyIdentity:
    """folder_name: of everything that the content depends on. source: what it is a copy of, in any version of it."""

    folder_name: str
    source: str


def identify(files: CheckpointFiles, plan: Plan) -> CopyIdentity | None:
    """Return what the copy of the checkpoint as planned is called; None for files that can't be read."""
    try:
        original = _original(files)
    except OSError as error:
        _log.warning("no quantised copy of %s: %s", files.name, error)
        return None
    # Imported here: it takes seconds, and where bitsandbytes is broken everything else still works.
    from engine.quantization import quantizers

    recipe = quantizers.quantization_config_for(plan.precision, DTYPES[plan.compute])
    content: dict[str, object] = {"original": original, "recipe": recipe.to_dict(), "linears": recipe.plain().to_dict()}
    content |= {"versions": _versions(), "format": _FORMAT_VERSION}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode("utf-8", "surrogateescape"))
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", files.name).strip("-.")[:_LONGEST_NAME] or "model"
    source = f"{original['place']} as {plan.precision.value} for {plan.compute.value}"
    return CopyIdentity(f"{readable}-{plan.precision.value}-{digest.hexdigest()[:_HASH_CHARACTERS]}", source)


def load(
    blueprint: Blueprint,
    identity: CopyIdentity,
    data_folder: Path,
    report: ReportProgress,
    cancellation: CancellationToken,
) -> PreTrainedModel | None:
    """Return the blueprint's model with weights from its copy; None if there is no copy, or none that can be used.

    A damaged copy is removed. Raises EngineError (OUT_OF_MEMORY, DEVICE_LOST) and Cancelled as build does.
    """
    folder = copy_folders.find(data_folder, identity.folder_name)
    if folder is None:
        return None
    try:
        return _load(blueprint, folder, report, cancellation)
    except Cancelled:
        raise
    except EngineError as error:
        if error.report.kind not in _DAMAGED:
            raise
        reason = f"{error.report.message} {error.report.details}"
    except Exception as error:  # whatever damaged weights make the libraries raise: the original is still there
        if fault_of(error) is not None:
            raise
        reason = repr(error)
    _log.warning("the quantised copy %s can't be loaded and is made anew: %s", folder.name, reason)
    discard(folder)
    return None


def keep(
    model: PreTrainedModel,
    identity: CopyIdentity,
    original_bytes: int,
    data_folder: Path,
    report: ReportProgress,
    cancellation: CancellationToken,
    cap_bytes: int | None = None,
) -> bool:
    """Save the packed weights of a model that was just built, and return whether a copy is kept.

    Nothing is kept if it would be as large as the original, if there is no room under the cap (None: as
    copy_folders.default_cap_bytes says) or on the disk, or if writing fails: the log tells, the model is not harmed.
    Raises Cancelled, and EngineError(DEVICE_LOST).
    """
    wanted = _stored_bytes(model)
    if wanted >= original_bytes:
        _log.info("no quantised copy: it would take %d bytes, the original takes %d", wanted, original_bytes)
        return False

    def tell(done: int, total: int) -> None:
        cancellation.raise_if_cancelled()
        report(LoadPhase.CHECKING, wanted * done // max(total, 1), wanted)

    try:
        tell(0, 1)
        name, source = identity.folder_name, identity.source
        kept = copy_folders.add(data_folder, name, source, wanted, lambda folder: _save(model, folder, tell), cap_bytes)
    except Cancelled:
        raise
    except Exception as error:  # transformers turns weights back to their published form, packed ones or not
        if fault_of(error) is Fault.DEVICE_LOST:
            raise device_lost(error) from error
        _log.warning("no quantised copy of %s could be kept: %r", identity.source, error)
        return False
    if not kept:
        _log.info("no quantised copy: there is no room for %d bytes", wanted)
    return kept


def _load(
    blueprint: Blueprint, folder: Path, report: ReportProgress, cancellation: CancellationToken
) -> PreTrainedModel:
    files = dataclasses.replace(blueprint.files, folder=folder)
    sizes = {name: header.size_bytes for name, header in read_tensors(files, shard_names(files)).items()}
    config = copy.deepcopy(blueprint.config)  # the original's has to stay fit for the original
    config.quantization_config = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))["quantization_config"]
    packed = dataclasses.replace(blueprint, folder=folder, config=config, is_copy=True)
    model = build(packed, WeightProgress(sizes, report, cancellation))
    if model.can_generate():
        model.generation_config = _generation_config(blueprint.folder)
    return model


def _generation_config(folder: Path) -> GenerationConfig:
    """Return what transformers would have read beside the original weights."""
    try:
        return GenerationConfig.from_pretrained(str(folder), local_files_only=True)
    except OSError:
        return GenerationConfig.from_pretrained(
            str(folder), config_file_name=CONFIG_NAME, local_files_only=True, _from_model_config=True
        )


def _save(model: PreTrainedModel, folder: Path, tell: Callable[[int, int], None]) -> None:
    def on_step(description: str, item: object, done: int, total: int) -> None:
        tell(done, total)

    config, generation_config = model.config, model.generation_config
    dtype, architectures = config.dtype, config.architectures
    # Published generation configurations are not all valid enough to be saved, and none is read from a copy.
    model.generation_config = GenerationConfig()  # type: ignore[no-untyped-call]
    try:
        with watched(on_step):
            model.save_pretrained(folder, max_shard_size=_SHARD_BYTES)
    finally:
        model.generation_config = generation_config
        config.dtype, config.architectures = dtype, architectures  # save_pretrained writes into them
    tell(1, 1)


def source_of(files: CheckpointFiles) -> str:
    """Return a hash of what tells these weights from others; empty if the files can't be read."""
    try:
        content = json.dumps(_original(files), sort_keys=True)
    except OSError:
        return ""
    return hashlib.sha256(content.encode("utf-8", "surrogateescape")).hexdigest()


def _stored_bytes(model: PreTrainedModel) -> int:
    """Return about what saving the model takes, a little too much rather than too little."""
    tensors = [value for value in model.state_dict().values() if isinstance(value, torch.Tensor)]
    distinct = {(value.device, value.data_ptr(), value.nbytes) for value in tensors}
    content = sum(size for _, _, size in distinct)
    return content + _HEADER_BYTES_PER_TENSOR * len(tensors) + _SMALL_FILES_BYTES


def _original(files: CheckpointFiles) -> Mapping[str, object]:
    """Return what tells these weights from others; a file of the same size and date is compared by some of its content.

    Raises OSError.
    """
    is_converted = files.kind in (CheckpointKind.STARTER, CheckpointKind.GGUF)
    is_published = files.kind is CheckpointKind.HUB_CACHE
    names = [CONFIG_NAME, *([INDEX_NAME] if (files.folder / INDEX_NAME).is_file() else []), *shard_names(files)]
    contents = {}
    for name in [*names, *([RECORD_NAME] if is_converted else [])]:
        # A file of the Hub is named by its revision: when it was downloaded says nothing about it. A conversion's
        # record tells it from all others, and it has its name wherever the data folder is moved or copied to.
        changed = 0 if is_published or is_converted else (files.folder / name).stat().st_mtime_ns
        contents[name] = [changed, copy_folders.fingerprint(files.folder / name)]
    place = files.reference if is_published else files.folder.name if is_converted else str(files.folder)
    return {"place": place, "revision": files.revision, "files": contents}


def _versions() -> list[str]:
    torch_version = ".".join(metadata.version("torch").split(".")[:2])
    return [torch_version, metadata.version("transformers"), metadata.version("bitsandbytes")]
