"""What the memory bandwidth allows: the bytes that a written token has to read, and tokens per second from them."""

from engine.api.hardware import Hardware
from engine.api.plan import Plan
from engine.planning.facts import CheckpointFacts
from engine.planning.loading import ELEMENT_BYTES, Shape
from engine.planning.memory import kv_bytes
from engine.planning.targets import targets_of
from engine.planning.weights import read_bytes_per_token

_OPERATIONS_PER_WEIGHT = 2  # a product and a sum


def loaded_shape(plan: Plan, hardware: Hardware) -> Shape:
    """Return how the model was loaded, as the arithmetic of planning takes it."""
    interleaves = targets_of(hardware, plan.device)[0].interleaves_nf4
    return Shape(plan.precision, plan.compute, plan.kv_layout, plan.prefill_chunk_tokens, interleaves)


def bytes_per_token(facts: CheckpointFacts, shape: Shape, context_tokens: int) -> int:
    """Return the bytes that a token behind that context reads at least: of a sliding window only what it shows."""
    layers = tuple(layer.scaled(ELEMENT_BYTES[shape.compute]) for layer in facts.layers)
    return read_bytes_per_token(facts, shape) + kv_bytes(layers, context_tokens, slack_tokens=0)


def operations_per_token(facts: CheckpointFacts) -> float:
    """Return the operations of one token's products, attention left out: of experts only the chosen ones."""
    experts = sum(matrix.elements for block in facts.blocks for matrix in block.experts)
    packed = sum(matrix.elements for block in facts.blocks for matrix in block.packed)
    return _OPERATIONS_PER_WEIGHT * (packed + experts * facts.expert_share)
