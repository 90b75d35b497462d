"""Space that computing needs beside weights and conversation: what one pass over a chunk of ids holds at once."""

from engine.api.plan import Precision
from engine.planning.facts import CheckpointFacts
from engine.planning.weights import ELEMENT_BYTES

_FLOAT32_BYTES = 4
# Tensors of (chunk, hidden) alive at the same time: residual, normalised, float32 copy of a norm, output.
_STREAMS = 6
# Logits of the last position in float32: raw, scaled, sorted, summed up while sampling.
_LOGIT_COPIES = 4


def working_bytes(
    facts: CheckpointFacts, precision: Precision, compute: Precision, chunk_tokens: int, context_tokens: int
) -> int:
    """Return the largest sum of temporary tensors while reading chunk_tokens ids at the end of a full context."""
    size = facts.dimensions
    element = ELEMENT_BYTES[compute]
    stream = _STREAMS * chunk_tokens * size.hidden * element
    gated = 3 * chunk_tokens * size.intermediate * element * max(size.experts_per_token, 1)
    logits = _LOGIT_COPIES * size.vocabulary * _FLOAT32_BYTES
    return (
        stream
        + max(gated, _attention_bytes(facts, element, chunk_tokens, context_tokens))
        + logits
        + _unpacked_bytes(facts, precision, element)
    )


def _attention_bytes(facts: CheckpointFacts, element: int, chunk_tokens: int, context_tokens: int) -> int:
    size = facts.dimensions
    queries = 4 * chunk_tokens * size.attention_heads * size.head_width * element
    mask = chunk_tokens * context_tokens * (1 + element)
    # A mask keeps PyTorch from sharing key heads between query heads: keys and values are copied for each of them.
    shared = size.attention_heads != size.key_value_heads
    repeated = 2 * size.attention_heads * size.head_width * context_tokens * element if shared else 0
    if size.keeps_attention_matrix:
        mask += size.attention_heads * chunk_tokens * context_tokens * (element + _FLOAT32_BYTES)
    return queries + mask + repeated


def _unpacked_bytes(facts: CheckpointFacts, precision: Precision, element: int) -> int:
    """The largest weight in 16 bit, as a packed one is multiplied with a long prompt."""
    packed = facts.published is not None and not facts.published.unpacked
    return facts.largest_matrix_elements * element if packed or precision in (Precision.INT8, Precision.INT4) else 0
