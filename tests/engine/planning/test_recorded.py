"""What recorded steps take of a card is planned: one pool for all of them, and logits for each number of ids."""

from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForCausalLM

from engine.api.plan import KvLayout, Precision
from engine.decode.experts import gathered_bytes
from engine.decode.recording import again
from engine.decode.steps import Steps
from engine.kv.slab import KvSlab
from engine.planning import recorded
from engine.planning.ladder import Wishes
from engine.planning.loading import Shape
from engine.planning.placement import place
from engine.planning.precision import plan
from engine.planning.sizes import GIB
from engine.planning.targets import CUDA_OVERHEAD_BYTES, targets_of
from tests import tiny_checkpoints
from tests.plan_table import facts_for, machine_with

BF16, INT8, INT4 = (Shape(one, Precision.BF16) for one in (Precision.BF16, Precision.INT8, Precision.INT4))
MIB = 2**20


@pytest.mark.parametrize(
    ("name", "shape", "measured_mb"),
    [
        ("llama-3.1-8b", BF16, 25.2), ("llama-3.1-8b", INT4, 178.3), ("llama-3.2-1b", INT4, 60.8),
        ("gemma-3-1b", BF16, 44.0), ("qwen3-30b-a3b", BF16, 180.0), ("qwen3-0.6b", INT8, 25.2),
        ("qwen3-0.6b", INT4, 25.2),
        ("deepseek-v2-lite", BF16, 266.4), ("deepseek-v2-lite", INT8, 289.5), ("deepseek-v2-lite", INT4, 230.7),
        ("qwen3-30b-a3b", INT8, 195.1), ("qwen3-30b-a3b", INT4, 186.7),
    ],
)  # fmt: skip
def test_the_pool_is_never_larger_than_planned(name: str, shape: Shape, measured_mb: float) -> None:
    """Measured with all steps up to 32,768 positions recorded, by PyTorch 2.11's allocator."""
    planned = recorded.pool_bytes(facts_for(name), shape, 32768) / 1e6
    assert measured_mb <= planned <= 3 * measured_mb + 60


