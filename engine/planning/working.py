"""Space that computing needs beside weights and conversation: what one pass over a chunk of ids holds at once.

Counted from transformers' modules and PyTorch's CUDA kernels; tests/benchmarks/working_space.py measures the same by
running each architecture on tensors without memory.
"""

from engine.api.plan import Precision
from engine.planning.facts import CheckpointFacts
from engine.planning.loading import ELEMENT_BYTES, Shape

_FLOAT32_BYTES = 4
# Of width `hidden` beside what attention or MLP hold: embeddings, residual, normalised input, sum before the norm.
_STREAMS = 4
# In a norm: embeddings, residual, and in float32 (twice as long) the input, its square and the result.
_NORM_STREAMS = 3
_NORM_FLOAT32 = 2
# Logits of the last position in float32: raw, scaled, sorted, summed up while sampling.
_LOGIT_COPIES = 4
# A mask is one byte; the kernel is given one in the compute format, and copies it where its length isn't a multiple
# of 8 (at::native preprocess_mask).
_MASK_COPIES = 2
_PACKED = (Precision.INT8, Precision.INT4)


def working_bytes(
    facts: CheckpointFacts,
    shape: Shape,
    chunk_tokens: int,
    context_tokens: int,
    seen_tokens: int | None = None,
) -> int:
    """Return the largest sum of temporary tensors while reading chunk_tokens ids at the end of a full context.

    seen_tokens: keys that a query can see at most where all layers keep a window only, None for the whole context.
    """
    element, precision = ELEMENT_BYTES[shape.compute], shape.precision
    keys = min(context_tokens, chunk_tokens + seen_tokens) if seen_tokens is not None else context_tokens
    stages = (
        _attention_bytes(facts, precision, element, chunk_tokens, keys),
        _dense_bytes(facts, precision, element, chunk_tokens),
        _expert_bytes(facts, precision, element, chunk_tokens),
        _recurrent_bytes(facts, element, chunk_tokens),
        _norm_bytes(facts, element, chunk_tokens),
    )
    # Without tokens before the chunk the kernel needs no mask.
    masks = facts.dimensions.mask_kinds * chunk_tokens * keys if keys > chunk_tokens else 0
    matrix = facts.dimensions.matrix is not None
    return max(*stages, _logit_bytes(facts, element, chunk_tokens)) + masks * (element if matrix else 1)


def _attention_bytes(facts: CheckpointFacts, precision: Precision, element: int, chunk: int, keys: int) -> int:
    size = facts.dimensions
    streams = (_STREAMS - 1) * chunk * size.hidden * element
    queries = chunk * (size.attention_heads * (size.head_width + size.value_width) + size.fused_projection) * element
    if size.expanded_latent:
        # Queries are projected, then put together from two parts; keys and values live until their heads are joined.
        queries += chunk * size.attention_heads * 2 * size.head_width * element
        joining = _unpacked_bytes(facts, precision, element, size.attention_heads * size.value_width * size.hidden)
        latent = size.expanded_latent * keys * element
        return streams + queries + latent + max(_mask_bytes(element, chunk, keys), joining)
    # On a card a mask keeps PyTorch from sharing key heads between query heads: keys and values are copied for each of
    # them (not on a CPU, which is counted alike). A single key head is looked at by all without a copy.
    shared = size.attention_heads > size.key_value_heads > 1 and (keys > chunk or size.matrix is not None)
    repeated = size.attention_heads * (size.head_width + size.value_width) * keys * element if shared else 0
    if size.matrix is None:
        return streams + queries + repeated + _mask_bytes(element, chunk, keys)
    pair = size.matrix.copies * element + size.matrix.float32_copies * _FLOAT32_BYTES
    return streams + queries + repeated + size.attention_heads * chunk * keys * pair


def _mask_bytes(element: int, chunk: int, keys: int) -> int:
    return _MASK_COPIES * chunk * keys * element if keys > chunk else 0


def _dense_bytes(facts: CheckpointFacts, precision: Precision, element: int, chunk: int) -> int:
    """An MLP between its products, or while a packed weight is multiplied, which is unpacked for that."""
    size = facts.dimensions
    inner = chunk * size.intermediate * element
    largest = max((one.rows * one.columns for block in facts.blocks for one in block.packed), default=0)
    unpacking = (size.gated_copies - 1) * inner + _unpacked_bytes(facts, precision, element, largest)
    return _STREAMS * chunk * size.hidden * element + max(size.gated_copies * inner, unpacking)


def _unpacked_bytes(facts: CheckpointFacts, precision: Precision, element: int, values: int) -> int:
    packed = facts.stays_packed
    if not packed and precision not in _PACKED:
        return 0
    scales = values // 64 * _FLOAT32_BYTES if packed or precision is Precision.INT4 else 0
    return values * element + scales


def _expert_bytes(facts: CheckpointFacts, precision: Precision, element: int, chunk: int) -> int:
    size = facts.dimensions
    streams = _STREAMS * chunk * size.hidden * element
    if not size.expert_rows:
        return 0
    chosen = chunk * size.experts_per_token
    score = _FLOAT32_BYTES if size.wide_scores else element
    hidden = chosen * size.hidden
    if precision in _PACKED:
        # Expert by expert, at worst all tokens with the same one; 8-bit weights are converted, then scaled.
        one = chunk * (size.hidden + size.expert_rows + 2 * size.expert_intermediate) * element
        largest = max((one.rows * one.columns for block in facts.blocks for one in block.experts), default=0)
        copies = 2 if precision is Precision.INT8 else 1
        unpacked = copies * _unpacked_bytes(facts, precision, element, largest)
        return streams + hidden * element + max(one + unpacked, hidden * score)
    between = chosen * (size.expert_rows + 2 * size.expert_intermediate) * element + hidden * element
    return streams + max(between, 2 * hidden * (element + score))


def _recurrent_bytes(facts: CheckpointFacts, element: int, chunk: int) -> int:
    size = facts.dimensions
    if size.recurrent is None:
        return 0
    work = size.recurrent
    padded = -(chunk // -work.padding) * work.padding
    scanned = chunk * work.values * element + padded * work.float32_values * _FLOAT32_BYTES
    return (_STREAMS - 1) * chunk * size.hidden * element + scanned


def _norm_bytes(facts: CheckpointFacts, element: int, chunk: int) -> int:
    return chunk * facts.dimensions.hidden * (_NORM_STREAMS * element + _NORM_FLOAT32 * _FLOAT32_BYTES)


def _logit_bytes(facts: CheckpointFacts, element: int, chunk: int) -> int:
    size = facts.dimensions
    hidden = 2 * chunk * size.hidden * element
    if size.keeps_all_logits:
        return hidden + chunk * size.vocabulary * (element + _FLOAT32_BYTES)
    return hidden + _LOGIT_COPIES * size.vocabulary * _FLOAT32_BYTES
