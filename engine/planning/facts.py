"""What planning needs to know of a checkpoint: its weights by module, and what it keeps of a conversation.

Counts are values, not bytes: the precision decides about those. How the facts are found is no matter of this room.
"""

from dataclasses import dataclass

from engine.api.plan import Precision
from engine.planning.memory import LayerMemory


@dataclass(frozen=True)
class Matrix:
    """count weights of rows x columns that INT8 and INT4 store packed; count is the number of experts, else 1."""

    rows: int
    columns: int
    count: int = 1

    @property
    def elements(self) -> int:
        """Number of values."""
        return self.rows * self.columns * self.count


@dataclass(frozen=True)
class Block:
    """A module that lives on one device: a decoder layer, or a module before, beside or after the layers.

    vocabulary: embedding or head that INT8 and INT4 keep in 8 bit. kept_elements: values that no precision packs
    (norms, biases, other embeddings and heads), float32_elements: those of them that stay in 32 bit even then.
    looked_up_elements: embedding values, packed or not, of which a token reads one row. is_table: they are all it has,
    and no other module uses them.
    published_bytes: as the files hold it, for checkpoints that are published packed. memory: with elements of 1 byte.
    expert_modules: names of the modules that hold the experts and are told which of them each id goes to.
    published_expert_bytes: those of published_bytes that are in them. reads_text: whether a text goes through it;
    one that only looks at pictures or listens is never called.
    """

    name: str
    packed: tuple[Matrix, ...] = ()
    experts: tuple[Matrix, ...] = ()
    kept_elements: int = 0
    float32_elements: int = 0
    looked_up_elements: int = 0
    is_table: bool = False
    published_bytes: int = 0
    memory: LayerMemory | None = None
    vocabulary: tuple[Matrix, ...] = ()
    expert_modules: tuple[str, ...] = ()
    published_expert_bytes: int = 0
    reads_text: bool = True

    @property
    def elements(self) -> int:
        """Number of values in all its weights."""
        return sum(matrix.elements for matrix in (*self.packed, *self.experts, *self.vocabulary)) + self.kept_elements


@dataclass(frozen=True)
class Dimensions:
    """The lengths that decide how much space a pass through the model needs.

    head_width, value_width: of queries and keys, and of values. fused_projection: outputs of a product that queries,
    keys and values are cut out of, 0 if there is none. expanded_latent: values that each position of the
    context becomes while multi-head latent attention reads it, 0 for others. intermediate: inner width of the widest
    dense MLP, of which gated_copies are alive at once. experts_per_token, expert_intermediate, expert_rows (outputs of
    an expert's first product): 0 without experts. wide_scores: experts are weighted in 32 bit. norms_queries: queries
    and keys are normalised by themselves.
    """

    hidden: int
    intermediate: int
    attention_heads: int
    key_value_heads: int
    head_width: int
    value_width: int
    vocabulary: int
    fused_projection: int = 0
    expanded_latent: int = 0
    gated_copies: int = 3
    norms_queries: bool = False
    experts_per_token: int = 0
    expert_intermediate: int = 0
    expert_rows: int = 0
    wide_scores: bool = False
    matrix: "AttentionMatrix | None" = None
    recurrent: "RecurrentWork | None" = None
    keeps_all_logits: bool = False


@dataclass(frozen=True)
class AttentionMatrix:
    """Copies of heads x queries x keys that attention without a fused kernel holds at once, by format."""

    copies: int
    float32_copies: int


@dataclass(frozen=True)
class RecurrentWork:
    """Values that a recurrent layer holds at once for each id of a chunk, by format.

    Chunks are filled up to a multiple of padding.
    """

    values: int
    float32_values: int
    padding: int = 1


@dataclass(frozen=True)
class Published:
    """How a checkpoint that was quantised by its publisher is loaded: as it is, or unpacked into 16 bit.

    compute_dtype: `float16` or `bfloat16` if its layers compute in nothing else. on_processor: it stays packed on a
    processor as well. packs_again: what is unpacked can be packed into 8 or 4 bit like any other weights. waits: what
    stays packed can wait in main memory until the card needs it.
    """

    precision: Precision
    label: str
    unpacked: bool = False
    compute_dtype: str = ""
    on_processor: bool = False
    packs_again: bool = False
    waits: bool = False


@dataclass(frozen=True, eq=False)  # nobody compares two; sizes worked out of one are kept by its identity
class CheckpointFacts:
    """All that the planner asks about a checkpoint.

    expert_share: part of the experts that one token uses. overflows_fp16: FP16 can't hold what it
    computes. left_out: the sentence about parts that aren't loaded. position_turn: ids that a longer conversation reads
    in one pass, and one more, as LongRoPE turns all positions there; 0 for others.
    """

    reference: str
    name: str
    revision: str
    parameters: int
    published_dtype: str
    published_bytes: int
    blocks: tuple[Block, ...]
    dimensions: Dimensions
    maximum_context: int | None = None
    expert_share: float = 1.0
    tied_head: bool = False
    published: Published | None = None
    packs: bool = True
    overflows_fp16: bool = False
    left_out: str = ""
    position_turn: int = 0

    @property
    def layers(self) -> tuple[LayerMemory, ...]:
        """What each layer keeps of a conversation, with elements of one byte."""
        return tuple(block.memory for block in self.blocks if block.memory is not None)

    @property
    def packed_share(self) -> float:
        """Part of its weights that INT8 and INT4 pack."""
        packed = sum(one.elements for block in self.blocks for one in (*block.packed, *block.experts))
        packed += sum(one.elements for block in self.blocks for one in block.vocabulary)
        return packed / max(sum(block.elements for block in self.blocks), 1)

    @property
    def stays_packed(self) -> bool:
        """Whether its publisher packed it and it is loaded just so."""
        return self.published is not None and not self.published.unpacked

    @property
    def may_wait(self) -> bool:
        """Whether weights may lie in main memory until a card needs them."""
        return self.published is None or not self.stays_packed or self.published.waits

    @property
    def runs_packed_on_processor(self) -> bool:
        """Whether it stays as its publisher packed it on a processor too."""
        return self.published is not None and self.stays_packed and self.published.on_processor
