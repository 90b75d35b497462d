"""Tiny random checkpoints of many architectures with a real byte-level tokenizer and a ChatML template.

make("mistral", folder) saves one with save_pretrained (safetensors, float32) and returns its path; a second call
with the same folder finds it again. Weights are drawn wide, so that greedy argmax varies and is not near-tied.
The same name and seed give the same weights, always.
"""

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
import transformers
from transformers import PretrainedConfig

from engine.bench.byte_tokenizer import EOS_ID, VOCABULARY_SIZE, tokenizer
from engine.checkpoints.skeleton import auto_class_for

SLIDING_WINDOW = 16
ORIGINAL_WINDOW = 96
MAXIMUM_CONTEXT = 2048
WEIGHT_STD = 0.3
OUTPUT_STD = 1.0
_COMMON = {
    "vocab_size": VOCABULARY_SIZE,
    "bos_token_id": 1,
    "eos_token_id": EOS_ID,
    "pad_token_id": 0,
    "max_position_embeddings": MAXIMUM_CONTEXT,
    "tie_word_embeddings": False,
}
_DENSE = {
    **_COMMON,
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
}
_EXPERTS = {**_DENSE, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}


def _llama() -> PretrainedConfig:
    return transformers.LlamaConfig(**_DENSE)


def llama_of_whole_blocks() -> PretrainedConfig:
    """Return a configuration whose sizes are multiples of 64, as those of published models are."""
    sizes = {"hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2, "head_dim": 64}
    return transformers.LlamaConfig(**{**_DENSE, **sizes, "num_attention_heads": 2, "num_key_value_heads": 2})


def _qwen3() -> PretrainedConfig:
    return transformers.Qwen3Config(**_DENSE)


def _mistral() -> PretrainedConfig:
    return transformers.MistralConfig(**_DENSE, sliding_window=SLIDING_WINDOW)


def _gemma2() -> PretrainedConfig:
    return transformers.Gemma2Config(
        **{**_DENSE, "num_hidden_layers": 4},
        sliding_window=SLIDING_WINDOW,
        query_pre_attn_scalar=12,
        attn_logit_softcapping=20.0,
        final_logit_softcapping=30.0,
    )


def _gemma3() -> PretrainedConfig:
    layers = ["sliding_attention", "sliding_attention", "full_attention", "sliding_attention"]
    return transformers.Gemma3TextConfig(
        **{**_DENSE, "num_hidden_layers": 4},
        sliding_window=SLIDING_WINDOW,
        query_pre_attn_scalar=12,
        layer_types=layers,
    )


def _gemma4() -> PretrainedConfig:
    """Layers of two head widths, of which the last two look at the KV of the first two."""
    return transformers.Gemma4TextConfig(
        **{**_DENSE, "num_hidden_layers": 4}, sliding_window=SLIDING_WINDOW, global_head_dim=32,
        attention_k_eq_v=True, num_global_key_value_heads=1, num_kv_shared_layers=2, hidden_size_per_layer_input=12,
        vocab_size_per_layer_input=VOCABULARY_SIZE, layer_types=["sliding_attention", "full_attention"] * 2,
    )  # fmt: skip


def _phi3() -> PretrainedConfig:
    shape = {key: value for key, value in _DENSE.items() if key != "head_dim"}
    return transformers.Phi3Config(**shape, original_max_position_embeddings=MAXIMUM_CONTEXT)


def _phi3_longrope() -> PretrainedConfig:
    shape = {key: value for key, value in _DENSE.items() if key != "head_dim"}
    return transformers.Phi3Config(
        **shape,
        original_max_position_embeddings=ORIGINAL_WINDOW,
        rope_parameters={
            "rope_type": "longrope", "rope_theta": 10_000.0, "short_factor": [1.0] * 6, "long_factor": [3.0] * 6,
            "original_max_position_embeddings": ORIGINAL_WINDOW,
        },
    )  # fmt: skip


def _gpt_neox() -> PretrainedConfig:
    shape = {key: value for key, value in _DENSE.items() if key not in ("num_key_value_heads", "head_dim")}
    return transformers.GPTNeoXConfig(**shape)


def _gpt2() -> PretrainedConfig:
    return transformers.GPT2Config(
        vocab_size=VOCABULARY_SIZE, n_positions=512, n_embd=48, n_layer=3, n_head=4, bos_token_id=1,
        eos_token_id=EOS_ID, pad_token_id=0, tie_word_embeddings=False,
    )  # fmt: skip


def _opt() -> PretrainedConfig:
    return transformers.OPTConfig(
        **{**_COMMON, "max_position_embeddings": 512}, hidden_size=48, ffn_dim=96, num_hidden_layers=3,
        num_attention_heads=4, word_embed_proj_dim=48,
    )  # fmt: skip


def _bloom() -> PretrainedConfig:
    return transformers.BloomConfig(
        vocab_size=VOCABULARY_SIZE, hidden_size=48, n_layer=3, n_head=4, bos_token_id=1, eos_token_id=EOS_ID,
        pad_token_id=0, tie_word_embeddings=False,
    )  # fmt: skip


def _falcon() -> PretrainedConfig:
    return transformers.FalconConfig(
        **_COMMON, hidden_size=48, num_hidden_layers=3, num_attention_heads=4, multi_query=True, alibi=False,
        new_decoder_architecture=False, parallel_attn=True, bias=False,
    )  # fmt: skip


def _qwen3_moe() -> PretrainedConfig:
    return transformers.Qwen3MoeConfig(**_EXPERTS)


def _mixtral() -> PretrainedConfig:
    return transformers.MixtralConfig(**_DENSE, num_local_experts=4, num_experts_per_tok=2)


def _gpt_oss() -> PretrainedConfig:
    return transformers.GptOssConfig(
        **{**_DENSE, "num_hidden_layers": 4}, sliding_window=SLIDING_WINDOW, num_local_experts=4,
        num_experts_per_tok=2, rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
    )  # fmt: skip


def _deepseek_v3() -> PretrainedConfig:
    return transformers.DeepseekV3Config(
        **{**_COMMON, "hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 3},
        num_attention_heads=4, num_key_value_heads=4, kv_lora_rank=16, q_lora_rank=24, qk_rope_head_dim=8,
        qk_nope_head_dim=8, v_head_dim=8, n_routed_experts=4, num_experts_per_tok=2, moe_intermediate_size=32,
        n_group=1, topk_group=1, first_k_dense_replace=1, n_shared_experts=1,
    )  # fmt: skip


def _qwen3_next() -> PretrainedConfig:
    return transformers.Qwen3NextConfig(
        **{**_EXPERTS, "num_hidden_layers": 4}, linear_num_value_heads=4, linear_num_key_heads=2,
        linear_key_head_dim=12, linear_value_head_dim=12, shared_expert_intermediate_size=32,
        layer_types=["linear_attention", "linear_attention", "full_attention", "linear_attention"],
    )  # fmt: skip


def _lfm2() -> PretrainedConfig:
    shape = {key: value for key, value in _DENSE.items() if key != "head_dim"}
    return transformers.Lfm2Config(
        **{**shape, "num_hidden_layers": 4}, layer_types=["conv", "full_attention", "conv", "full_attention"],
        block_multiple_of=16, tie_embedding=False,
    )  # fmt: skip


def _falcon_h1() -> PretrainedConfig:
    return transformers.FalconH1Config(
        **_DENSE, mamba_d_ssm=48, mamba_n_heads=4, mamba_d_head=12, mamba_n_groups=1, mamba_d_state=16,
        mamba_d_conv=4, mamba_chunk_size=16,
    )  # fmt: skip


def _bamba() -> PretrainedConfig:
    """Counts the positions of each pass from 0 unless it is told them."""
    shape = {key: value for key, value in _DENSE.items() if key != "head_dim"}
    return transformers.BambaConfig(
        **shape, attn_layer_indices=[1], mamba_n_heads=4, mamba_d_head=24, mamba_d_state=16, mamba_chunk_size=16,
    )  # fmt: skip


def _mamba() -> PretrainedConfig:
    shape = {key: value for key, value in _COMMON.items() if key != "max_position_embeddings"}
    return transformers.MambaConfig(**shape, hidden_size=48, num_hidden_layers=3, state_size=8)


def _mamba2() -> PretrainedConfig:
    shape = {key: value for key, value in _COMMON.items() if key != "max_position_embeddings"}
    return transformers.Mamba2Config(
        **shape, hidden_size=48, num_hidden_layers=3, state_size=16, num_heads=8, head_dim=12, expand=2, n_groups=1,
        chunk_size=16,
    )  # fmt: skip


def _mistral3() -> PretrainedConfig:
    return transformers.Mistral3Config(
        text_config={**_DENSE, "model_type": "mistral", "sliding_window": None},
        vision_config={**_DENSE, "image_size": 28, "patch_size": 14, "model_type": "pixtral"},
        image_token_index=10,
        tie_word_embeddings=False,
    )


ARCHITECTURES: dict[str, Callable[[], PretrainedConfig]] = {
    "llama": _llama,
    "qwen3": _qwen3,
    "mistral": _mistral,
    "gemma2": _gemma2,
    "gemma3": _gemma3,
    "gemma4": _gemma4,
    "phi3": _phi3,
    "phi3_longrope": _phi3_longrope,
    "gpt_neox": _gpt_neox,
    "gpt2": _gpt2,
    "opt": _opt,
    "bloom": _bloom,
    "falcon": _falcon,
    "qwen3_moe": _qwen3_moe,
    "mixtral": _mixtral,
    "gpt_oss": _gpt_oss,
    "deepseek_v3": _deepseek_v3,
    "qwen3_next": _qwen3_next,
    "lfm2": _lfm2,
    "falcon_h1": _falcon_h1,
    "bamba": _bamba,
    "mamba": _mamba,
    "mamba2": _mamba2,
    "mistral3": _mistral3,
}


def make(name: str, folder: Path, seed: int = 0) -> Path:
    """Save the tiny checkpoint of the architecture into folder/name-seed, unless it is there, and return its path."""
    path = folder / f"{name}-{seed}"
    if (path / "complete").exists():
        return path
    save(ARCHITECTURES[name](), path, seed)
    (path / "complete").touch()
    return path


def save(config: PretrainedConfig, path: Path, seed: int = 0, shard_size: str = "5GB") -> Path:
    """Save a random model of the configuration with tokenizer, template and generation configuration."""
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")  # hints of some architectures about faster kernels that a CPU has no use for
        # What _draw_weights leaves as it is comes from here: it must not hang on which tests ran before.
        torch.manual_seed(seed)
        model = auto_class_for(config).from_config(config, dtype=torch.float32)
    _draw_weights(model, seed)
    model.generation_config.eos_token_id = EOS_ID
    model.generation_config.bos_token_id = 1
    model.generation_config.pad_token_id = 0
    model.save_pretrained(path, max_shard_size=shard_size)
    tokenizer().save_pretrained(path)
    return path


def _draw_weights(model: torch.nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # Norms, decays and biases keep their meaning; only the matrices become wide.
            if parameter.dim() >= 2 and "conv" not in name:
                std = OUTPUT_STD if name.startswith(("lm_head", "embed_out")) else WEIGHT_STD
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * std)
            elif "sinks" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator))


def edit_config(path: Path, **changes: object) -> None:
    """Change keys of the checkpoint's config.json in place, for tests of broken checkpoints."""
    file = path / "config.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    content.update(changes)
    file.write_text(json.dumps(content), encoding="utf-8")
