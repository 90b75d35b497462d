"""A tiny configuration with odd values: what publishers vary from one model of a family to the next, drawn at random.

Only what a class has a name for is changed; whether the values fit together, transformers itself has to say.
"""

import random
from typing import Any

from transformers import PreTrainedConfig

from tests.architectures.tiny_config import KINDS_OF_LAYERS, defaults, tiny_values

_LIKELY = 0.35
_WINDOW = 64
Values = dict[str, Any]

_NUMBERS: dict[str, tuple[object, ...]] = {
    "vocab_size": (384, 387, 500),
    "hidden_size": (64, 96, 192, 320),
    "intermediate_size": (96, 224, 352),
    "moe_intermediate_size": (32, 96),
    "num_hidden_layers": (1, 2, 3, 5, 6),
    "num_attention_heads": (1, 2, 6, 8),
    "num_key_value_heads": (1, 1, 2, 3, 4, 6, 8),
    "head_dim": (16, 48, 80, 128, 256),
    "global_head_dim": (32, 64, 128),
    "sliding_window": (2, 7, 40, 2048, 5000),
    "attention_chunk_size": (3, 40, 4096),
    "max_window_layers": (0, 2, 9),
    "num_kv_shared_layers": (0, 1, 2, 3),
    "num_experts": (1, 3, 8, 64),
    "num_local_experts": (1, 3, 8, 64),
    "n_routed_experts": (1, 3, 8, 64),
    "num_experts_per_tok": (1, 2, 3, 6),
    "n_shared_experts": (0, 1, 2),
    "first_k_dense_replace": (0, 1, 3),
    "decoder_sparse_step": (1, 2),
    "mlp_only_layers": ([], [0], [1]),
    "kv_lora_rank": (16, 96),
    "q_lora_rank": (None, 48),
    "qk_rope_head_dim": (16, 64),
    "qk_nope_head_dim": (16, 48),
    "v_head_dim": (16, 48),
    "conv_L_cache": (2, 3, 5),
    "linear_conv_kernel_dim": (2, 3, 6),
    "mamba_d_conv": (2, 3),
    "conv_kernel": (2, 3),
    "attn_logit_softcapping": (None, 5.0, 50.0),
    "final_logit_softcapping": (None, 5.0, 30.0),
    "query_pre_attn_scalar": (16, 100),
    "partial_rotary_factor": (0.25, 0.5, 0.75, 1.0),
    "logits_scaling": (0.5, 8.0),
    "residual_multiplier": (0.22, 1.0),
    "embedding_multiplier": (1.0, 12.0),
    "attention_multiplier": (0.0156, 0.5),
    "logit_scale": (0.0625, 1.0),
    "routed_scaling_factor": (1.0, 2.5),
    "rms_norm_eps": (1e-5, 1e-6),
    "hidden_act": ("silu", "gelu_pytorch_tanh", "relu"),
    "hidden_activation": ("gelu_pytorch_tanh", "silu"),
    "bos_token_id": (1, None),
    "eos_token_id": (2, [2, 5, 9], None),
    "pad_token_id": (0, None),
}
_TIED_TO_THE_WIDTH = ("expand", "mamba_expand", "lru_width")
# What says how a pass is run, and not what a model is.
_NOT_THE_MODEL = frozenset(PreTrainedConfig().to_dict()) | {
    "use_cache", "use_mamba_kernels", "use_kernels", "use_bidirectional_attention",
}  # fmt: skip


def odd_config(model_type: str, seed: int) -> tuple[PreTrainedConfig, Values]:
    """Return a configuration and what is odd about it. Raises whatever its class says to values that don't fit."""
    draw = random.Random(f"{model_type} {seed}")
    kind, values = tiny_values(model_type)
    told = defaults(kind)
    changed = _numbers(draw, values, told, set(kind.attribute_map or {}) - set(values)) | _switches(draw, told)
    changed |= _kinds_of_layers(draw, values | changed)
    changed |= _rope(draw, values | changed, told)
    if "tie_word_embeddings" in values and draw.random() < 0.5:
        changed["tie_word_embeddings"] = True
    return kind(**values | changed), changed


