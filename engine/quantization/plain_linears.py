"""Linear layers that an architecture has under a class of its own, and that compute what torch's do (Falcon's)."""

from collections.abc import Callable
from functools import cache

import torch
from torch import nn
from torch.nn.functional import linear

_OUTPUTS, _INPUTS = 3, 5
_TRIED_SHAPES = ((_INPUTS,), (2, _INPUTS), (2, 4, _INPUTS))
_LIBRARY = "transformers."


def is_linear(module: object) -> bool:
    """Tell whether the module is a linear layer and nothing else, whatever its class is called."""
    return type(module) is nn.Linear or computes_as_linear(type(module))  # type: ignore[arg-type] # classes have hashes


@cache
def computes_as_linear(kind: type) -> bool:
    """Tell by trying whether an architecture's subclass of nn.Linear does what that does, with its weight and bias.

    Routers, which choose as well, and layers with more than a weight fail: the tried one has nothing else.
    """
    if not issubclass(kind, nn.Linear) or not kind.__module__.startswith(_LIBRARY):
        return False
    forward: Callable[..., object] = kind.forward
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64, device="cpu")

    for has_bias in (False, True):
        layer = kind.__new__(kind)
        nn.Linear.__init__(layer, _INPUTS, _OUTPUTS, bias=has_bias, device="meta")
        layer.weight = nn.Parameter(drawn(_OUTPUTS, _INPUTS), requires_grad=False)
        if has_bias:
            layer.bias = nn.Parameter(drawn(_OUTPUTS), requires_grad=False)
        for shape in _TRIED_SHAPES:
            states = drawn(*shape)
            try:
                found = forward(layer, states)
            except Exception:  # whatever code raises that misses what its own __init__ makes
                return False
            expected = linear(states, layer.weight, layer.bias)
            if not isinstance(found, torch.Tensor) or found.shape != expected.shape:
                return False
            if not torch.allclose(found, expected):
                return False
    return True


def make_plain(model: nn.Module) -> None:
    """Give such layers torch's class, which is what bitsandbytes replaces."""
    for module in model.modules():
        if computes_as_linear(type(module)):  # type: ignore[arg-type] # classes have hashes
            setattr(module, "__class__", nn.Linear)  # noqa: B010
