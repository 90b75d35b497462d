"""Bytes of a checkpoint's weights in each precision, as the tensors really take them. Pure arithmetic."""

import math
from collections.abc import Sequence
from functools import lru_cache

from engine.api.plan import Precision
from engine.planning.facts import Block, CheckpointFacts, Matrix
from engine.planning.loading import ELEMENT_BYTES, Shape

_FLOAT32_BYTES = 4

# bitsandbytes' NF4 with double quantisation: two values a byte, a scale of 8 bits for 64 values, one of 32 bits for
# 256 scales and an offset for each weight; the two code tables (16 and 256 floats) are shared by all weights.
_NF4_BLOCK, _NF4_SCALES_BLOCK = 64, 256
_NF4_TABLE_BYTES = (16 + 256) * _FLOAT32_BYTES
# Experts are packed so that any of them can be picked out: scales of 16 bits, no second level.
_SHORT_SCALE_BYTES = 2
_INTERLEAVED_ROWS = 32
_NAMED_SHARE = 0.95
# With the scales of small groups.
_USUAL_BITS = {Precision.INT4: 4.25, Precision.INT8: 8.25}
_KEPT_SIZES = 16  # a plan asks for the same sizes again for every window that it tries


def matrix_bytes(matrix: Matrix, shape: Shape) -> int:
    """Return the bytes of a weight of a linear layer in the shape's precision, with its scales."""
    if shape.precision is Precision.INT4:
        return interleaved_nf4_bytes(matrix) if shape.interleaves and _interleavable(matrix) else nf4_bytes(matrix)
    if shape.precision is Precision.INT8:
        # A scale for each row in 32 bit, and once more in the format that is computed in.
        return matrix.elements + matrix.rows * (_FLOAT32_BYTES + ELEMENT_BYTES[shape.compute])
    return matrix.elements * ELEMENT_BYTES[shape.precision]


def experts_bytes(matrix: Matrix, shape: Shape) -> int:
    """Return the bytes of all experts of one weight in the shape's precision, with their scales."""
    one = matrix.rows * matrix.columns
    if shape.precision is Precision.INT4:
        return matrix.count * (_ceiling(one, 2) + _ceiling(one, _NF4_BLOCK) * _SHORT_SCALE_BYTES)
    if shape.precision is Precision.INT8:
        return matrix.elements + matrix.rows * matrix.count * _FLOAT32_BYTES
    return matrix.elements * ELEMENT_BYTES[shape.precision]


def nf4_bytes(matrix: Matrix) -> int:
    """Return the bytes of a weight as bitsandbytes packs it in 4 bits."""
    scales = _ceiling(matrix.elements, _NF4_BLOCK)
    return _ceiling(matrix.elements, 2) + scales + (_ceiling(scales, _NF4_SCALES_BLOCK) + 1) * _FLOAT32_BYTES


def interleaved_nf4_bytes(matrix: Matrix) -> int:
    """Return the bytes of a weight in 4 bits as the CPU kernel wants it: scales of 16 bits without a second level."""
    return matrix.elements // 2 + matrix.elements // _NF4_BLOCK * _SHORT_SCALE_BYTES


def packed_bytes(block: Block, shape: Shape) -> int:
    """Return the bytes of the weights that the precision may pack, experts not among them."""
    return sum(matrix_bytes(matrix, shape) for matrix in block.packed)


def expert_bytes(block: Block, shape: Shape) -> int:
    """Return the bytes of all experts."""
    return sum(experts_bytes(matrix, shape) for matrix in block.experts)


def vocabulary_bytes(block: Block, shape: Shape) -> int:
    """Return the bytes of embedding and head: in both packed precisions 8 bit and a scale for each row."""
    element = ELEMENT_BYTES[shape.compute]
    if shape.precision not in (Precision.INT8, Precision.INT4):
        return sum(matrix.elements for matrix in block.vocabulary) * element
    return sum(matrix.elements + matrix.rows * element for matrix in block.vocabulary)


def kept_bytes(block: Block, compute: Precision) -> int:
    """Return the bytes of what is never packed, in the format that is computed in."""
    return (block.kept_elements - block.float32_elements) * ELEMENT_BYTES[compute] + (
        block.float32_elements * _FLOAT32_BYTES
    )


def block_bytes(facts: CheckpointFacts, block: Block, shape: Shape) -> int:
    """Return the bytes of one module as it will be loaded."""
    if facts.stays_packed:
        return _published_bytes(facts, block)
    packed = packed_bytes(block, shape) + expert_bytes(block, shape) + vocabulary_bytes(block, shape)
    return packed + kept_bytes(block, shape.compute)


def block_sizes(facts: CheckpointFacts, shape: Shape) -> tuple[int, ...]:
    """Return block_bytes() of each module, in order."""
    return _block_sizes(facts, _formats(shape))


