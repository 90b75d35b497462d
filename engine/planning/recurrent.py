"""What transformers' own (unfused) recurrent layers hold while they read a chunk of ids.

Counted from torch_chunk_gated_delta_rule (models/qwen3_next), the chunk scan of models/mamba2 and the selective scan
of models/mamba; the fused kernels that need less come in packages that Hearth does not install.
"""

from transformers import PreTrainedConfig

from engine.planning.configuration import first_of, scan_shape, selective_width, whole
from engine.planning.facts import RecurrentWork

_DELTA_CHUNK = 64
_SCAN_CHUNK = 256


def recurrent_work(config: PreTrainedConfig) -> RecurrentWork | None:
    """Return the values per id of the widest recurrent layer of the text model; None without such layers."""
    if whole(config, "linear_num_value_heads"):
        return _gated_delta(config)
    if not first_of(config, "state_size", "mamba_d_state", "ssm_state_size"):
        return None
    return _chunk_scan(config) if scan_shape(config)[0] else _selective_scan(config)


def _gated_delta(config: PreTrainedConfig) -> RecurrentWork:
    heads = whole(config, "linear_num_value_heads")
    widest = heads * max(whole(config, "linear_key_head_dim"), whole(config, "linear_value_head_dim"))
    keys = whole(config, "linear_num_key_heads") * whole(config, "linear_key_head_dim")
    values = heads * whole(config, "linear_value_head_dim")
    # projected (queries, keys, values, gate), convolved, gate once more
    plain = (2 * keys + 2 * values) + (2 * keys + values) + values
    return RecurrentWork(plain, 10 * widest + 3 * heads * _DELTA_CHUNK, _DELTA_CHUNK)


def _chunk_scan(config: PreTrainedConfig) -> RecurrentWork:
    heads, width = scan_shape(config)
    inner = heads * width
    state = first_of(config, "state_size", "mamba_d_state", "ssm_state_size")
    groups = first_of(config, "n_groups", "mamba_n_groups") or 1
    chunk = first_of(config, "chunk_size", "mamba_chunk_size") or _SCAN_CHUNK
    convolved = inner + 2 * groups * state
    scan = 7 * inner + 4 * heads * state + 3 * heads * chunk
    return RecurrentWork((inner + convolved + heads) + convolved, scan, chunk)


def _selective_scan(config: PreTrainedConfig) -> RecurrentWork:
    state = first_of(config, "state_size", "mamba_d_state", "ssm_state_size")
    inner = selective_width(config)
    return RecurrentWork(6 * inner, 3 * inner * state + 2 * inner + whole(config, "hidden_size"))
