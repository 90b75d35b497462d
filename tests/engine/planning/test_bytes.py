"""Predicted against real bytes: the tensors of loaded checkpoints of many architectures, and their KV when it is full.

The widths are multiples of 64, as those of real models are: else the scales of packed weights weigh too much.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import transformers
from transformers import PreTrainedConfig

from engine.api.cancellation import CancellationToken
from engine.api.plan import Precision, PrecisionChoice
from engine.checkpoints import loader
from engine.kv.slab import KvSlab
from tests import tiny_checkpoints

WINDOW = 300
ALLOWED = 0.01

_COMMON = {
    "vocab_size": 384, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "max_position_embeddings": 2048,
    "tie_word_embeddings": False,
}  # fmt: skip
_DENSE = {
    **_COMMON, "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 64,
}  # fmt: skip
_EXPERTS = {**_DENSE, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 64}
_NO_WIDTH = {key: value for key, value in _DENSE.items() if key != "head_dim"}
CONFIGS: dict[str, Callable[[], PreTrainedConfig]] = {
    "llama": lambda: transformers.LlamaConfig(**_DENSE),
    "llama tied": lambda: transformers.LlamaConfig(**{**_DENSE, "tie_word_embeddings": True}),
    "qwen3": lambda: transformers.Qwen3Config(**_DENSE),
    "gemma3": lambda: transformers.Gemma3TextConfig(
        **_DENSE, sliding_window=64, layer_types=["sliding_attention", "full_attention"]
    ),
    "gemma3n": lambda: transformers.Gemma3nTextConfig(
        **{**_DENSE, "tie_word_embeddings": True}, sliding_window=64, num_kv_shared_layers=0, laurel_rank=64,
        layer_types=["sliding_attention", "full_attention"], hidden_size_per_layer_input=64,
        vocab_size_per_layer_input=384, activation_sparsity_pattern=[0.5, 0.0],
    ),
    "phi3": lambda: transformers.Phi3Config(**_NO_WIDTH, original_max_position_embeddings=2048),
    "gpt2": lambda: transformers.GPT2Config(
        vocab_size=384, n_positions=512, n_embd=128, n_layer=2, n_head=4, tie_word_embeddings=False
    ),
    "qwen3 moe": lambda: transformers.Qwen3MoeConfig(**_EXPERTS),
    "mixtral": lambda: transformers.MixtralConfig(**_DENSE, num_local_experts=4, num_experts_per_tok=2),
    "gpt-oss": lambda: transformers.GptOssConfig(
        **_DENSE, sliding_window=64, num_local_experts=4, num_experts_per_tok=2,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
    ),
    "deepseek": lambda: transformers.DeepseekV3Config(
        **{**_COMMON, "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2},
        num_attention_heads=4, num_key_value_heads=4, kv_lora_rank=64, q_lora_rank=64, qk_rope_head_dim=32,
        qk_nope_head_dim=32, v_head_dim=32, n_routed_experts=4, num_experts_per_tok=2, moe_intermediate_size=64,
        n_group=1, topk_group=1, first_k_dense_replace=1, n_shared_experts=1,
    ),
    "qwen3-next": lambda: transformers.Qwen3NextConfig(
        **_EXPERTS, linear_num_value_heads=4, linear_num_key_heads=2, linear_key_head_dim=32,
        linear_value_head_dim=32, shared_expert_intermediate_size=64,
        layer_types=["linear_attention", "full_attention"],
    ),
    "mistral3": lambda: transformers.Mistral3Config(
        text_config={**_DENSE, "model_type": "mistral", "sliding_window": None}, image_token_index=10,
        vision_config={**_DENSE, "image_size": 28, "patch_size": 14, "model_type": "pixtral"},
        tie_word_embeddings=False,
    ),
    "zamba": lambda: transformers.ZambaConfig(
        **{**_NO_WIDTH, "num_key_value_heads": 4}, layers_block_type=["linear_attention", "hybrid"],
        attention_hidden_size=256, attention_head_dim=64, mamba_d_state=64, mamba_dt_rank=32, n_mamba_heads=2,
    ),
    "llama4": lambda: transformers.Llama4TextConfig(
        **_DENSE, intermediate_size_mlp=256, num_local_experts=4, num_experts_per_tok=1, attention_chunk_size=64
    ),
    "dbrx": lambda: transformers.DbrxConfig(
        vocab_size=384, d_model=128, n_layers=2, n_heads=4, max_seq_len=2048, tie_word_embeddings=False,
        attn_config={"kv_n_heads": 2, "clip_qkv": 8.0, "rope_theta": 1e4},
        ffn_config={"hidden_size": 128, "ffn_hidden_size": 256, "moe_num_experts": 4, "moe_top_k": 2},
    ),
    "jetmoe": lambda: transformers.JetMoeConfig(
        **{**_COMMON, "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2}, kv_channels=64,
        num_key_value_heads=2, num_local_experts=4, num_experts_per_tok=2,
    ),
    "lfm2": lambda: transformers.Lfm2Config(
        **_NO_WIDTH, layer_types=["conv", "full_attention"], block_multiple_of=64, tie_embedding=False
    ),
}  # fmt: skip


def tensors_of(model: torch.nn.Module) -> Iterator[torch.Tensor]:
    """Yield parameters, buffers and what bitsandbytes and Hearth's layers keep beside them."""
    for module in model.modules():
        yield from (one for one in (*module._parameters.values(), *module._buffers.values()) if one is not None)
        weight = module._parameters.get("weight")
        yield from _tensors_in(getattr(weight, "quant_state", None))
        yield from _tensors_in(getattr(module, "quant_state", None))
        yield from _tensors_in(getattr(module, "state", None))


def _tensors_in(holder: object, depth: int = 3) -> Iterator[torch.Tensor]:
    for value in vars(holder).values() if hasattr(holder, "__dict__") and depth else ():
        if isinstance(value, torch.Tensor):
            yield value
        elif type(value).__module__.startswith("bitsandbytes"):
            yield from _tensors_in(value, depth - 1)


def total_bytes(model: torch.nn.Module) -> int:
    """Sum what all tensors take, each storage once."""
    storages = {tensor.untyped_storage()._cdata: tensor.untyped_storage().nbytes() for tensor in tensors_of(model)}
    return sum(storages.values())


@pytest.mark.parametrize("choice", [PrecisionChoice.BF16, PrecisionChoice.INT8, PrecisionChoice.INT4])
@pytest.mark.parametrize("name", CONFIGS)
def test_prediction_is_what_the_tensors_take(name: str, choice: PrecisionChoice, tiny_folder: Path) -> None:
    path = tiny_folder / f"wide {name}"
    if not path.exists():
        tiny_checkpoints.save(CONFIGS[name](), path)
    loaded = loader.load(str(path), choice, WINDOW, "cpu", tiny_folder, CancellationToken(), lambda *_: None)
    try:
        assert loaded.plan.precision is Precision(choice.value)
        assert loaded.plan.context_window == WINDOW
        assert loaded.plan.parts.weights_bytes == pytest.approx(total_bytes(loaded.model), rel=ALLOWED)
        kv = KvSlab(loaded.model.config, WINDOW)
        with torch.inference_mode():
            loaded.model(torch.arange(WINDOW).unsqueeze(0) % 384, past_key_values=kv.cache, use_cache=True)
        assert loaded.plan.kv_bytes == pytest.approx(kv.allocated_bytes, rel=ALLOWED)
    finally:
        loader.free(loaded)
