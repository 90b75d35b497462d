"""Bytes of a checkpoint's weights in each precision, as the tensors really take them. Pure arithmetic."""

from collections.abc import Callable

from engine.api.plan import Precision
from engine.planning.facts import Block, CheckpointFacts, Matrix

ELEMENT_BYTES = {Precision.FP32: 4, Precision.BF16: 2, Precision.FP16: 2}
_FLOAT32_BYTES = 4

# bitsandbytes' NF4 with double quantisation: two values a byte, a scale of 8 bits for 64 values, one of 32 bits for
# 256 scales and an offset for each weight; the two code tables (16 and 256 floats) are shared by all weights.
_NF4_BLOCK, _NF4_SCALES_BLOCK = 64, 256
_NF4_TABLE_BYTES = (16 + 256) * _FLOAT32_BYTES
# Experts are packed so that any of them can be picked out: scales of 16 bits, no second level.
_SHORT_SCALE_BYTES = 2


def nf4_bytes(matrix: Matrix) -> int:
    """Return the bytes of a weight as bitsandbytes packs it in 4 bits."""
    scales = _ceiling(matrix.elements, _NF4_BLOCK)
    return _ceiling(matrix.elements, 2) + scales + (_ceiling(scales, _NF4_SCALES_BLOCK) + 1) * _FLOAT32_BYTES


def expert_nf4_bytes(matrix: Matrix) -> int:
    """Return the bytes of all experts of one weight in 4 bits."""
    one = matrix.rows * matrix.columns
    return matrix.count * (_ceiling(one, 2) + _ceiling(one, _NF4_BLOCK) * _SHORT_SCALE_BYTES)


def int8_bytes(matrix: Matrix) -> int:
    """Return the bytes of a weight in 8 bits with a scale for each row, in 32 bit and ready to use in 16 bit."""
    scales = matrix.rows * matrix.count
    return matrix.elements + scales * (_FLOAT32_BYTES + (_SHORT_SCALE_BYTES if matrix.count == 1 else 0))


def packed_bytes(block: Block, precision: Precision) -> int:
    """Return the bytes of the weights that the precision may pack, experts not among them."""
    return sum(_matrix_bytes(matrix, precision, nf4_bytes) for matrix in block.packed)


def expert_bytes(block: Block, precision: Precision) -> int:
    """Return the bytes of all experts."""
    return sum(_matrix_bytes(matrix, precision, expert_nf4_bytes) for matrix in block.experts)


def kept_bytes(block: Block, compute: Precision) -> int:
    """Return the bytes of what is never packed, in the format that is computed in."""
    return (block.kept_elements - block.float32_elements) * ELEMENT_BYTES[compute] + (
        block.float32_elements * _FLOAT32_BYTES
    )


def block_bytes(facts: CheckpointFacts, block: Block, precision: Precision, compute: Precision) -> int:
    """Return the bytes of one module as it will be loaded."""
    if facts.published is not None and not facts.published.unpacked:
        return block.published_bytes
    return packed_bytes(block, precision) + expert_bytes(block, precision) + kept_bytes(block, compute)


def weight_bytes(facts: CheckpointFacts, precision: Precision, compute: Precision) -> int:
    """Return the bytes of all weights as they will be loaded."""
    tables = _NF4_TABLE_BYTES if precision is Precision.INT4 and facts.published is None and facts.packs else 0
    return sum(block_bytes(facts, block, precision, compute) for block in facts.blocks) + tables


def read_bytes_per_token(facts: CheckpointFacts, precision: Precision, compute: Precision) -> int:
    """Return the bytes of weights that one decoded token reads: of the experts only the chosen ones, of an embedding
    that is no head as well one row."""
    total = weight_bytes(facts, precision, compute)
    unread = sum(block.looked_up_elements for block in facts.blocks) * ELEMENT_BYTES[compute]
    if facts.published is not None and not facts.published.unpacked:
        return max(int((total - unread) * _read_share(facts)), 0)
    experts = sum(expert_bytes(block, precision) for block in facts.blocks)
    return total - unread - int(experts * (1 - facts.expert_share))


def _read_share(facts: CheckpointFacts) -> float:
    """Part of a published packed checkpoint that a token reads, by the number of values."""
    everything = sum(block.elements for block in facts.blocks)
    experts = sum(matrix.elements for block in facts.blocks for matrix in block.experts)
    return 1 - experts / everything * (1 - facts.expert_share) if everything else 1.0


def _matrix_bytes(matrix: Matrix, precision: Precision, nf4: Callable[[Matrix], int]) -> int:
    if precision is Precision.INT4:
        return nf4(matrix)
    return int8_bytes(matrix) if precision is Precision.INT8 else matrix.elements * ELEMENT_BYTES[precision]


def _ceiling(value: int, divisor: int) -> int:
    return -(-value // divisor)