def test_the_plan_of_one_card_counts_pool_and_logits() -> None:
    facts, hardware = facts_for("llama-3.1-8b"), machine_with(24)
    card = targets_of(hardware, "auto")
    alone = place(facts, replace(BF16, attention=card[0].attention), card, 4096)
    spread = place(facts, replace(BF16, attention=card[0].attention), card * 2, 4096)
    assert alone is not None
    assert spread is not None
    pool = recorded.pool_bytes(facts, BF16, 4096)
    assert alone.parts.overhead_bytes == CUDA_OVERHEAD_BYTES + pool
    assert spread.parts.overhead_bytes == 2 * CUDA_OVERHEAD_BYTES  # layers of several cards wait for each other
    logits = (1 + 2 + 4 + 8 + 16) * facts.dimensions.vocabulary * 4
    assert alone.parts.reserve_bytes == card[0].reserve_bytes - min(pool + logits, card[0].reserve_bytes // 2)
    assert alone.parts.working_bytes == spread.parts.working_bytes // 2 + logits
    found = plan(hardware, facts, Wishes(4096))
    assert found.parts.overhead_bytes > CUDA_OVERHEAD_BYTES


@pytest.mark.parametrize("name", ["granite-4.0-h-tiny", "qwen3-next-80b-a3b", "lfm2-1.2b"])
def test_nothing_is_recorded_of_a_model_that_keeps_states(name: str) -> None:
    assert not recorded.applies(facts_for(name), BF16)


def test_of_latent_attention_only_steps_are_recorded_that_make_few_keys_anew() -> None:
    each = facts_for("deepseek-v2-lite").dimensions.expanded_latent * 2
    assert recorded.longest_reach(32768, 0) == 32768
    assert recorded.longest_reach(4096, each) == 4096
    longest = recorded.longest_reach(32768, each)
    assert longest == 9216
    assert longest * each <= recorded.EXPANDED_LIMIT_BYTES < (longest + 256) * each
    assert recorded.longest_reach(32768, 10 * MIB) == 512, "the check of what was recorded needs two reaches"


def test_a_step_that_is_run_before_it_is_recorded_has_its_room() -> None:
    """DeepSeek-V2-Lite in chunks of 128 took 106 MB while its first step was recorded, and 208 MB for two ids."""
    facts, card = facts_for("deepseek-v2-lite"), targets_of(machine_with(80), "auto")
    shape = replace(BF16, attention=card[0].attention, chunk_tokens=128)
    alone, spread = (place(facts, shape, targets, 2048) for targets in (card, card * 2))
    assert alone is not None
    assert spread is not None
    assert alone.parts.working_bytes - recorded.logit_bytes(facts) >= 208e6
    assert spread.parts.working_bytes // 2 < 106e6, "nothing is recorded there"


def test_what_latent_attention_makes_anew_is_counted_for_each_reach() -> None:
    """Without a mixture, whose gathered weights leave free pieces that are large enough for it."""
    facts = facts_for("deepseek-v2-lite")
    dense = replace(facts, dimensions=replace(facts.dimensions, experts_per_token=0))
    each = facts.dimensions.expanded_latent * 2
    flat = replace(dense, dimensions=replace(dense.dimensions, expanded_latent=0))
    for context, reaches in ((256, 256), (1024, 256 + 384 + 512 + 768 + 1024)):
        added = recorded.pool_bytes(dense, BF16, context) - recorded.pool_bytes(flat, BF16, context)
        assert added == reaches * each
    most = recorded.pool_bytes(dense, BF16, 163840) - recorded.pool_bytes(flat, BF16, 163840)
    assert most < 4.5 * recorded.EXPANDED_LIMIT_BYTES


@pytest.mark.parametrize("shape", [INT8, INT4])
def test_the_pieces_that_a_head_in_8_bit_is_unpacked_in_are_planned(shape: Shape) -> None:
    """Unpacked for the 16 ids of a step, Qwen3-0.6B's took 64 MiB twice, of which nothing was planned."""
    facts = facts_for("qwen3-0.6b")
    without = replace(facts, blocks=tuple(replace(block, vocabulary=()) for block in facts.blocks))
    pieces = [recorded.pool_bytes(one, shape, 8192) for one in (facts, without)]
    assert pieces[0] - pieces[1] == 2 * recorded.HEAD_PIECE_BYTES
    pieces = [recorded.aside_bytes(one, shape) for one in (facts, without)]
    assert pieces[0] - pieces[1] == recorded.HEAD_PIECE_BYTES


def test_nothing_is_recorded_where_windows_are_short() -> None:
    assert recorded.applies(facts_for("gemma-3-1b"), BF16)
    assert not recorded.applies(facts_for("gemma-3-1b"), replace(BF16, kv_layout=KvLayout.WINDOWED))


def test_a_mixture_records_only_as_many_ids_as_its_experts_leave_room_for() -> None:
    assert recorded.counts_for(0) == recorded.COUNTS
    assert recorded.counts_for(60 * MIB) == (1, 2, 4)
    assert recorded.counts_for(2 * GIB) == (1,)


def test_steps_know_what_the_experts_of_the_loaded_model_take(monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny_checkpoints.ARCHITECTURES["mixtral"]()
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    up_and_down = 3 * config.intermediate_size * config.hidden_size * 2
    assert gathered_bytes(model) == config.num_experts_per_tok * up_and_down
    monkeypatch.setattr(recorded, "GATHERED_LIMIT_BYTES", 4 * gathered_bytes(model))
    assert Steps(model, KvSlab(config, 64), again).counts == (1, 2, 4)
    dense = AutoModelForCausalLM.from_config(tiny_checkpoints.ARCHITECTURES["llama"]())
    assert gathered_bytes(dense) == 0
    assert Steps(dense, KvSlab(dense.config, 64), again).counts == recorded.COUNTS
