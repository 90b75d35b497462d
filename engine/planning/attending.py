"""What attention holds at once while a chunk of ids is read, by kind of layer and by the kernel that answers.

Counted from transformers' modules, engine/decode/attention.py and PyTorch's kernels (at::native), and measured with
PyTorch's CUDA build over a runtime that allocates but computes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from engine.api.plan import KvLayout, Precision
from engine.planning.facts import CheckpointFacts, Dimensions
from engine.planning.loading import ELEMENT_BYTES, AttentionKernel, Shape

_FLOAT32_BYTES = 4
# A kernel is given a mask in the compute format, and copies it where its length isn't a multiple of 8 (at::native
# preprocess_mask).
_MASK_COPIES = 2
# Of a mask with a window: nobody looks ahead, nobody looks beyond the window, and both together, of a byte each.
_WINDOWED_MASK_COPIES = 3
# Of the embeddings' width: embeddings, residual, normalised input.
_STREAMS = 3
# While queries are turned by their positions: times cosine, halves changed over, times sine.
_TURNING_COPIES = 3
# A norm of queries in 32 bit, whose copies are twice as long: wide, squared or normalised, multiplied.
_NORM_COPIES = 6
# Cosines and sines of two kinds of positions.
_POSITION_FACTORS = 4
# FlashAttention attends to few queries in pieces of the conversation, and keeps what each found in 32 bit. Over all
# lengths that is at most 6 times what a card works on at once (132 multiprocessors, twice 64 queries each, heads of 128
# values: 53 MB), and nothing where the queries themselves are enough for it (num_splits_heuristic).
_CUT_QUERIES = 2**14
_MOST_PIECES = 128
_PIECE_VALUES = 128 * 128
_MOST_PIECES_BYTES_PER_WIDTH = 1620 * 64 * 4
_WIDEST_FLASH = 256
# What a mask is held against to see that it only says that nobody looks ahead, piece by piece, and their comparison.
_CHECKED_AT_ONCE = 2 * 2**20


@dataclass(frozen=True)
class Seen:
    """Layers of one kind: keys that a chunk meets there at most, and whether their mask hides some behind a window."""

    keys: int
    has_mask: bool
    hides: bool

    def mask_values(self, chunk: int) -> int:
        """Return the values of the mask that transformers makes for these layers."""
        return chunk * self.keys if self.has_mask else 0


def seen_by_kind(facts: CheckpointFacts, shape: Shape, chunk: int, context: int) -> tuple[Seen, ...]:
    """Return what a chunk at the end of a full context meets in each kind of attention layers."""
    windows = {layer.window for layer in facts.layers if layer.bytes_per_token}
    return tuple(_seen(window, shape, chunk, context) for window in sorted(windows, key=lambda one: one or 0))


def mask_bytes(facts: CheckpointFacts, element: int, chunk: int, kinds: tuple[Seen, ...]) -> int:
    """Return the bytes of the masks that live while all layers are run: one for each kind."""
    width = element if facts.dimensions.matrix is not None else 1
    return sum(kind.mask_values(chunk) for kind in kinds) * width


def mask_making_bytes(facts: CheckpointFacts, element: int, chunk: int, kinds: tuple[Seen, ...]) -> int:
    """Return what making the last mask takes beside the others, when embeddings are all that there is."""
    size = facts.dimensions
    copies = _WINDOWED_MASK_COPIES - 1 if any(layer.window for layer in facts.layers) else 0
    making = copies * max((kind.mask_values(chunk) for kind in kinds), default=0)
    return mask_bytes(facts, element, chunk, kinds) + making + chunk * size.hidden * element


def attention_bytes(facts: CheckpointFacts, shape: Shape, chunk: int, kinds: tuple[Seen, ...], unpacked: int) -> int:
    """Return the most that an attention layer holds at once; unpacked: of a weight of latent attention."""
    size, element = facts.dimensions, ELEMENT_BYTES[shape.compute]
    streams = _STREAMS * size.hidden * chunk * element
    return streams + max((most for kind in kinds for most in _stages(facts, shape, chunk, kind, unpacked)), default=0)


def pieces_bytes(facts: CheckpointFacts, shape: Shape, chunk: int, context: int) -> int:
    """Return what attention of few queries, the rest of a prompt, holds at most where a card cuts the conversation."""
    size, element = facts.dimensions, ELEMENT_BYTES[shape.compute]
    if not size.attention_heads or not _reads_by_flash(size, shape):
        return 0
    few = min(chunk, max(_CUT_QUERIES // size.attention_heads, 1))
    kinds = seen_by_kind(facts, shape, few, context)
    pieces = min(_MOST_PIECES, -(-max((kind.keys for kind in kinds), default=0) * size.head_width // _PIECE_VALUES))
    kept = pieces * size.attention_heads * few * size.head_width * _FLOAT32_BYTES
    streams = (_STREAMS * size.hidden + 2 * size.attention_heads * size.head_width) * few * element
    return mask_bytes(facts, element, few, kinds) + streams + min(kept, _MOST_PIECES_BYTES_PER_WIDTH * size.head_width)


def position_bytes(facts: CheckpointFacts, element: int, chunk: int) -> int:
    """Return the cosines and sines by which queries and keys are turned."""
    return _POSITION_FACTORS * facts.dimensions.head_width * chunk * element


def _seen(window: int | None, shape: Shape, chunk: int, context: int) -> Seen:
    keys = context if window is None or shape.kv_layout is KvLayout.FULL else min(context, chunk + window - 1)
    return Seen(
        keys,
        has_mask=keys > chunk or (window is not None and keys >= window),
        hides=window is not None and keys > window,
    )


def _stages(facts: CheckpointFacts, shape: Shape, chunk: int, kind: Seen, unpacked: int) -> Iterator[int]:
    size, element = facts.dimensions, ELEMENT_BYTES[shape.compute]
    if size.expanded_latent:
        # Queries are projected, then put together from two parts; keys and values live until their heads are joined.
        queries = chunk * size.attention_heads * (3 * size.head_width + size.value_width) * element
        latent = size.expanded_latent * kind.keys * element
        yield queries + latent + max(_behind_mask(size, element, chunk, kind), unpacked)
        return
    yield _turning_bytes(facts, shape, chunk)
    given = chunk * (size.attention_heads * (size.head_width + size.value_width) + size.fused_projection) * element
    if size.matrix is not None:
        pair = size.matrix.copies * element + size.matrix.float32_copies * _FLOAT32_BYTES
        yield given + _repeated_bytes(size, element, kind.keys) + size.attention_heads * chunk * kind.keys * pair
    else:
        yield given + _kernel_bytes(size, shape, chunk, kind)


def _turning_bytes(facts: CheckpointFacts, shape: Shape, chunk: int) -> int:
    """Queries and keys as they were projected, and their copies while they are normalised and turned."""
    size, element = facts.dimensions, ELEMENT_BYTES[shape.compute]
    queries, keys = size.attention_heads * size.head_width, size.key_value_heads * size.head_width
    projected = queries + keys + size.key_value_heads * size.value_width
    turning = max(_TURNING_COPIES * queries, queries + _TURNING_COPIES * keys)
    if size.norms_queries:
        # What one product has given, for all of them or natively, lives until the values are taken out of it.
        is_shared = bool(size.fused_projection) or not packs(facts, shape.precision)
        turning = max(turning + (queries + keys if is_shared else 0), _NORM_COPIES * queries)
    return (projected + turning) * chunk * element


def packs(facts: CheckpointFacts, precision: Precision) -> bool:
    """Return whether products unpack their weight first, each by itself."""
    return facts.stays_packed or precision in (Precision.INT8, Precision.INT4)


def _kernel_bytes(size: Dimensions, shape: Shape, chunk: int, kind: Seen) -> int:
    """What the kernel takes beside queries and result."""
    element = ELEMENT_BYTES[shape.compute]
    if shape.attention is AttentionKernel.PROCESSOR:  # heads share keys there behind masks too
        joined = chunk * size.attention_heads * size.value_width * (2 * element + 3 * _FLOAT32_BYTES)
        return max(joined, _behind_mask(size, element, chunk, kind))
    checking = min(_CHECKED_AT_ONCE, 2 * kind.mask_values(chunk))
    goes_without = not kind.hides and size.head_width == size.value_width
    if goes_without and _reads_by_flash(size, shape):
        return checking
    repeated = _repeated_bytes(size, element, kind.keys)
    if goes_without and shape.attention is not AttentionKernel.ANY:
        return checking + repeated
    return repeated + max(checking, _behind_mask(size, element, chunk, kind))


def _reads_by_flash(size: Dimensions, shape: Shape) -> bool:
    fits = size.head_width == size.value_width <= _WIDEST_FLASH and ELEMENT_BYTES[shape.compute] < _FLOAT32_BYTES
    return fits and shape.attention is AttentionKernel.FLASH and size.matrix is None and not size.expanded_latent


def _behind_mask(size: Dimensions, element: int, chunk: int, kind: Seen) -> int:
    return _MASK_COPIES * kind.mask_values(chunk) * element


def _repeated_bytes(size: Dimensions, element: int, keys: int) -> int:
    """Keys and values copied for each query head; a single key head is looked at by all without a copy."""
    if not size.attention_heads > size.key_value_heads > 1:
        return 0
    return size.attention_heads * (size.head_width + size.value_width) * keys * element
