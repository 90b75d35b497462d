"""Tokens per second that the memory bandwidth allows: at batch 1 a token costs the bytes it has to read."""

from collections.abc import Sequence
from dataclasses import replace

from engine.api.plan import Precision
from engine.planning.facts import CheckpointFacts
from engine.planning.loading import ELEMENT_BYTES, Shape
from engine.planning.memory import kv_bytes
from engine.planning.placement import Placement
from engine.planning.targets import DeviceKind, Target
from engine.planning.weights import read_bytes_per_token

# A conversation of this length is read with each token.
TYPICAL_CONTEXT_TOKENS = 2048
# A copy reads and writes each byte; weights are only read, at about the same sum of bytes per second.
_GIGA = 10**9
# Main memory to card while a layer is computed there (PCIe 4.0 x16 from memory that isn't pinned).
TRANSFER_BYTES_PER_SECOND = 12 * _GIGA
# bitsandbytes unpacks NF4 on a processor value by value; measured on two cores of an EPYC with AVX-512.
CPU_NF4_VALUES_PER_SECOND = 1.7 * _GIGA
# Only for comparing ways to run a model where nothing was measured.
_UNKNOWN_RAM_BYTES_PER_SECOND = 20 * _GIGA


def expected_tokens_per_second(
    facts: CheckpointFacts, shape: Shape, targets: Sequence[Target], placement: Placement, context_tokens: int
) -> float:
    """Return the bound, 0.0 if a bandwidth is not known."""
    if any(not target.bandwidth_bytes_per_second for target in targets):
        return 0.0
    total = placement.parts.weights_bytes + placement.parts.offloaded_bytes
    share = read_bytes_per_token(facts, shape) / total if total else 0.0
    layers = tuple(layer.scaled(ELEMENT_BYTES[shape.compute]) for layer in facts.layers)
    conversation = kv_bytes(layers, min(context_tokens, TYPICAL_CONTEXT_TOKENS), shape.slack_tokens)
    seconds = placement.parts.offloaded_bytes * share / TRANSFER_BYTES_PER_SECOND
    for target in targets:
        held = placement.weights_by_device[target.device] * share + conversation / len(targets)
        seconds += held / target.bandwidth_bytes_per_second
    return 1 / max(seconds, _unpacking_seconds(facts, shape, targets[0]), 1e-9)


def comparable(target: Target) -> Target:
    """Return the target with some bandwidth, so that slow ways to run a model can be compared."""
    if target.bandwidth_bytes_per_second:
        return target
    return replace(target, bandwidth_bytes_per_second=_UNKNOWN_RAM_BYTES_PER_SECOND)


def speed_reason(target: Target, tokens_per_second: float, offloads: bool, cards: int = 1) -> str:
    """Say where the number comes from; empty if there is none."""
    if not tokens_per_second:
        return ""
    source = "measured here" if target.bandwidth_source == "measured" else f"by its {target.bandwidth_source}"
    rate = target.bandwidth_bytes_per_second / _GIGA
    moved = ", and what lies in main memory is copied to the card for every token" if offloads else ""
    turns = " The cards take turns with each token, so they hold more together but are no faster." if cards > 1 else ""
    read = f"{target.name} moves {rate:,.0f} GB/s ({source}), and each token reads the weights once{moved}"
    return f"At most: {read}.{turns}"


def _unpacking_seconds(facts: CheckpointFacts, shape: Shape, target: Target) -> float:
    if target.kind is not DeviceKind.CPU or shape.precision is not Precision.INT4:
        return 0.0
    values = sum(matrix.elements for block in facts.blocks for matrix in block.packed)
    experts = sum(matrix.elements for block in facts.blocks for matrix in block.experts)
    return (values + experts * facts.expert_share) / CPU_NF4_VALUES_PER_SECOND
