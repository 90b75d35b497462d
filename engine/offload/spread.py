"""A model whose weights aren't all where it computes."""

from collections.abc import Sequence

import torch
from torch import nn

from engine.offload.streaming import StreamedLayers
from engine.offload.tables import keep_in_main_memory

_MARK = "hearth_offloads"


def offload(model: nn.Module, names: Sequence[str], device: torch.device) -> None:
    """Leave modules of the model in main memory, where they were loaded to, and have them compute on the device.

    names: layers in the order in which they are called, and embeddings that no other module shares. Raises what
    allocating raises; the model can't be used then.
    """
    modules = [model.get_submodule(name) for name in names]
    for table in modules:
        if is_table(table):
            keep_in_main_memory(table, device)
    if layers := [module for module in modules if not is_table(module)]:
        StreamedLayers(model, layers, device)
    model.__dict__[_MARK] = bool(layers)


def is_table(module: nn.Module) -> bool:
    """Tell whether a token needs one row of the module's weights only."""
    return isinstance(module, nn.Embedding)


def is_offloaded(model: nn.Module) -> bool:
    """Tell whether some of the model's weights wait in main memory."""
    return _MARK in model.__dict__


def streams_layers(model: nn.Module) -> bool:
    """Tell whether layers wait there, which are copied for each pass; not only tables."""
    return bool(model.__dict__.get(_MARK))


def is_spread(model: nn.Module) -> bool:
    """Tell whether weights come and go, or lie on several devices: they can't be put together or recorded then."""
    return is_offloaded(model) or any(hasattr(module, "_hf_hook") for module in model.modules())
