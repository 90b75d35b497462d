"""Which linear layers are given the same tensor, so that their weights can be multiplied with it at once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel

from engine.quantization.packing import weights_named


@dataclass(frozen=True)
class LinearGroup:
    """Sibling layers in the order in which they are called, all with or all without a bias; often just one.

    owns_weights: no other module has one of the weights (as embeddings do that are the output layer as well).
    """

    layers: tuple[nn.Linear, ...]
    owns_weights: bool


@torch.inference_mode()
def linear_groups(model: PreTrainedModel, run: Callable[[], object]) -> list[LinearGroup]:
    """Return the linear layers of 16 or 32 bit that `run`, a pass through the model, calls, by their input.

    Layers are left out whose weight their parent's code takes by itself. Only children of one module share a group, as
    others may be called or not (experts). Raises what the pass raises.
    """
    siblings = _siblings(model)
    calls: list[tuple[torch.Tensor, nn.Linear]] = []  # holds the inputs, as the place of a freed one is used again
    called: set[nn.Linear] = set()

    def note(layer: nn.Module, arguments: tuple[torch.Tensor, ...]) -> None:
        if isinstance(layer, nn.Linear) and layer not in called:
            called.add(layer)
            calls.append((arguments[0], layer))

    hooks = [layer.register_forward_pre_hook(note) for layer in siblings]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    return _grouped(model, siblings, ((id(states), layer) for states, layer in calls))


def possible_groups(model: PreTrainedModel) -> list[LinearGroup]:
    """Return the largest groups that linear_groups() may find, without a pass: as if siblings had the same input."""
    siblings = _siblings(model)
    return _grouped(model, siblings, ((0, layer) for layer in siblings))


def _grouped(
    model: PreTrainedModel, siblings: Mapping[nn.Linear, nn.Module], inputs: Iterable[tuple[int, nn.Linear]]
) -> list[LinearGroup]:
    """Group layers, each with what tells its input from others."""
    groups: dict[tuple[int, nn.Module, bool, torch.dtype], list[nn.Linear]] = {}
    for given, layer in inputs:
        groups.setdefault((given, siblings[layer], layer.bias is not None, layer.weight.dtype), []).append(layer)
    shared = _shared_parameters(model)
    return [group for layers in groups.values() for group in _by_ownership(layers, shared)]


def _siblings(model: PreTrainedModel) -> dict[nn.Linear, nn.Module]:
    """Return the plain linear layers that may be replaced, with their parents."""
    return {
        layer: parent
        for parent in model.modules()
        for name, layer in parent.named_children()
        if type(layer) is nn.Linear and layer.weight.device.type != "meta" and name not in weights_named(type(parent))  # type: ignore[arg-type] # a class can be hashed
    }


def _shared_parameters(model: PreTrainedModel) -> set[int]:
    seen: set[int] = set()
    shared: set[int] = set()
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            (shared if id(parameter) in seen else seen).add(id(parameter))
    return shared


def _by_ownership(layers: Sequence[nn.Linear], shared: set[int]) -> list[LinearGroup]:
    own = tuple(layer for layer in layers if id(layer.weight) not in shared)
    others = (layer for layer in layers if id(layer.weight) in shared)
    return ([LinearGroup(own, True)] if own else []) + [LinearGroup((layer,), False) for layer in others]
