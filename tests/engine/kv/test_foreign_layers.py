"""Layers that stay transformers' own: copies in main memory, and slab layers that keep out of their way."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers
from transformers import AutoModelForCausalLM, PreTrainedModel

from engine.kv.slab import KvSlab
from engine.kv.slab_layers import SlabLayer
from tests import kv_probe, tiny_checkpoints

IDS = [(17 + 7919 * index) % 384 for index in range(90)]
RECURRENT = ["qwen3_next", "lfm2", "falcon_h1"]
# Reading in chunks and reading id by id round differently: with these weights that comes to a ninth of this at most,
# the same bits for one thread or two and wherever the memory lies. A lost state is 10,000 times as much.
TOLERANCE = 1e-4


def load(path: Path) -> PreTrainedModel:
    found: PreTrainedModel = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    return found.eval()


def load_remembering(path: Path) -> PreTrainedModel:
    """Load a model whose recurrences matter: most of the tiny ones forget within one id, or add next to nothing."""
    model = load(path)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("A_log"):
                parameter.sub_(4.0)
            elif "conv" in name and parameter.dim() >= 2:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * tiny_checkpoints.WEIGHT_STD)
    return model


def feed(model: PreTrainedModel, kv: KvSlab, ids: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        output = model(input_ids=torch.tensor([ids]), past_key_values=kv.cache, use_cache=True)
    kv.record(ids)
    logits: torch.Tensor = output.logits[0]
    return logits


def plain(model: PreTrainedModel, ids: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
    return logits


@pytest.mark.parametrize("name", RECURRENT)
def test_a_snapshot_is_a_copy_that_can_be_restored_twice(name: str, tiny_folder: Path) -> None:
    model = load_remembering(tiny_checkpoints.make(name, tiny_folder))
    kv = KvSlab(model.config, 128)
    feed(model, kv, IDS[:40])
    snapshot = kv_probe.save(kv)
    expected = plain(model, IDS[:41])[-1]
    for _ in range(2):
        feed(model, kv, IDS[50:60])
        assert snapshot.usable(39) == 0
        snapshot.put_back(kv, 40)
        torch.testing.assert_close(feed(model, kv, [IDS[40]])[-1], expected, rtol=TOLERANCE, atol=TOLERANCE)
    assert kv.usable(40, kv.length) == 0
    assert kv.usable(41, kv.length) == 41
    assert kv.undoable_tokens == 0


@pytest.mark.parametrize("name", RECURRENT)
def test_a_loss_of_any_state_of_a_snapshot_would_be_seen(name: str, tiny_folder: Path) -> None:
    model = load_remembering(tiny_checkpoints.make(name, tiny_folder))
    kv = KvSlab(model.config, 128)
    feed(model, kv, IDS[:40])
    snapshot = kv_probe.save(kv)
    expected = plain(model, IDS[:41])[-1]
    assert snapshot.state is not None
    kept = list(snapshot.state.tensors)
    for index, lost in enumerate(kept):
        tensors = [*kept[:index], torch.zeros_like(lost), *kept[index + 1 :]]
        replace(snapshot, state=replace(snapshot.state, tensors=tensors)).put_back(kv, 40)
        found = feed(model, kv, [IDS[40]])[-1]
        assert (found - expected).abs().max() > 1000 * TOLERANCE


def test_all_states_count_as_allocated(tiny_folder: Path) -> None:
    model = load(tiny_checkpoints.make("qwen3_next", tiny_folder))
    kv = KvSlab(model.config, 128)
    feed(model, kv, IDS[:40])
    slab = sum(layer.allocated_bytes for layer in kv.cache.layers if isinstance(layer, SlabLayer))
    recurrent = [layer for layer in kv.cache.layers if not isinstance(layer, SlabLayer)]
    states = [tensor for layer in recurrent for held in (layer.conv_states, layer.recurrent_states)
              for tensor in held.values()]  # fmt: skip
    assert len(states) == 6
    assert kv.allocated_bytes == slab + sum(tensor.nbytes for tensor in states)
    filled = kv.allocated_bytes
    kv.clear()
    assert kv.allocated_bytes == slab < filled


@pytest.mark.parametrize("windowed", [False, True])
def test_sliding_layers_stay_beside_foreign_sliding_layers(windowed: bool, tmp_path: Path) -> None:
    config = transformers.DeepseekV4Config(
        vocab_size=384, hidden_size=48, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=1, head_dim=12,
        moe_intermediate_size=32, num_experts_per_tok=2, max_position_embeddings=2048, sliding_window=16,
        bos_token_id=1, eos_token_id=2, pad_token_id=0, n_routed_experts=4, q_lora_rank=24, o_lora_rank=24,
        index_n_heads=4, index_head_dim=12, index_topk=8, qk_rope_head_dim=4,
        layer_types=["sliding_attention", "heavily_compressed_attention", "sliding_attention",
                     "compressed_sparse_attention"],
    )  # fmt: skip
    model = load(tiny_checkpoints.save(config, tmp_path / "model"))
    kv = KvSlab(model.config, 128, windowed=windowed, slack_tokens=8)
    found = torch.cat([feed(model, kv, IDS[begin : begin + 10]) for begin in range(0, 90, 10)])
    torch.testing.assert_close(found, plain(model, IDS), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["llama", "qwen3_next"])
def test_a_slab_that_has_no_memory_yet_does_not_say_that_it_holds_what_was_restored(
    name: str, tiny_folder: Path
) -> None:
    model = load(tiny_checkpoints.make(name, tiny_folder))
    kv = KvSlab(model.config, 128)
    feed(model, kv, IDS[:40])
    empty = KvSlab(model.config, 128)
    with pytest.raises(ValueError, match="have memory here"):
        kv_probe.save(kv).put_back(empty, 40)
    assert empty.length == 0
    feed(model, empty, IDS[:1])
    kv_probe.save(kv).put_back(empty, 40)
    assert torch.allclose(feed(model, empty, IDS[40:41])[-1], plain(model, IDS[:41])[-1], atol=TOLERANCE)
