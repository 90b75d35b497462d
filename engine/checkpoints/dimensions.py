"""The lengths of a model that decide how much space a pass through it needs, from configuration and skeleton."""

import inspect
import re

from transformers import PreTrainedConfig, PreTrainedModel

from engine.planning.configuration import first_of, whole
from engine.planning.facts import AttentionMatrix, Block, Dimensions
from engine.planning.memory import LayerMemory
from engine.planning.recurrent import recurrent_work

# Copies of the attention matrix in transformers' eager functions: with sinks (gpt-oss), with a cap (Gemma 2), and the
# most that any other has (Bloom, whose positions are added to it).
_WITH_SINKS, _WITH_CAP, _ANY_OTHER = AttentionMatrix(3, 0), AttentionMatrix(1, 2), AttentionMatrix(3, 2)

_QUERY_NORM = re.compile(r"\.(q|query)_(layer)?norm\.weight$")


def dimensions_of(
    text: PreTrainedConfig,
    skeleton: PreTrainedModel,
    blocks: tuple[Block, ...],
    memories: tuple[LayerMemory, ...],
    is_eager: bool,
) -> Dimensions:
    """Return the dimensions of the text model; is_eager: attention has no fused kernel."""
    heads = _heads(text)
    hidden = whole(text, "hidden_size")
    intermediate, copies = _dense_mlp(blocks, hidden)
    key_heads = first_of(text, "num_key_value_heads", "num_kv_heads") or heads
    width, value_width, expanded = _widths(text, heads, hidden)
    expert_rows, expert_intermediate = _expert_widths(blocks)
    attending = [memory for memory in memories if memory.bytes_per_token]
    return Dimensions(
        hidden=hidden,
        intermediate=intermediate,
        attention_heads=heads if attending else 0,
        key_value_heads=key_heads,
        head_width=width,
        value_width=value_width,
        fused_projection=_fused_projection(blocks, hidden, (heads + 2 * key_heads) * width, key_heads * width),
        vocabulary=whole(text, "vocab_size"),
        expanded_latent=expanded,
        gated_copies=copies,
        norms_queries=any(_QUERY_NORM.search(name) for name, _ in skeleton.named_parameters()),
        experts_per_token=experts_per_token(text) if expert_rows else 0,
        expert_intermediate=expert_intermediate,
        expert_rows=expert_rows,
        # The families that scale what their router chose do it in 32 bit.
        wide_scores=hasattr(text, "routed_scaling_factor"),
        matrix=_matrix(text, skeleton) if is_eager and attending else None,
        recurrent=recurrent_work(text),
        keeps_all_logits="logits_to_keep" not in inspect.signature(skeleton.forward).parameters,
    )


def experts_per_token(text: PreTrainedConfig) -> int:
    """Return how many experts a token is sent to, 0 if the model has none."""
    if named := first_of(text, "num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_k", "top_k_experts"):
        return named
    by_layer, inner = getattr(text, "moe_topk", None), getattr(text, "ffn_config", None)  # Hunyuan, DBRX
    if isinstance(by_layer, list):
        return max((one for one in by_layer if isinstance(one, int)), default=0)
    return whole(inner, "moe_top_k") if isinstance(inner, PreTrainedConfig) else 0


def expanded_latent(text: PreTrainedConfig) -> int:
    """Return the values that each position becomes while latent attention reads it, 0 for other attention."""
    if not whole(text, "kv_lora_rank"):
        return 0
    plain, value, turned = (whole(text, name) for name in ("qk_nope_head_dim", "v_head_dim", "qk_rope_head_dim"))
    return _heads(text) * (plain + value + plain + turned)


def _heads(text: PreTrainedConfig) -> int:
    return whole(text, "num_attention_heads") or first_of(text, "n_head") or 1


def _widths(text: PreTrainedConfig, heads: int, hidden: int) -> tuple[int, int, int]:
    """Return the widths of a key and a value, and what a position becomes if latent attention unpacks it."""
    if whole(text, "kv_lora_rank"):
        width = whole(text, "qk_nope_head_dim") + whole(text, "qk_rope_head_dim")
        return width, whole(text, "v_head_dim"), expanded_latent(text)
    width = whole(text, "head_dim") or hidden // heads
    return width, width, 0


def _expert_widths(blocks: tuple[Block, ...]) -> tuple[int, int]:
    """Return the outputs of an expert's first products together, and the inputs of its last; 0 without experts."""
    experts = next((block.experts for block in blocks if len(block.experts) > 1), ())
    lasts = [one for one in experts[1:] if one.rows == experts[0].columns]
    if not lasts:
        return 0, 0
    # Beside these JetMoE has narrower ones for attention. Gate and up are one weight, or two of the same shape.
    last = max(lasts, key=lambda one: one.columns)
    others = [one for one in experts if one is not last and one.columns == last.rows]
    rows = sum(one.rows for one in others if one.rows in (last.columns, 2 * last.columns))
    return rows or experts[0].rows, last.columns


def _dense_mlp(blocks: tuple[Block, ...], hidden: int) -> tuple[int, int]:
    """Return the inner width of the widest MLP and how many tensors of it are alive at once.

    The inner width is the longest row that becomes `hidden` values again. Gate and up are separate (3 tensors), or one
    product that is cut in two (4); an MLP without a gate has 4 if its activation is computed step by step.
    """
    inner = max(
        (one.columns for block in blocks for one in block.packed if one.rows == hidden and one.columns != hidden),
        default=4 * hidden,
    )
    has_gate = any(sum(one.rows == inner for one in block.packed) > 1 for block in blocks)
    return inner, 3 if has_gate else 4


def _fused_projection(blocks: tuple[Block, ...], hidden: int, rows: int, key_rows: int) -> int:
    """Return rows if queries, keys and values come out of one product, which stays alive behind them; else 0."""
    for block in blocks:
        projections = [one.rows for one in block.packed if one.columns == hidden]
        if rows in projections and projections.count(key_rows) <= 1:  # the one may be the output of attention
            return rows
    return 0


def _matrix(text: PreTrainedConfig, skeleton: PreTrainedModel) -> AttentionMatrix:
    if any(name.endswith(".sinks") for name, _ in skeleton.named_parameters()):
        return _WITH_SINKS
    return _WITH_CAP if getattr(text, "attn_logit_softcapping", None) else _ANY_OTHER
