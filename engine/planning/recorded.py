"""What recorded decode steps take of a card: a pool of memory that nothing else can use, and a buffer of logits each.

Counted from engine/decode and measured with PyTorch's CUDA build. All recordings share the pool, as they are never
replayed at once: it is as large as the largest needs, in pieces of PyTorch's allocator.
"""

from engine.api.plan import KvLayout
from engine.planning.attending import packs
from engine.planning.facts import CheckpointFacts
from engine.planning.loading import ELEMENT_BYTES, Shape

# What is recorded: one id, and as many as speculation checks at once.
COUNTS = (1, 2, 4, 8, 16)
# Weights of the chosen experts are put together to be multiplied: more than so much is read by plain passes.
GATHERED_LIMIT_BYTES = 2**28
# Latent attention makes keys and values anew of all that a step reads: what makes more of them is read by plain passes.
EXPANDED_LIMIT_BYTES = 2**27
# Positions that are read, two lengths to an octave: of what attention reads at most a third is masked, from here on.
_SHORTEST_REACH = 256
# Of an output head in 8 bit so much is unpacked at once for several ids, where that is the fastest way.
HEAD_PIECE_BYTES = 2**23
# What is recorded first is checked, with so many ids at once and over the border of the shortest reach.
CHECKED_IDS = 4
_CHECKED_REACH = 2 * _SHORTEST_REACH
# Experts' weights in 16 bit with the same ones as they are packed, in 8 bit at most.
_WHILE_UNPACKED = 1.5
_FLOAT32_BYTES = 4
# Small tensors share segments of 20 MiB and of 2 MiB, and a large one is rounded up (c10::cuda::CUDACachingAllocator).
_SEGMENTS_BYTES = 24 * 2**20
# Pieces of a conversation times key heads, at most twice the multiprocessors; what each found, in 32 bit and weighed.
_PIECES = 264
_PIECE_COPIES = 3
# A mask in the compute format, and a copy where its length isn't a multiple of 8.
_MASK_COPIES = 2


def counts_for(gathered_bytes: int) -> tuple[int, ...]:
    """Return how many ids may be fed at once by a recorded step, where one id gathers so much of experts' weights."""
    return tuple(count for count in COUNTS if count == 1 or count * gathered_bytes <= GATHERED_LIMIT_BYTES)


def reach_for(length: int, longest: int) -> int:
    """Return how many positions a step reads that holds `length` with the ids it feeds."""
    reach = _SHORTEST_REACH
    while reach < length:
        reach = reach * 3 // 2 if reach & (reach - 1) == 0 else reach * 4 // 3
    return min(reach, longest)


def longest_reach(capacity: int, expanded_bytes: int) -> int:
    """Return how many positions a recorded step reads at most, where latent attention makes so much of each."""
    if not expanded_bytes:
        return capacity
    fitting = EXPANDED_LIMIT_BYTES // expanded_bytes // _SHORTEST_REACH * _SHORTEST_REACH
    return min(capacity, max(fitting, _CHECKED_REACH))


def applies(facts: CheckpointFacts, shape: Shape) -> bool:
    """Return whether decoding may be recorded on a card: nothing but keys and values of all positions is kept."""
    keeps_states = any(layer.constant_bytes or layer.float32_bytes for layer in facts.layers)
    return shape.kv_layout is KvLayout.FULL and not keeps_states and facts.dimensions.recurrent is None


def logit_bytes(facts: CheckpointFacts) -> int:
    """Return the buffers that hold the logits of each number of ids."""
    return sum(_counts(facts)) * facts.dimensions.vocabulary * _FLOAT32_BYTES


def aside_bytes(facts: CheckpointFacts, shape: Shape) -> int:
    """Return what a step of most ids takes of ordinary memory, where it is run before it is recorded."""
    ids, element = _counts(facts)[-1], ELEMENT_BYTES[shape.compute]
    gathered = max(_gathered_bytes(facts), _widest_bytes(facts, shape))
    logits = facts.dimensions.vocabulary * (element + _FLOAT32_BYTES)
    return ids * (gathered + logits) + _head_piece_bytes(facts, shape)


