"""What transformers' own (unfused) recurrent layers hold while they read a chunk of ids.

Counted from torch_chunk_gated_delta_rule (models/qwen3_next), the chunk scan of models/mamba2 and the selective scan
of models/mamba; the fused kernels that need less come in packages that Hearth does not install.
"""

from transformers import PreTrainedConfig

from engine.planning.configuration import first_of, whole
from engine.planning.facts import RecurrentWork

_DELTA_CHUNK = 64
_SCAN_CHUNK = 256


def recurrent_work(config: PreTrainedConfig) -> RecurrentWork | None:
    """Return the values per id of the widest recurrent layer of the text model; None without such layers."""
    if whole(config, "linear_num_value_heads"):
        return _gated_delta(config)
    if not first_of(config, "state_size", "mamba_d_state", "ssm_state_size"):
        return None
    return _chunk_scan(config) if _heads(config) else _selective_scan(config)


def _gated_delta(config: PreTrainedConfig) -> RecurrentWork:
    heads = whole(config, "linear_num_value_heads")
    widest = heads * max(whole(config, "linear_key_head_dim"), whole(config, "linear_value_head_dim"))
    keys = whole(config, "linear_num_key_heads") * whole(config, "linear_key_head_dim")
    values = heads * whole(config, "linear_value_head_dim")
    # projected (queries, keys, values, gate), convolved, gate once more
    plain = (2 * keys + 2 * values) + (2 * keys + values) + values
    return RecurrentWork(plain, 10 * widest + 3 * heads * _DELTA_CHUNK, _DELTA_CHUNK)


def _chunk_scan(config: PreTrainedConfig) -> RecurrentWork:
    heads = _heads(config)
    inner = heads * first_of(config, "mamba_d_head", "mamba_head_dim", "head_dim")
    state = first_of(config, "state_size", "mamba_d_state", "ssm_state_size")
    groups = first_of(config, "n_groups", "mamba_n_groups") or 1
    chunk = first_of(config, "chunk_size", "mamba_chunk_size") or _SCAN_CHUNK
    convolved = inner + 2 * groups * state
    scan = 7 * inner + 4 * heads * state + 3 * heads * chunk
    return RecurrentWork((inner + convolved + heads) + convolved, scan, chunk)


def _selective_scan(config: PreTrainedConfig) -> RecurrentWork:
    state = first_of(config, "state_size", "mamba_d_state", "ssm_state_size")
    expand = first_of(config, "expand", "mamba_expand") or 1
    hidden = whole(config, "hidden_size")
    inner = whole(config, "mamba_intermediate_size") or hidden * expand
    return RecurrentWork(6 * inner, 3 * inner * state + 2 * inner + hidden)


def _heads(config: PreTrainedConfig) -> int:
    # `num_heads` is what Mamba 2 itself says; hybrids call their attention heads otherwise.
    return first_of(config, "mamba_n_heads", "mamba_num_heads", "num_heads")
