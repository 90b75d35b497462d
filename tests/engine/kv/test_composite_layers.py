"""Layers that keep more than keys and values: another version of an answer, and a restart, read one id."""

from collections.abc import Callable
from pathlib import Path

import pytest
import transformers
from transformers import PretrainedConfig

from engine.api.message import PromptMessage
from engine.api.plan import PrecisionChoice
from engine.generation.chat_session import ChatSession
from engine.generation.generate import Result
from engine.generation.kv_way import KvMode
from tests import tiny_checkpoints
from tests.chat_probe import answered, ask, cold_ids, load_session, user
from tests.tiny_checkpoints import SLIDING_WINDOW

_COMMON = {
    "vocab_size": 384, "hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 4, "num_attention_heads": 4,
    "max_position_embeddings": 1024, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip
_EXPERTS = {**_COMMON, "moe_intermediate_size": 32, "n_routed_experts": 4, "num_experts_per_tok": 2}


def _picked() -> PretrainedConfig:
    """GLM 5: positions are picked by keys of their own, by every other layer for the next one too.

    Many heads, as a score is 0 where all of them are negative, and which of those are picked is left to chance.
    """
    return transformers.GlmMoeDsaConfig(
        **_EXPERTS, num_key_value_heads=4, kv_lora_rank=16, q_lora_rank=24, qk_rope_head_dim=8, qk_nope_head_dim=8,
        v_head_dim=8, n_group=1, topk_group=1, index_n_heads=32, index_head_dim=16, index_topk=8,
        indexer_types=["full", "shared"] * 2,
    )  # fmt: skip


def _picked_in_blocks() -> PretrainedConfig:
    return transformers.MiniMaxM3VLTextConfig(
        **{**_COMMON, "moe_intermediate_size": 32}, num_local_experts=4, num_experts_per_tok=2, num_key_value_heads=2,
        head_dim=12, rotary_dim=8, index_n_heads=2, index_head_dim=16, index_block_size=16, index_topk_blocks=2,
        layer_types=["full_attention", "minimax_m3_sparse"] * 2,
    )  # fmt: skip


def _picked_by_place() -> PretrainedConfig:
    """Qwen 4 keeps the place of each position, in one of its layers."""
    return transformers.Qwen4ExpTextConfig(
        **_COMMON, moe_intermediate_size=32, num_experts=4, num_experts_per_tok=2, num_key_value_heads=2, head_dim=12,
        indexer_n_heads=2, indexer_kv_heads=1, indexer_head_dim=32, indexer_budget=16, indexer_compress_ratio=4,
        layer_types=["linear_attention", "indexed_attention"] * 2, linear_num_key_heads=2, linear_num_value_heads=4,
        linear_key_head_dim=12, linear_value_head_dim=12, shared_expert_intermediate_size=32, hc_lowrank=16,
        ple_layer_ids=[],
    )  # fmt: skip


def _hybrid() -> PretrainedConfig:
    return transformers.FalconH1Config(
        **_COMMON, num_key_value_heads=2, head_dim=12, mamba_d_ssm=48, mamba_n_heads=4, mamba_d_head=12,
        mamba_n_groups=1, mamba_d_state=16, mamba_d_conv=4, mamba_chunk_size=16,
    )  # fmt: skip


def _hybrid_with_windows() -> PretrainedConfig:
    return transformers.InklingTextConfig(
        **_EXPERTS, unpadded_vocab_size=384, num_key_value_heads=2, head_dim=12, swa_num_attention_heads=4,
        swa_num_key_value_heads=2, swa_head_dim=12, sliding_window_size=SLIDING_WINDOW, d_rel=4, rel_extent=16,
        layer_types=["hybrid_sliding", "hybrid"] * 2,
    )  # fmt: skip


CONFIGS: dict[str, Callable[[], PretrainedConfig]] = {
    "picked": _picked,
    "picked in blocks": _picked_in_blocks,
    "picked by place": _picked_by_place,
    "hybrid": _hybrid,
    "hybrid with windows": _hybrid_with_windows,
}
REWIND = {"picked", "picked in blocks"}
STORY = [user("Tell me a story about a small lighthouse and the sea. " * 6)]


@pytest.mark.parametrize("name", CONFIGS)
def test_only_what_is_new_is_read(name: str, tmp_path: Path) -> None:
    path = tiny_checkpoints.save(CONFIGS[name](), tmp_path / "model")
    loaded = load_session(str(path), tmp_path, PrecisionChoice.FP32).loaded
    session = ChatSession(loaded, tmp_path / "kv")
    assert session._runner.mode is KvMode.SLAB
    assert session._runner.kv.can_rewind == (name in REWIND)
    follow_up = [*STORY, answered(session, ask(session, STORY)), user("And then?")]
    second = answer_like_cold(session, follow_up)
    again = ask(session, follow_up)
    assert (again.token_ids, again.statistics.prefilled_tokens) == (second.token_ids, 1)
    answer_like_cold(session, [*STORY, user("Another one")])
    session.close(30)
    reopened = ChatSession(loaded, tmp_path / "kv")
    restarted = ask(reopened, follow_up)
    assert (restarted.token_ids, restarted.statistics.prefilled_tokens) == (second.token_ids, 1)


def test_attention_beside_states_is_paged_where_only_single_ids_can_follow(tmp_path: Path) -> None:
    """Jamba: stored whole with each state, only the last of a conversation were kept."""
    config = transformers.JambaConfig(
        **_COMMON, num_key_value_heads=2, num_experts=4, num_experts_per_tok=2, mamba_d_state=16, mamba_dt_rank=8,
        attn_layer_period=2, attn_layer_offset=1, expert_layer_offset=1, use_mamba_kernels=False,
    )  # fmt: skip
    loaded = load_session(str(tiny_checkpoints.save(config, tmp_path / "model")), tmp_path).loaded
    session = ChatSession(loaded, tmp_path / "kv")
    assert session._runner.mode is KvMode.WHOLE
    assert session._runner.kv.page_layout(1).size_bytes
    follow_up = [*STORY, answered(session, answer_like_cold(session, STORY)), user("And then?")]
    second = answer_like_cold(session, follow_up)
    answer_like_cold(session, [*follow_up[:2], user("And why?")])
    answer_like_cold(session, [*follow_up[:2], user("And where?")])
    session.close(30)
    restarted = ask(ChatSession(loaded, tmp_path / "kv"), follow_up)
    assert (restarted.token_ids, restarted.statistics.prefilled_tokens) == (second.token_ids, 1)


def answer_like_cold(session: ChatSession, messages: list[PromptMessage]) -> Result:
    result = ask(session, messages)
    assert result.token_ids == cold_ids(session, messages)
    return result
