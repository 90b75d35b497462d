"""Numbers of a transformers configuration, which every architecture names a little differently."""

from transformers import PreTrainedConfig


def whole(config: PreTrainedConfig, name: str) -> int:
    """Return the attribute if it is a whole number above 0, else 0; the largest where layers differ in it."""
    if name in (getattr(config, "per_layer_attributes", None) or ()):
        return max((whole(layer, name) for layer in config.per_layer_config), default=0)
    value = getattr(config, name, None)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def first_of(config: PreTrainedConfig, *names: str) -> int:
    """Return the first of the attributes that is a whole number above 0, 0 if none is."""
    return next((value for name in names if (value := whole(config, name))), 0)


def selective_width(config: PreTrainedConfig) -> int:
    """Return the inner width of Mamba layers without heads. Hybrids call that of their MLP intermediate_size."""
    expanded = whole(config, "hidden_size") * whole(config, "mamba_expand")
    return expanded or whole(config, "intermediate_size") or whole(config, "hidden_size") * whole(config, "expand")


def scan_shape(config: PreTrainedConfig) -> tuple[int, int]:
    """Return heads and head width of Mamba 2 layers, 0 heads without any.

    Mamba 2 itself calls them as hybrids call those of their attention.
    """
    width = first_of(config, "mamba_d_head", "mamba_head_dim", "mamba_headdim")
    heads = first_of(config, "mamba_n_heads", "mamba_num_heads", "num_heads")
    heads = heads or (whole(config, "n_mamba_heads") if width else 0)  # Zamba says so of Mamba layers without heads
    return heads, (width or whole(config, "head_dim")) if heads else 0


def position_turn(config: PreTrainedConfig) -> int:
    """Return the length after which LongRoPE turns all positions by its long factors; 0 without two sets of them.

    Where kinds of layers have positions of their own, each kind is told apart.
    """
    text = config.get_text_config()
    rope = getattr(text, "rope_parameters", None)
    kinds = [each for each in (rope, *rope.values()) if isinstance(each, dict)] if isinstance(rope, dict) else []
    name = "original_max_position_embeddings"
    turns = [each.get(name) or getattr(text, name, None) for each in kinds if each.get("rope_type") == "longrope"]
    return min((turn for turn in turns if isinstance(turn, int)), default=0)
