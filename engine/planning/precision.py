"""(hardware, checkpoint, wishes) -> Plan: precision, devices and context window, each with its reason. Pure.

The ladder: 16 bit, 8 bit, 4 bit, tables in main memory, a smaller context, main memory for more than tables (layers,
or the processor alone), refusal.
"""

from engine.api.errors import EngineError, ErrorKind, Remedy
from engine.api.hardware import Hardware
from engine.api.plan import Fit, Plan, Precision, PrecisionChoice
from engine.api.rates import rounded
from engine.planning.facts import CheckpointFacts
from engine.planning.ladder import (
    DEFAULT_CONTEXT_TOKENS,
    MINIMUM_CONTEXT_TOKENS,
    Rung,
    Wishes,
    fitting,
    less_context,
    precisions_for,
    slow,
    tables_aside,
    unlimited,
    wanted_window,
)
from engine.planning.loading import ELEMENT_BYTES
from engine.planning.memory import kv_bytes_per_token
from engine.planning.reasons import context_reason, main_memory_reason, names, reason, slow_reason, too_big_reason
from engine.planning.speed import expected_tokens_per_second, speed_reason
from engine.planning.targets import targets_of
from engine.planning.weights import weight_bytes

__all__ = ["DEFAULT_CONTEXT_TOKENS", "MINIMUM_CONTEXT_TOKENS", "Wishes", "plan", "refusal"]

_QUANTIZATIONS = {
    Precision.INT8: "8-bit rows (bitsandbytes)",
    Precision.INT4: "NF4, double quantisation (bitsandbytes)",
}


def plan(hardware: Hardware, facts: CheckpointFacts, wishes: Wishes) -> Plan:
    """Return how to load the checkpoint on this hardware; fit TOO_BIG with the arithmetic if nothing goes.

    Raises EngineError: INVALID_COMMAND for a device that isn't there, PRECISION_UNAVAILABLE for a precision whose
    kernels don't work here.
    """
    targets = targets_of(hardware, wishes.device)
    window = wanted_window(facts, wishes)
    precisions = precisions_for(hardware, facts, targets[0], wishes.precision)
    found, fit = next(fitting(facts, precisions, targets, window), None), Fit.FITS
    if found is None:
        found = tables_aside(facts, precisions, targets, window)
    if found is None:
        found, fit = less_context(facts, precisions[-1], targets, window), Fit.LESS_CONTEXT
    if found is not None:
        return _plan(facts, wishes, found, fit, reason(hardware, facts, wishes, precisions, found, targets))
    why = too_big_reason(hardware, facts, wishes, precisions, targets)
    found = slow(hardware, facts, wishes, precisions, targets, window)
    if found is not None:
        return _plan(facts, wishes, found, Fit.SLOW, slow_reason(facts, found, why, len(targets)))
    needed = unlimited(facts, precisions[-1], targets[:1], min(MINIMUM_CONTEXT_TOKENS, window))
    why = " ".join(filter(None, (why, main_memory_reason(hardware, targets))))
    return _plan(facts, wishes, needed, Fit.TOO_BIG, why)


def refusal(refused: Plan, choice: PrecisionChoice = PrecisionChoice.AUTO) -> EngineError:
    """Return the error for a plan that is TOO_BIG; choice: the precision that was asked for."""
    message = f"{refused.name} does not fit: {refused.precision_reason}"
    if choice in (PrecisionChoice.AUTO, PrecisionChoice.INT4):
        return EngineError(ErrorKind.OUT_OF_MEMORY, message, "Close other programs, or choose a smaller model.")
    return EngineError(
        ErrorKind.OUT_OF_MEMORY,
        message,
        "Leave the precision to Hearth (auto), or choose a smaller model.",
        remedies=(Remedy("Let Hearth choose", PrecisionChoice.AUTO),),
    )


def _plan(facts: CheckpointFacts, wishes: Wishes, rung: Rung, fit: Fit, why: str) -> Plan:
    shape, target, parts = rung.shape, rung.targets[0], rung.placement.parts
    layers = tuple(layer.scaled(ELEMENT_BYTES[shape.compute]) for layer in facts.layers)
    speed = 0.0
    if fit is not Fit.TOO_BIG:
        speed = expected_tokens_per_second(facts, shape, rung.targets, rung.placement, rung.window)
    window = 0 if fit is Fit.TOO_BIG else rung.window
    return Plan(
        checkpoint=facts.reference,
        name=facts.name,
        revision=facts.revision,
        parameters=facts.parameters,
        precision=shape.precision,
        precision_reason=why,
        device=target.device,
        device_name=names(rung.targets),
        context_window=window,
        context_reason=context_reason(facts, wishes, window, is_slow=fit is Fit.SLOW),
        weight_bytes=weight_bytes(facts, shape),
        kv_bytes_per_token=kv_bytes_per_token(layers),
        kv_bytes=parts.kv_bytes,
        fit=fit,
        compute=shape.compute,
        quantization=_quantization(facts, shape.precision),
        packed_here=shape.precision in _QUANTIZATIONS and not facts.stays_packed,
        device_map=rung.placement.device_map,
        other_parts=rung.placement.other_parts,
        kv_layout=shape.kv_layout,
        prefill_chunk_tokens=shape.chunk_tokens,
        parts=parts,
        expected_tokens_per_second=rounded(speed),
        speed_reason=speed_reason(facts, shape.precision, rung.targets, speed, rung.placement),
        left_out=facts.left_out,
    )


def _quantization(facts: CheckpointFacts, precision: Precision) -> str:
    if facts.published is not None and facts.stays_packed:
        return facts.published.label
    return _QUANTIZATIONS.get(precision, "")
