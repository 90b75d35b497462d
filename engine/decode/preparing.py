"""Which way the decode step runs for a loaded model: recorded where that is possible and right, else eager; and why."""

import logging
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch
from transformers import PreTrainedModel

from engine.decode import compiler
from engine.decode.recording import CudaRecorder, Recorder, again
from engine.decode.rungs import Rungs
from engine.decode.steps import Steps
from engine.hardware.faults import Fault, fault_of
from engine.hardware.reasons import one_line
from engine.kv.slab import KvSlab
from engine.offload.spread import is_offloaded, is_spread, streams_layers
from engine.planning.recorded import CHECKED_IDS

# The check feeds ids over the border between the two shortest reaches.
_CHECKED_LENGTH = 254
# In 16 bit a token that stands between two experts is sent to one or the other, which is as right: each comparison may
# be tried with so many ids, as where KV is checked. A wrong step is wrong at the same place with all of them.
_TRIES = 4
# The kinds of position factors that depend on the length, which a recorded step would keep as they were.
_LENGTH_DEPENDENT = ("dynamic", "longrope")
_log = logging.getLogger(__name__)


class DecodeWay(StrEnum):
    """How a step of decoding is run."""

    EAGER = "eager"
    GRAPH = "graph"
    COMPILED = "compiled"


@dataclass(frozen=True)
class Decode:
    """The way that was chosen, its reason in a few words, and the recorded steps; None where there are none."""

    way: DecodeWay
    reason: str
    steps: Steps | None = None


def prepare(
    model: PreTrainedModel,
    kv: KvSlab,
    rungs: Rungs,
    feed: Callable[[Sequence[int]], torch.Tensor],
    agrees: Callable[[torch.Tensor, torch.Tensor], bool],
    recorder: Recorder | None = None,
) -> Decode:
    """Record the step and hold its logits against those of plain passes, at both sides of a border.

    feed: a plain pass over ids behind what the KV holds, which returns the logits (vocabulary,) after the last. The KV
    is left with what the check fed. recorder: how to record, by default what the device has. Raises where the device
    is lost or unfit; memory that is enough for plain passes only is no reason to refuse the model.
    """
    way = DecodeWay.COMPILED if rungs.compiled else DecodeWay.GRAPH
    if problem := _obstacle(model, kv, rungs) or ("" if recorder else _missing(model, way)):
        return Decode(DecodeWay.EAGER, problem)
    recorder = recorder or (CudaRecorder(model.device) if model.device.type == "cuda" else again)
    steps = Steps(model, kv, recorder, compiles=way is DecodeWay.COMPILED)
    kv.wipe()
    try:
        is_right = _is_right(model, kv, steps, feed, agrees)
    except Exception as error:  # compilers, drivers and architectures each have their own way to fail
        if fault_of(error) in (Fault.DEVICE_LOST, Fault.DEVICE_UNFIT):
            raise
        return Decode(DecodeWay.EAGER, failed(error))
    if not is_right:
        return Decode(DecodeWay.EAGER, "the recorded step computed something else")
    reason = "the step is compiled" if way is DecodeWay.COMPILED else "the step is replayed as a CUDA graph"
    return Decode(way, reason, steps)


def failed(error: Exception) -> str:
    """Return why nothing could be recorded, in a line; the log tells where, which the line of a driver never does."""
    _log.warning("recording the step failed:\n%s", "".join(traceback.format_exception(error)))
    return f"recording the step failed: {one_line(error)}"


def _obstacle(model: PreTrainedModel, kv: KvSlab, rungs: Rungs) -> str:
    """Return why this model can't run as a step of fixed shape, empty if it can."""
    if not (rungs.graph or rungs.compiled):
        return "recording was not wanted"
    if streams_layers(model):
        return "weights in main memory are copied to the card for each token"
    if is_offloaded(model):
        return "each token's row of a table is looked up in main memory"
    if is_spread(model):
        return "the weights are spread over several devices, each layer waits for the one before"
    if not kv.can_be_fixed:
        return "some layers keep states or short windows, whose place changes with each token"
    if _turns_by_length(model):
        return "positions are turned by the conversation's length"
    return ""


def _turns_by_length(model: PreTrainedModel) -> bool:
    kinds: set[object] = set()
    for module in model.modules():
        kind = getattr(module, "rope_type", None)
        kinds.update(kind.values() if isinstance(kind, dict) else [kind])
    return not kinds.isdisjoint(_LENGTH_DEPENDENT)


def _missing(model: PreTrainedModel, way: DecodeWay) -> str:
    """Return what the device lacks for the way, empty for nothing."""
    if way is DecodeWay.COMPILED:
        return compiler.problem(str(model.device))
    return "" if model.device.type == "cuda" else "CUDA graphs need an NVIDIA card"


def _is_right(
    model: PreTrainedModel,
    kv: KvSlab,
    steps: Steps,
    feed: Callable[[Sequence[int]], torch.Tensor],
    agrees: Callable[[torch.Tensor, torch.Tensor], bool],
) -> bool:
    """Whether each of the logits that are compared is right with one of the ids that are tried."""
    different: set[int] | None = None
    for number in range(1 if model.dtype is torch.float32 else _TRIES):
        pairs = _compared(model, kv, steps, feed, number)
        now = {place for place, pair in enumerate(pairs) if not agrees(*pair)}
        different = now if different is None else different & now
        if not different:
            return True
        distances = (float((one - other).norm() / other.norm()) for one, other in pairs)
        _log.warning("recorded logits differ from plain ones by %s", ", ".join(f"{each:.2g}" for each in distances))
    return False


def _compared(
    model: PreTrainedModel, kv: KvSlab, steps: Steps, feed: Callable[[Sequence[int]], torch.Tensor], number: int
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return logits of recorded and of plain passes: one id at a time, then as many as are recorded together."""
    length = min(_CHECKED_LENGTH, kv.capacity - CHECKED_IDS)
    vocabulary = int(model.config.get_text_config().vocab_size)
    total = length + CHECKED_IDS
    ids = [(17 + 7919 * (index + total * number)) % vocabulary for index in range(total)]
    kv.rewind(0)
    feed(ids[:length])
    expected = [feed([token_id]) for token_id in ids[length:]]
    kv.rewind(length)
    found = [steps.feed([token_id])[-1].clone() for token_id in ids[length:]]
    count = max(count for count in steps.counts if count <= CHECKED_IDS)
    if count > 1:
        kv.rewind(length)
        if together := _fed_together(steps, ids[length : length + count]):
            found += together
            expected += expected[:count]
    return list(zip(found, expected, strict=True))


def _fed_together(steps: Steps, ids: Sequence[int]) -> list[torch.Tensor]:
    """Return logits after each of the ids; nothing where only single ids can be recorded (experts one by one)."""
    try:
        return list(steps.feed(ids))
    except Exception as error:  # whatever the model raises where it takes single ids only
        if fault_of(error) is not None:
            raise
        failed(error)
    for count in steps.counts:
        if count > 1:
            steps.refuse(count)
    return []
