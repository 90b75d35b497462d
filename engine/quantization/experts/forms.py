"""Which weights of a module are those of experts, and how they are stacked. Nothing is computed with the model's.

Most architectures have experts that transformers dispatches through its interface, all of one form. What has experts of
its own beside that is found here: by trying whether a module computes what the interface would, or in one table.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import nn

_GATE_UP, _DOWN = "gate_up_proj", "down_proj"
_STACKED = 3
_TRIED_EXPERTS, _TRIED_WIDTH, _TRIED_INNER, _TRIED_IDS = 4, 6, 5, 7
Shape = tuple[int, int, int]


@dataclass(frozen=True)
class ExpertForm:
    """Names of the weights: those of the first products, whose results are put side by side, and of the last.

    down: empty where a module has one product only. transposed: those that are (experts, inputs, outputs), not
    (experts, outputs, inputs). count: the attribute that tells the experts where they are stacked in two dimensions.
    """

    first: tuple[str, ...]
    down: str
    transposed: frozenset[str] = frozenset()
    count: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Return all of them."""
        return (*self.first, self.down) if self.down else self.first


# By class. What each is called with is said in engine/quantization/experts/own.py.
_OWN_FORMS = {
    "Llama4TextExperts": ExpertForm((_GATE_UP,), _DOWN, frozenset({_GATE_UP, _DOWN})),
    "DbrxExpertGLU": ExpertForm(("w1", "v1"), "w2", frozenset({"w2"}), count="moe_num_experts"),
    "JetMoeParallelExperts": ExpertForm(("weight",), ""),
}


def is_dispatched(module: nn.Module) -> bool:
    """Tell whether transformers calls the module through its experts interface."""
    return hasattr(module, "is_transposed") and hasattr(module, "has_gate") and hasattr(module, "_apply_gate")


def own_form(module: nn.Module) -> ExpertForm | None:
    """Return the form of experts outside of the interface; None for all other modules."""
    if is_dispatched(module):
        return None
    return _OWN_FORMS.get(type(module).__name__) or _found_by_trying(module)


def form_of(module: Any) -> ExpertForm | None:  # noqa: ANN401 - attributes that not every module has
    """Return the form of a module of experts, packed or not; None for all other modules."""
    remembered: ExpertForm | None = module.__dict__.get("expert_form")
    if remembered is not None:
        return remembered
    return _usual_form(module.has_gate, module.is_transposed) if is_dispatched(module) else own_form(module)


@cache
def _usual_form(has_gate: bool, is_transposed: bool) -> ExpertForm:
    first = _GATE_UP if has_gate else "up_proj"
    return ExpertForm((first,), _DOWN, frozenset({first, _DOWN}) if is_transposed else frozenset())


def expert_shapes(module: nn.Module) -> Iterator[tuple[str, Shape]]:
    """Yield parameter name and (experts, output features, input features) of a module of dense experts."""
    form = form_of(module)
    weights = [module._parameters.get(name) for name in form.names] if form is not None else []
    if form is None or any(weight is None for weight in weights):
        return
    stacks = [stacked(module, form, weight) for weight in weights if weight is not None]
    if any(stack.dim() != _STACKED for stack in stacks):
        return
    for name, stack in zip(form.names, stacks, strict=True):
        experts, first, second = stack.shape
        yield name, (experts, second, first) if name in form.transposed else (experts, first, second)


def stacked(module: nn.Module, form: ExpertForm, weight: torch.Tensor) -> torch.Tensor:
    """Return the weight with its experts in a dimension of their own."""
    return weight.view(getattr(module, form.count), -1, weight.shape[-1]) if form.count else weight


def _found_by_trying(module: nn.Module) -> ExpertForm | None:
    """Return the form of experts that have the interface's weights and are called as through it, if they compute the
    same: each class is tried once, with small weights.
    """
    if module._parameters.keys() != {_GATE_UP, _DOWN}:
        return None
    up, down = (module._parameters[name] for name in (_GATE_UP, _DOWN))
    if up is None or down is None or up.dim() != _STACKED or down.dim() != _STACKED or len(up) != len(down):
        return None
    for is_transposed in (False, True):
        first, last = (one.transpose(1, 2) if is_transposed else one for one in (up, down))
        if first.shape[1] == 2 * last.shape[2] and first.shape[2] == last.shape[1]:
            return _usual_form(True, is_transposed) if _computes_alike(module, is_transposed) else None
    return None


_tried: dict[tuple[type, bool], bool] = {}


def _computes_alike(module: nn.Module, is_transposed: bool) -> bool:
    key = type(module), is_transposed
    if key not in _tried:
        try:
            _tried[key] = _tries_alike(module, is_transposed)
        except Exception:  # whatever code raises that is called otherwise
            _tried[key] = False
    return _tried[key]


def _tries_alike(module: nn.Module, is_transposed: bool) -> bool:
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64, device="cpu")

    up, down = drawn(_TRIED_EXPERTS, 2 * _TRIED_INNER, _TRIED_WIDTH), drawn(_TRIED_EXPERTS, _TRIED_WIDTH, _TRIED_INNER)
    tried: Any = copy.copy(module)
    stored = (up.transpose(1, 2), down.transpose(1, 2)) if is_transposed else (up, down)
    parameters = (nn.Parameter(one.contiguous(), requires_grad=False) for one in stored)
    tried.__dict__["_parameters"] = dict(zip((_GATE_UP, _DOWN), parameters, strict=True))
    states, shares = drawn(_TRIED_IDS, _TRIED_WIDTH), drawn(_TRIED_IDS, 2)
    chosen = torch.tensor([[each % _TRIED_EXPERTS, (each + 1) % _TRIED_EXPERTS] for each in range(_TRIED_IDS)])
    gate: Callable[[torch.Tensor], torch.Tensor] = getattr(tried, "_apply_gate", None) or gated(tried.act_fn)
    expected = torch.stack([
        sum(share * (down[expert] @ gate(up[expert] @ state)) for expert, share in zip(experts, row, strict=True))
        for state, experts, row in zip(states, chosen.tolist(), shares, strict=True)
    ])  # fmt: skip
    found = tried(states, chosen, shares)
    return isinstance(found, torch.Tensor) and found.shape == expected.shape and torch.allclose(found, expected)


def gated(activation: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the usual gate: of a product's two halves the first is activated and multiplied with the other."""

    def gate(projected: torch.Tensor) -> torch.Tensor:
        first, second = projected.chunk(2, dim=-1)
        return activation(first) * second

    return gate
