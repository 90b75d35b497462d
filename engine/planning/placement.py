"""Which module goes to which device, and the bytes that come to lie there. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.api.plan import KvLayout, MemoryParts
from engine.planning.facts import Block, CheckpointFacts
from engine.planning.loading import ELEMENT_BYTES, Shape
from engine.planning.memory import kv_bytes
from engine.planning.targets import Target
from engine.planning.weights import block_bytes, table_bytes
from engine.planning.working import working_bytes

CPU = "cpu"


@dataclass(frozen=True)
class Placement:
    """Module name to device, and the sum of bytes by part. The map is empty if all lies on one device."""

    device_map: dict[str, str]
    parts: MemoryParts
    weights_by_device: dict[str, int]


def place(
    facts: CheckpointFacts, shape: Shape, targets: Sequence[Target], context_tokens: int, spare_bytes: int = 0
) -> Placement | None:
    """Fill the targets with the modules in order; return None if they don't fit.

    spare_bytes of main memory take what is left over (CPU offload; the first target computes it and holds all KV).
    """
    work = min(shape.chunk_tokens, max(context_tokens, 1))
    seen = seen_tokens(facts, shape)
    working = working_bytes(facts, shape, work, context_tokens, seen)
    room = [target.room_bytes - working for target in targets]
    room[0] -= table_bytes(facts, shape)
    if spare_bytes:
        largest = max(block_bytes(facts, block, shape) for block in facts.blocks)
        room[0] -= largest + sum(_memory_bytes(block, shape, context_tokens) for block in facts.blocks)
    device_map: dict[str, str] = {}
    weights = dict.fromkeys((target.device for target in targets), 0)
    current, offloaded = 0, 0
    for block in facts.blocks:
        size = block_bytes(facts, block, shape)
        needed = size if spare_bytes else size + _memory_bytes(block, shape, context_tokens)
        while current < len(targets) and room[current] < needed:
            current += 1
        if current == len(targets):
            offloaded += size
            if offloaded > spare_bytes:
                return None
            device_map[block.name] = CPU
            continue
        room[current] -= needed
        weights[targets[current].device] += size
        device_map[block.name] = targets[current].device
    weights[targets[0].device] += table_bytes(facts, shape)
    embedding = next((block.name for block in facts.blocks if block.looked_up_elements), "")
    if facts.tied_head and embedding:  # the head is the embedding's own weight: they stay together
        device_map.update({block.name: device_map[embedding] for block in facts.blocks if block.elements == 0})
    return Placement(
        device_map=device_map if len(targets) > 1 or offloaded else {},
        parts=_parts(facts, shape, targets, context_tokens, working, weights, offloaded),
        weights_by_device=weights,
    )


def seen_tokens(facts: CheckpointFacts, shape: Shape) -> int | None:
    """Return how many positions before a chunk its first query sees; None if some layer keeps them all."""
    windows = [layer.window for layer in facts.layers if layer.bytes_per_token]
    if shape.kv_layout is KvLayout.FULL or not windows or None in windows:
        return None
    return max(window for window in windows if window is not None) - 1


def _memory_bytes(block: Block, shape: Shape, tokens: int) -> int:
    if block.memory is None:
        return 0
    return block.memory.scaled(ELEMENT_BYTES[shape.compute]).bytes_at(tokens, shape.slack_tokens)


def _parts(
    facts: CheckpointFacts,
    shape: Shape,
    targets: Sequence[Target],
    tokens: int,
    working: int,
    weights: dict[str, int],
    offloaded: int,
) -> MemoryParts:
    layers = tuple(layer.scaled(ELEMENT_BYTES[shape.compute]) for layer in facts.layers)
    return MemoryParts(
        weights_bytes=sum(weights.values()),
        kv_bytes=kv_bytes(layers, tokens, shape.slack_tokens),
        working_bytes=working * len(targets),
        overhead_bytes=sum(target.overhead_bytes for target in targets),
        reserve_bytes=sum(target.reserve_bytes for target in targets),
        offloaded_bytes=offloaded,
        free_bytes=sum(target.free_bytes for target in targets),
    )
