"""What the check of a model's KV found at an earlier load of the very same, so that nobody waits for it twice.

Owns a small file in the data folder. It is trusted for the same weights, precision, placement, program, libraries and
machine only, and only where the model says to a few ids what it said then: a damaged file, or any doubt, is nothing
found.
"""

import contextlib
import hashlib
import json
import logging
import math
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import msgspec
import torch

import engine
from engine.api.files import replace_file
from engine.checkpoints.loader import LoadedModel
from engine.decode.rungs import Rungs
from engine.generation.kv_check import are_equal
from engine.hardware.cpu import cpu_features, cpu_name
from engine.hardware.gpus import find_gpus
from engine.hardware.versions import installed_versions

FILE_NAME = "checks.json"
_MOST_BYTES = 256 * 1024
_MOST_MODELS = 32
# So many logits of each pass are kept, spread over the vocabulary: a model that answers otherwise differs in most.
_KEPT_LOGITS = 64
_ALL_RUNGS = Rungs()
_log = logging.getLogger(__name__)


class Finding(msgspec.Struct, frozen=True):
    """The way of keeping KV that was right, as KvWay has it, and some of the logits that it was right by."""

    mode: Annotated[str, msgspec.Meta(pattern="^(slab|growing|whole|none)$")]
    in_slab: bool
    tells_positions: bool
    is_windowed: bool
    can_be_put_back: bool
    logits: tuple[tuple[float, ...], ...]

    def agrees(self, place: int, found: torch.Tensor, dtype: torch.dtype) -> bool:
        """Return whether logits of a model of that dtype are numbers, and no further from then than rounding brings."""
        now, then = some_of(found), self.logits[place] if place < len(self.logits) else ()
        is_whole = len(now) == len(then) and bool(found.isfinite().all())
        return is_whole and are_equal(torch.tensor(now), torch.tensor(then), dtype)


class PastCheck:
    """What is known in the folder of a model that is loaded in one way; rungs: how its passes are made quick."""

    def __init__(self, folder: Path, loaded: LoadedModel, rungs: Rungs = _ALL_RUNGS) -> None:
        self._folder = folder
        self._path = folder / FILE_NAME
        self._key = ""
        with contextlib.suppress(OSError):
            self._key = _key_of(loaded, rungs)

    def of_draft(self, draft: LoadedModel) -> "PastCheck":
        """Return what is known of the model's draft model, which is loaded with all that makes passes quick."""
        return PastCheck(self._folder, draft)

    def find(self) -> Finding | None:
        """Return what was found; None if nothing was, or if it can't be read."""
        return _read(self._path).get(self._key)

    def keep(self, finding: Finding) -> None:
        """Write what was found, at once and as a whole. A file that can't be written is left alone."""
        if not self._key or not all(math.isfinite(logit) for logits in finding.logits for logit in logits):
            return
        others = {key: kept for key, kept in _read(self._path).items() if key != self._key}
        newest = dict([*others.items(), (self._key, finding)][-_MOST_MODELS:])
        temporary = ""
        try:
            descriptor, temporary = tempfile.mkstemp(prefix=".checks-", suffix=".json", dir=self._path.parent)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(newest))
            replace_file(Path(temporary), self._path)
        except OSError as error:
            _log.warning("what the check found could not be saved: %s", error)
            with contextlib.suppress(OSError):
                Path(temporary).unlink(missing_ok=True)


def some_of(logits: torch.Tensor) -> tuple[float, ...]:
    """Return those of (vocabulary,) logits that are kept."""
    step = max(1, len(logits) // _KEPT_LOGITS) | 1  # odd: kernels treat every 8th alike
    return tuple(logits[::step][:_KEPT_LOGITS].tolist())


def _read(path: Path) -> dict[str, Finding]:
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return {}
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Finding])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _key_of(loaded: LoadedModel, rungs: Rungs) -> str:
    """Return a hash of everything that decides what the check finds; empty if the weights' source isn't known."""
    if not loaded.source:
        return ""
    plan, gpus = loaded.plan, find_gpus()
    decisive = {
        "source": loaded.source,
        "precision": [plan.precision, plan.quantization, plan.compute, str(loaded.dtype)],
        "placement": [plan.device, plan.device_map, plan.kv_layout],
        "rungs": asdict(rungs),
        "program": _program(),
        "versions": installed_versions(),
        "machine": [cpu_name(), cpu_features(), torch.get_num_threads(), gpus.cuda_build, gpus.driver],
        "gpus": [[gpu.name, gpu.compute_capability] for gpu in gpus.gpus],
    }
    content = json.dumps(decisive, sort_keys=True, default=str)
    return hashlib.sha256(content.encode("utf-8", "surrogateescape")).hexdigest()


def _program() -> list[tuple[str, int, int]]:
    """Return what tells this state of the engine's code from any other: its version stays while it is worked on."""
    folder = Path(engine.__file__).parent
    stamps = ((path.relative_to(folder).as_posix(), path.stat()) for path in folder.rglob("*.py"))
    return sorted((name, status.st_size, status.st_mtime_ns) for name, status in stamps)
