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
