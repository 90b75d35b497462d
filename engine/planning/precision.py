"""(target device, checkpoint, wanted context, override) -> precision and context window, each with its reason. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from engine.api.errors import EngineError, ErrorKind
from engine.api.plan import Precision, PrecisionChoice
from engine.planning.memory import LayerMemory, kv_bytes, kv_bytes_per_token, weight_bytes
from engine.planning.sizes import GIB, in_gib

DEFAULT_CONTEXT_TOKENS = 8192
MINIMUM_CONTEXT_TOKENS = 256
_COMFORTABLE_CONTEXT_TOKENS = 2048
SMALL_FLOAT32_BYTES = GIB
_BF16_CAPABILITY = (8, 0)
_ELEMENT_BYTES = {Precision.FP32: 4, Precision.BF16: 2, Precision.FP16: 2}
_LABELS = {Precision.FP32: "FP32", Precision.BF16: "BF16", Precision.FP16: "FP16"}


class DeviceKind(StrEnum):
    """Where a model can be computed."""

    CUDA = "cuda"
    MPS = "mps"
    CPU = "cpu"


@dataclass(frozen=True)
class Target:
    """The device to plan for. free_bytes includes what is about to be given back (the model being replaced)."""

    kind: DeviceKind
    name: str
    free_bytes: int
    reserve_bytes: int
    compute_capability: tuple[int, int] = (0, 0)
    computes_bf16: bool = True


@dataclass(frozen=True)
class CheckpointFacts:
    """What planning needs to know: layers are given with elements of one byte."""

    name: str
    parameters: int
    published_dtype: str
    published_bytes: int
    layers: tuple[LayerMemory, ...]
    maximum_context: int | None


@dataclass(frozen=True)
class Decision:
    """Precision and context window, each with the sentence that explains it; bytes are bytes."""

    precision: Precision
    precision_reason: str
    context_window: int
    context_reason: str
    weight_bytes: int
    kv_bytes_per_token: int
    kv_bytes: int


def decide(target: Target, facts: CheckpointFacts, wanted_context: int | None, choice: PrecisionChoice) -> Decision:
    """Return how to load the checkpoint on the target.

    Raises EngineError: PRECISION_UNAVAILABLE for a format that this version can't load, OUT_OF_MEMORY with the
    arithmetic if weights and the smallest useful context do not fit.
    """
    precision, reason = _choose(target, facts, choice)
    weights = weight_bytes(facts.parameters, precision)
    layers = _scaled(facts.layers, _ELEMENT_BYTES[precision])
    room = target.free_bytes - target.reserve_bytes - weights
    window, context_reason = _context(facts, layers, wanted_context, room)
    if window < min(MINIMUM_CONTEXT_TOKENS, facts.maximum_context or MINIMUM_CONTEXT_TOKENS, wanted_context or 10**9):
        raise _does_not_fit(target, facts, precision, weights, layers)
    return Decision(
        precision=precision,
        precision_reason=reason,
        context_window=window,
        context_reason=context_reason,
        weight_bytes=weights,
        kv_bytes_per_token=kv_bytes_per_token(layers),
        kv_bytes=kv_bytes(layers, window),
    )


def _scaled(layers: tuple[LayerMemory, ...], element_bytes: int) -> tuple[LayerMemory, ...]:
    return tuple(
        LayerMemory(layer.bytes_per_token * element_bytes, layer.window, layer.constant_bytes * element_bytes)
        for layer in layers
    )


def _choose(target: Target, facts: CheckpointFacts, choice: PrecisionChoice) -> tuple[Precision, str]:
    if choice in (PrecisionChoice.INT8, PrecisionChoice.INT4):
        raise EngineError(
            ErrorKind.PRECISION_UNAVAILABLE,
            f"{choice.value.upper()} is not available yet in this version of Hearth.",
            "Choose bf16 or auto.",
        )
    if choice is PrecisionChoice.FP32:
        return Precision.FP32, "FP32 because you asked for it: twice the memory and time of 16 bit."
    if target.kind is DeviceKind.CUDA and target.compute_capability < _BF16_CAPABILITY:
        return Precision.FP16, f"FP16 because {target.name} has no BF16."
    if choice is PrecisionChoice.BF16:
        return Precision.BF16, "BF16 because you asked for it."
    small = facts.published_bytes < SMALL_FLOAT32_BYTES
    if target.kind is DeviceKind.CPU and facts.published_dtype == "F32" and small:
        size = in_gib(facts.published_bytes)
        return Precision.FP32, f"FP32 as published: at {size} GiB this model is small enough to stay exact on the CPU."
    if target.kind is DeviceKind.CPU and not target.computes_bf16:
        return _without_bf16(target, facts)
    if target.kind is DeviceKind.CPU:
        return Precision.BF16, "BF16: on a CPU the speed is that of reading the weights, and this halves them."
    return Precision.BF16, f"BF16: full quality, and {target.name} computes with it directly."


def _without_bf16(target: Target, facts: CheckpointFacts) -> tuple[Precision, str]:
    """Measured on an AVX2 processor: BF16 answers 2 times and reads 5 times slower than FP32 of the same model."""
    weights = weight_bytes(facts.parameters, Precision.FP32)
    conversation = kv_bytes(_scaled(facts.layers, _ELEMENT_BYTES[Precision.FP32]), _COMFORTABLE_CONTEXT_TOKENS)
    if weights + conversation + target.reserve_bytes <= target.free_bytes:
        return (
            Precision.FP32,
            f"FP32 because {target.name} has no BF16 instructions: FP32 is several times faster here.",
        )
    return Precision.BF16, (
        f"BF16 because FP32 ({in_gib(weights)} GiB) does not fit; it is slow here, as {target.name} has no BF16"
        " instructions."
    )


def _context(facts: CheckpointFacts, layers: tuple[LayerMemory, ...], wanted: int | None, room: int) -> tuple[int, str]:
    """Return the window in tokens and why; 0 if not even one token fits."""
    fitting = _tokens_fitting(layers, room)
    limit = facts.maximum_context
    window = min(tokens for tokens in (wanted or DEFAULT_CONTEXT_TOKENS, limit, fitting) if tokens is not None)
    if window == fitting and window < (wanted or DEFAULT_CONTEXT_TOKENS) and window != limit:
        return window, f"{window:,} tokens is what fits into the memory that is left."
    if wanted is not None and window == wanted:
        return window, f"{window:,} tokens because you asked for it."
    if window == limit:
        return window, f"{window:,} tokens is the most this model was made for."
    return window, f"{window:,} tokens is Hearth's usual window."


def _tokens_fitting(layers: tuple[LayerMemory, ...], room: int) -> int | None:
    per_token = kv_bytes_per_token(layers)
    left = room - kv_bytes(layers, 0)
    if left < 0:
        return 0
    return left // per_token if per_token else None


def _does_not_fit(
    target: Target, facts: CheckpointFacts, precision: Precision, weights: int, layers: tuple[LayerMemory, ...]
) -> EngineError:
    smallest = kv_bytes(layers, MINIMUM_CONTEXT_TOKENS)
    return EngineError(
        ErrorKind.OUT_OF_MEMORY,
        f"{facts.name} does not fit: {in_gib(weights)} GiB of weights in {_LABELS[precision]} + {in_gib(smallest)} GiB"
        f" for a short conversation + {in_gib(target.reserve_bytes)} GiB to work in, but only"
        f" {in_gib(target.free_bytes)} GiB are free on {target.name}.",
        "Close other programs, or choose a smaller model.",
    )