def pool_bytes(facts: CheckpointFacts, shape: Shape, context_tokens: int) -> int:
    """Return a bound of the pool: the steps of most ids, over the whole context."""
    size, element, ids = facts.dimensions, ELEMENT_BYTES[shape.compute], _counts(facts)[-1]
    sharing = max(size.attention_heads // max(size.key_value_heads, 1), 1)
    kinds = len({layer.window for layer in facts.layers if layer.bytes_per_token})
    masks = kinds * ids * context_tokens * (1 + _MASK_COPIES * sharing * element)
    pieces = _PIECES * sharing * ids * size.value_width * _PIECE_COPIES * _FLOAT32_BYTES
    logits = ids * size.vocabulary * (element + _FLOAT32_BYTES)
    # What was gathered for fewer ids is no use for more of them, which are recorded later, but for a smaller weight.
    widest = _gathered_bytes(facts, largest=True)
    gathered = sum(_counts(facts)) * _widest_bytes(facts, shape) + _gathered_bytes(facts) - widest
    first = max(count for count in _counts(facts) if count <= CHECKED_IDS)
    expanded = _expanded_bytes(size.expanded_latent * element, context_tokens, first * widest)
    return masks + pieces + logits + _unpacked_bytes(facts, shape) + gathered + expanded + _SEGMENTS_BYTES


def _expanded_bytes(each: int, context_tokens: int, gathered: int) -> int:
    """Return what latent attention makes of all positions, each reach anew: a shorter one's memory is no use for it.

    gathered: a piece of memory that is there before, and free while attention is computed.
    """
    longest = longest_reach(context_tokens, each)
    reaches, length = set[int](), 1
    while each and length <= longest:
        reaches.add(reach_for(length, longest))
        length = max(reaches) + 1
    return sum(each * reach for reach in reaches if each * reach > gathered)


def _counts(facts: CheckpointFacts) -> tuple[int, ...]:
    return counts_for(_gathered_bytes(facts))


def _gathered_bytes(facts: CheckpointFacts, *, largest: bool = False) -> int:
    """Return the weights of the experts that one id is sent to, in 16 bit: packed ones are unpacked together.

    largest: only the largest of the weights that an expert has.
    """
    sizes = [[one.rows * one.columns for one in block.experts] for block in facts.blocks if block.experts]
    values = max((max(each) if largest else sum(each) for each in sizes), default=0)
    return facts.dimensions.experts_per_token * values * 2


def _widest_bytes(facts: CheckpointFacts, shape: Shape) -> int:
    """Return the largest weight that one id gathers, with what is alive while it is unpacked."""
    widest = _gathered_bytes(facts, largest=True)
    return int(widest * _WHILE_UNPACKED) if packs(facts, shape.precision) else widest


def _unpacked_bytes(facts: CheckpointFacts, shape: Shape) -> int:
    """Return one weight of each size, unpacked for several ids: a smaller one's memory is no use for a larger one."""
    if not packs(facts, shape.precision):
        return 0
    sizes = {one.rows * one.columns for block in facts.blocks for one in block.packed}
    # The logits of several ids may lie in the head's piece of memory, and its next piece is a second one then.
    return sum(sizes) * ELEMENT_BYTES[shape.compute] + 2 * _head_piece_bytes(facts, shape)


def _head_piece_bytes(facts: CheckpointFacts, shape: Shape) -> int:
    """Return what is unpacked of the output head at once."""
    if not packs(facts, shape.precision):
        return 0
    head = max((one.rows * one.columns for block in facts.blocks for one in block.vocabulary), default=0)
    return min(head * ELEMENT_BYTES[shape.compute], HEAD_PIECE_BYTES)