def _numbers(draw: random.Random, values: Values, told: Values, other_names: set[str]) -> Values:
    fixed = {"hidden_size"} if any(name in told for name in _TIED_TO_THE_WIDTH) else set[str]()
    fixed |= {"vocab_size"} if "vocab_size_per_layer_input" in values else set()
    named = [name for name in _NUMBERS if (name in values or name in told) and name not in fixed | other_names]
    changed = {name: draw.choice(_NUMBERS[name]) for name in named if draw.random() < _LIKELY}
    heads = changed.get("num_attention_heads", values.get("num_attention_heads"))
    keys = changed.get("num_key_value_heads", values.get("num_key_value_heads"))
    if heads and keys and (heads % keys or "kv_lora_rank" in values):
        changed["num_key_value_heads"] = heads if "kv_lora_rank" in values else 1
    if "kv_lora_rank" in values and "head_dim" in values:
        changed["head_dim"] = changed.get("qk_rope_head_dim", values["qk_rope_head_dim"])
    for name in ("num_experts", "num_local_experts", "n_routed_experts"):
        chosen = changed.get("num_experts_per_tok", values.get("num_experts_per_tok"))
        if name in changed and chosen:
            changed["num_experts_per_tok"] = min(chosen, changed[name])
    return changed


def _switches(draw: random.Random, told: Values) -> Values:
    named = [name for name, value in told.items() if isinstance(value, bool) and name not in _NOT_THE_MODEL]
    return {name: not told[name] for name in named if draw.random() < _LIKELY}


def _kinds_of_layers(draw: random.Random, values: Values) -> Values:
    """Return lists as long as there are layers, of any of the kinds that the class has in its own."""
    count = values.get("num_hidden_layers")
    changed: Values = {}
    for name in KINDS_OF_LAYERS:
        kinds = values.get(name)
        if isinstance(kinds, list) and isinstance(count, int):
            different = sorted(set(kinds))
            if draw.random() < _LIKELY:
                different = [draw.choice(different)]
            changed[name] = [draw.choice(different) for _ in range(count)]
    return changed


def _rope(draw: random.Random, values: Values, told: Values) -> Values:
    """Return other positions: of each kind of layer, where the class tells them apart."""
    before = told.get("rope_parameters")
    if not isinstance(before, dict) or draw.random() > 2 * _LIKELY:
        return {}
    width = values.get("head_dim") or values["hidden_size"] // values["num_attention_heads"]
    part = values.get("partial_rotary_factor") or before.get("partial_rotary_factor") or 1.0
    if "rope_theta" in before or "rope_type" in before:
        return {"rope_parameters": before | _turned(draw, int(width * part) // 2)}
    changed = {kind: dict(each) for kind, each in before.items() if isinstance(each, dict)}
    if changed:
        kind = draw.choice(sorted(changed))
        changed[kind] |= _turned(draw, int(width * changed[kind].get("partial_rotary_factor", part)) // 2)
    return {"rope_parameters": changed} if changed else {}


def _turned(draw: random.Random, pairs: int) -> Values:
    original = {"original_max_position_embeddings": _WINDOW}
    return draw.choice(
        (
            {"rope_type": "linear", "factor": 4.0},
            {"rope_type": "dynamic", "factor": 2.0},
            {"rope_type": "yarn", "factor": 32.0, **original},
            {"rope_type": "yarn", "factor": 32.0, "beta_fast": 16.0, "beta_slow": 2.0, "mscale": 1.0,
             "mscale_all_dim": 0.7, "truncate": False, **original},
            {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, **original},
            {"rope_type": "longrope", "factor": 32.0, "short_factor": [1.0] * pairs,
             "long_factor": [1.0 + 0.3 * number for number in range(pairs)], **original},
            {"rope_type": "default", "rope_theta": 5e5},
        )
    )  # fmt: skip
