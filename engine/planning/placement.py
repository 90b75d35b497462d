"""Which module goes to which device, and the bytes that come to lie there. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.api.plan import WINDOW_SLACK_TOKENS, KvLayout, MemoryParts, Precision
from engine.planning.facts import Block, CheckpointFacts
from engine.planning.memory import kv_bytes
from engine.planning.targets import Target
from engine.planning.weights import ELEMENT_BYTES, block_bytes
from engine.planning.working import working_bytes

CPU = "cpu"


@dataclass(frozen=True)
class Shape:
    """How a checkpoint would be loaded: everything about it but the devices and the context window."""

    precision: Precision
    compute: Precision
    kv_layout: KvLayout = KvLayout.FULL
    chunk_tokens: int = 2048

    @property
    def slack_tokens(self) -> int | None:
        """What windowed layers keep beyond their window, None if all is kept."""
        return WINDOW_SLACK_TOKENS if self.kv_layout is KvLayout.WINDOWED else None


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
    working = working_bytes(facts, shape.precision, shape.compute, work, context_tokens)
    room = [target.room_bytes - working for target in targets]
    if spare_bytes:
        largest = max(block_bytes(facts, block, shape.precision, shape.compute) for block in facts.blocks)
        room[0] -= largest + sum(_memory_bytes(block, shape, context_tokens) for block in facts.blocks)
    device_map: dict[str, str] = {}
    weights = dict.fromkeys((target.device for target in targets), 0)
    current, offloaded = 0, 0
    head_goes_to = ""
    for block in facts.blocks:
        size = block_bytes(facts, block, shape.precision, shape.compute)
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
        head_goes_to = head_goes_to or (targets[current].device if block.kept_elements else "")
    if facts.tied_head:  # it is the embedding's own weight: they stay together
        device_map.update({block.name: head_goes_to for block in facts.blocks if block.elements == 0})
    return Placement(
        device_map=device_map if len(targets) > 1 or offloaded else {},
        parts=_parts(facts, shape, targets, context_tokens, working, weights, offloaded),
        weights_by_device=weights,
    )


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
