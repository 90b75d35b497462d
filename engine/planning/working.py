"""Space that computing needs beside weights and conversation: what one pass over a chunk of ids holds at once.

Counted from transformers' modules and PyTorch's CUDA kernels; tests/benchmarks/working_space.py measures the same by
running each architecture on tensors without memory.
"""

from engine.api.plan import WINDOW_SLACK_TOKENS, KvLayout, Precision
from engine.planning.attending import (
    attention_bytes,
    mask_bytes,
    mask_making_bytes,
    packs,
    pieces_bytes,
    position_bytes,
    seen_by_kind,
)
from engine.planning.facts import CheckpointFacts
from engine.planning.loading import ELEMENT_BYTES, Shape

_FLOAT32_BYTES = 4
# Of width `hidden` beside what an MLP holds: embeddings, residual, normalised input, sum before the norm.
_STREAMS = 4
# Of the MLP's inner width: gate and up of one product, the gate's activation, both multiplied.
_SHARED_COPIES = 4
# In a norm: embeddings, residual, and in float32 (twice as long) the input, its square and the result.
_NORM_STREAMS = 3
_NORM_FLOAT32 = 2
# Logits of the last position in float32: raw, scaled, sorted, summed up while sampling.
_LOGIT_COPIES = 4


def working_bytes(facts: CheckpointFacts, shape: Shape, chunk_tokens: int, context_tokens: int) -> int:
    """Return the largest sum of temporary tensors while reading chunk_tokens ids at the end of a full context."""
    element, precision = ELEMENT_BYTES[shape.compute], shape.precision
    chunk = min(chunk_tokens, WINDOW_SLACK_TOKENS) if shape.kv_layout is KvLayout.WINDOWED else chunk_tokens
    kinds = seen_by_kind(facts, shape, chunk, context_tokens)
    size = facts.dimensions
    joining = _unpacked_bytes(facts, precision, element, size.attention_heads * size.value_width * size.hidden)
    stages = (
        attention_bytes(facts, shape, chunk, kinds, joining),
        _dense_bytes(facts, precision, element, chunk),
        _expert_bytes(facts, precision, element, chunk),
        _recurrent_bytes(facts, element, chunk),
        _norm_bytes(facts, element, chunk),
    )
    throughout = mask_bytes(facts, element, chunk, kinds) + position_bytes(facts, element, chunk)
    return max(
        mask_making_bytes(facts, element, chunk, kinds),
        throughout + max(stages),
        pieces_bytes(facts, shape, chunk, context_tokens),
        _logit_bytes(facts, element, chunk),
    )


def _dense_bytes(facts: CheckpointFacts, precision: Precision, element: int, chunk: int) -> int:
    """An MLP between its products, or while a packed weight is multiplied, which is unpacked for that.

    Gate and up that one product gives at once live until both were used (engine/decode/products.py).
    """
    size = facts.dimensions
    copies = _SHARED_COPIES if not packs(facts, precision) else size.gated_copies
    inner = chunk * size.intermediate * element
    largest = max((one.rows * one.columns for block in facts.blocks for one in block.packed), default=0)
    unpacking = (size.gated_copies - 1) * inner + _unpacked_bytes(facts, precision, element, largest)
    return _STREAMS * chunk * size.hidden * element + max(copies * inner, unpacking)


def _unpacked_bytes(facts: CheckpointFacts, precision: Precision, element: int, values: int) -> int:
    if not packs(facts, precision):
        return 0
    has_scales = facts.stays_packed or precision is Precision.INT4
    scales = values // 64 * _FLOAT32_BYTES if has_scales else 0
    return values * element + scales


def _expert_bytes(facts: CheckpointFacts, precision: Precision, element: int, chunk: int) -> int:
    size = facts.dimensions
    streams = _STREAMS * chunk * size.hidden * element
    if not size.expert_rows:
        return 0
    chosen = chunk * size.experts_per_token
    score = _FLOAT32_BYTES if size.wide_scores else element
    hidden = chosen * size.hidden
    if precision in (Precision.INT8, Precision.INT4):
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
