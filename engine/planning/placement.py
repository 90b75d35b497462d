"""Which module goes to which device, and the bytes that come to lie there. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from msgspec import structs

from engine.api.plan import OFFLOADED, KvLayout, MemoryParts
from engine.planning import recorded
from engine.planning.facts import Block, CheckpointFacts
from engine.planning.loading import ELEMENT_BYTES, Shape
from engine.planning.memory import kv_bytes
from engine.planning.targets import DeviceKind, Target
from engine.planning.weights import block_sizes, expert_sizes, table_bytes
from engine.planning.working import working_bytes

# Layers whose weights wait in main memory have so many places on the card: one computes while another is filled.
STREAMING_SLOTS = 2


@dataclass(frozen=True)
class Placement:
    """Module name to device, and the sum of bytes by part. The map is empty if all lies on one device.

    other_parts: modules that wait in main memory as no text goes through them, of other_bytes; the map doesn't have
    them. streamed_bytes: weights that are copied to the device for every pass over a chunk of ids. token_bytes: those
    of them that one id needs.
    """

    device_map: dict[str, str]
    parts: MemoryParts
    weights_by_device: dict[str, int]
    other_parts: tuple[str, ...] = ()
    other_bytes: int = 0
    streamed_bytes: int = 0
    token_bytes: int = 0


class Aside(Enum):
    """What may wait in main memory beside tables: nothing, whole layers, or of each layer only its experts.

    Of experts that wait, those are copied that an id goes to, if few ids are fed.
    """

    TABLES = auto()
    LAYERS = auto()
    EXPERTS = auto()


@dataclass(frozen=True)
class _Waiting:
    """Modules of one layer, and their bytes."""

    names: tuple[str, ...]
    size: int


def place(facts: CheckpointFacts, shape: Shape, targets: Sequence[Target], context_tokens: int) -> Placement | None:
    """Fill the targets with the modules in order; return None if they don't fit."""
    working = _working_bytes(facts, shape, context_tokens)
    pool = from_reserve = 0
    if len(targets) == 1 and targets[0].kind is DeviceKind.CUDA and recorded.applies(facts, shape):
        logits = recorded.logit_bytes(facts)
        working = max(working, recorded.aside_bytes(facts, shape)) + logits
        pool = recorded.pool_bytes(facts, shape, context_tokens)
        # Decoding is quicker by both, not possible only with them: a bound that is rarely reached costs no precision.
        from_reserve = min(pool + logits, targets[0].reserve_bytes // 2)
    room = [target.room_bytes - working - pool + from_reserve for target in targets]
    room[0] -= table_bytes(facts, shape)
    device_map: dict[str, str] = {}
    weights = dict.fromkeys((target.device for target in targets), 0)
    current = 0
    others = _other_parts(facts, shape, targets)
    for block, size in zip(facts.blocks, block_sizes(facts, shape), strict=True):
        if block.name in others:
            continue
        needed = size + _memory_bytes(block, shape, context_tokens)
        while current < len(targets) and room[current] < needed:
            current += 1
        if current == len(targets):
            return None
        room[current] -= needed
        weights[targets[current].device] += size
        device_map[block.name] = targets[current].device
    weights[targets[0].device] += table_bytes(facts, shape)
    embedding = next((block.name for block in facts.blocks if block.reads_text and block.looked_up_elements), "")
    if facts.tied_head and embedding:  # the head is the embedding's own weight: they stay together
        device_map.update({block.name: device_map[embedding] for block in facts.blocks if block.elements == 0})
    waiting = sum(others.values())
    parts = _parts(facts, shape, targets, context_tokens, working, weights, waiting)
    return Placement(
        device_map=device_map if len(targets) > 1 else {},
        parts=structs.replace(
            parts,
            overhead_bytes=parts.overhead_bytes + pool,
            reserve_bytes=parts.reserve_bytes - from_reserve,
        ),
        weights_by_device=weights,
        other_parts=tuple(others),
        other_bytes=waiting,
    )


def place_aside(
    facts: CheckpointFacts, shape: Shape, target: Target, context_tokens: int, aside: Aside
) -> Placement | None:
    """Leave in main memory what a card has no room for; return None if that isn't enough, or main memory isn't.

    First the tables, of which a token looks up one row; then layers or their experts, of as few layers as will do,
    evenly spread, so that copying one goes on while others compute. The card computes everything and holds all KV.
    """
    if not facts.may_wait:
        return None
    others = _other_parts(facts, shape, (target,))
    pairs = zip(facts.blocks, block_sizes(facts, shape), strict=True)
    sizes = {block.name: size for block, size in pairs if block.name not in others}
    tables = [block.name for block in facts.blocks if block.is_table and block.name not in others]
    waiting = sum(others.values())
    layers = _may_wait(facts, shape, aside)
    kv = sum(_memory_bytes(block, shape, context_tokens) for block in facts.blocks)
    working = _working_bytes(facts, shape, context_tokens)
    room = target.room_bytes - kv - working - table_bytes(facts, shape)
    # As many layers as there are places for them would all be on the card.
    for count in (0, *range(STREAMING_SLOTS + 1, len(layers) + 1)):
        chosen = [layers[name] for name in _evenly(list(layers), count)]
        slots = STREAMING_SLOTS * max((part.size for part in chosen), default=0)
        streamed = sum(part.size for part in chosen)
        offloaded = sum(sizes[name] for name in tables) + streamed
        held = sum(sizes.values()) - offloaded
        if held + slots <= room and 0 < offloaded <= target.spare_bytes - waiting:
            weights = {target.device: held + table_bytes(facts, shape)}
            return Placement(
                device_map=_map(facts, target, {*tables, *(name for part in chosen for name in part.names)}, others),
                parts=_parts(facts, shape, (target,), context_tokens, working + slots, weights, offloaded + waiting),
                weights_by_device=weights,
                other_parts=tuple(others),
                other_bytes=waiting,
                streamed_bytes=streamed,
                token_bytes=int(streamed * (facts.expert_share if aside is Aside.EXPERTS else 1)),
            )
    return None


def _other_parts(facts: CheckpointFacts, shape: Shape, targets: Sequence[Target]) -> dict[str, int]:
    """Return the bytes of what no text goes through, by name; empty where main memory has no room for it.

    Cards that share a model have all of it: there accelerate's hooks would be in charge of main memory.
    """
    pairs = zip(facts.blocks, block_sizes(facts, shape), strict=True)
    sizes = {block.name: size for block, size in pairs if not block.reads_text and block.elements}
    fits = len(targets) == 1 and facts.may_wait and sum(sizes.values()) <= targets[0].spare_bytes
    return sizes if fits else {}


def _may_wait(facts: CheckpointFacts, shape: Shape, aside: Aside) -> dict[str, _Waiting]:
    """Return layer -> what of it may wait in main memory."""
    if aside is Aside.TABLES:
        return {}
    sizes = (block_sizes if aside is Aside.LAYERS else expert_sizes)(facts, shape)
    layers = [(block, size) for block, size in zip(facts.blocks, sizes, strict=True) if block.memory and block.name]
    if aside is Aside.LAYERS:
        return {block.name: _Waiting((block.name,), size) for block, size in layers}
    return {block.name: _Waiting(block.expert_modules, size) for block, size in layers if block.expert_modules}


def _map(facts: CheckpointFacts, target: Target, aside: Collection[str], left_out: Collection[str]) -> dict[str, str]:
    """Return where each module is; experts have a place of their own if that isn't their layer's."""
    places: dict[str, str] = {}
    for block in facts.blocks:
        if block.name in left_out:
            continue
        places[block.name] = OFFLOADED if block.name in aside else target.device
        places.update({name: OFFLOADED for name in block.expert_modules if name in aside})
    return places


def _evenly(names: Sequence[str], count: int) -> list[str]:
    """Return so many of the names, as far from each other as they can be."""
    total = len(names)
    return [name for index, name in enumerate(names) if (index + 1) * count // total > index * count // total]


def _working_bytes(facts: CheckpointFacts, shape: Shape, context_tokens: int) -> int:
    work = min(shape.chunk_tokens, max(context_tokens, 1))
    usual = working_bytes(facts, shape, work, context_tokens)
    if not 0 < facts.position_turn < context_tokens:
        return usual
    at_once = facts.position_turn + 1  # also where layers keep windows, which go by smaller chunks else
    return max(usual, working_bytes(facts, replace(shape, kv_layout=KvLayout.FULL), at_once, at_once))


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
    offloaded: int = 0,
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