def expert_sizes(facts: CheckpointFacts, shape: Shape) -> tuple[int, ...]:
    """Return what of block_sizes() is the experts'."""
    return _expert_sizes(facts, _formats(shape))


def _formats(shape: Shape) -> Shape:
    """Return what of the shape decides about weights."""
    return Shape(shape.precision, shape.compute, interleaves=shape.interleaves)


@lru_cache(_KEPT_SIZES)
def _block_sizes(facts: CheckpointFacts, shape: Shape) -> tuple[int, ...]:
    return tuple(block_bytes(facts, block, shape) for block in facts.blocks)


@lru_cache(_KEPT_SIZES)
def _expert_sizes(facts: CheckpointFacts, shape: Shape) -> tuple[int, ...]:
    return tuple(loaded_expert_bytes(facts, block, shape) for block in facts.blocks)


def loaded_expert_bytes(facts: CheckpointFacts, block: Block, shape: Shape) -> int:
    """Return what of block_bytes() is the experts'."""
    if not facts.stays_packed:
        return expert_bytes(block, shape)
    if _is_named(facts) and block.published_expert_bytes:
        return block.published_expert_bytes
    usual = _usual_packed_bytes(facts, block.experts)
    return _published_bytes(facts, block) * usual // max(_usual_bytes(facts, block), 1)


def weight_bytes(facts: CheckpointFacts, shape: Shape) -> int:
    """Return the bytes of all weights as they will be loaded."""
    return sum(block_sizes(facts, shape)) + table_bytes(facts, shape)


def table_bytes(facts: CheckpointFacts, shape: Shape) -> int:
    """Return the bytes of the code tables that all NF4 weights of linear layers share."""
    if shape.precision is not Precision.INT4 or facts.stays_packed:
        return 0
    plain = any(not (shape.interleaves and _interleavable(matrix)) for block in facts.blocks for matrix in block.packed)
    return _NF4_TABLE_BYTES if plain else 0


def read_bytes_per_token(facts: CheckpointFacts, shape: Shape) -> int:
    """Return the bytes of weights that one decoded token reads.

    Of the experts only the chosen ones, and of an embedding that is no head as well one row.
    """
    total = weight_bytes(facts, shape)
    unread = sum(_unread_bytes(facts, block, shape) for block in facts.blocks)
    experts = sum(expert_sizes(facts, shape))
    return max(total - unread - int(experts * (1 - facts.expert_share)), 0)


def _unread_bytes(facts: CheckpointFacts, block: Block, shape: Shape) -> int:
    if not block.reads_text:
        return block_bytes(facts, block, shape)
    if facts.tied_head and not block.is_table:  # the embedding is multiplied with as well
        return 0
    return _looked_up_bytes(block, Shape(shape.compute, shape.compute) if facts.stays_packed else shape)


def _looked_up_bytes(block: Block, shape: Shape) -> int:
    packed = sum(matrix.elements for matrix in block.vocabulary) if block.looked_up_elements else 0
    kept = max(block.looked_up_elements - packed, 0) * ELEMENT_BYTES[shape.compute]
    return kept + (vocabulary_bytes(block, shape) if packed else 0)


def _published_bytes(facts: CheckpointFacts, block: Block) -> int:
    """As the files hold the module; where nothing tells (no files, other names), by how publishers pack."""
    if _is_named(facts):
        return block.published_bytes
    usual = _usual_sum(facts)
    return _ceiling(max(facts.published_bytes, usual) * _usual_bytes(facts, block), max(usual, 1))


@lru_cache(_KEPT_SIZES)
def _usual_sum(facts: CheckpointFacts) -> int:
    return sum(_usual_bytes(facts, one) for one in facts.blocks)


@lru_cache(_KEPT_SIZES)
def _is_named(facts: CheckpointFacts) -> bool:
    """Tell whether the files name their tensors as the model does."""
    named = sum(one.published_bytes for one in facts.blocks)
    return bool(named) and named >= facts.published_bytes * _NAMED_SHARE


def _usual_bytes(facts: CheckpointFacts, block: Block) -> int:
    """Experts are packed and all else is kept in 16 bit; models without experts have their linear layers packed."""
    has_experts = any(one.experts for one in facts.blocks)
    packed = block.experts if has_experts else block.packed
    return _usual_packed_bytes(facts, packed) + (block.elements - sum(matrix.elements for matrix in packed)) * 2


def _usual_packed_bytes(facts: CheckpointFacts, packed: Sequence[Matrix]) -> int:
    assert facts.published is not None
    bits = _USUAL_BITS.get(facts.published.precision, 16)
    return math.ceil(sum(matrix.elements for matrix in packed) * bits / 8)


def _interleavable(matrix: Matrix) -> bool:
    return matrix.rows % _INTERLEAVED_ROWS == 0 and matrix.columns % _NF4_BLOCK == 0


def _ceiling(value: int, divisor: int) -> int:
    return -(-value // divisor)
