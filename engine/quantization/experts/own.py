"""Experts outside of transformers' interface, made to be called and computed as those within.

Published code of these asks for all weights of a layer, or for all experts of each: with them packed, each pass would
unpack them all. Adopted, they are told which experts each id goes to, so that in every precision only those are
multiplied, and only those are copied to a card from main memory. Names and shapes of the weights stay.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch import nn

from engine.quantization.experts.forms import gated, own_form
from engine.quantization.experts.packed import expert_product, experts_forward


class _Told:
    """Experts that are called with states, the experts that each goes to, and the shares of these."""

    has_gate = True
    has_bias = False

    def forward(
        self: Any, hidden_states: torch.Tensor, top_k_index: torch.Tensor, top_k_weights: torch.Tensor
    ) -> torch.Tensor:
        return experts_forward(self, hidden_states, top_k_index, top_k_weights)


class _Sorted:
    """One product of JetMoE's experts: rows come sorted by expert, with how many go to each."""

    has_bias = False

    def forward(self: Any, inputs: torch.Tensor, expert_size: Sequence[int]) -> torch.Tensor:
        pieces = enumerate(inputs.split_with_sizes(list(expert_size)))
        products = [expert_product(self, "weight", expert, piece) for expert, piece in pieces if len(piece)]
        return torch.cat(products) if products else inputs.new_empty(0, self.output_size)


class _Llama4Moe:
    """Experts and a shared one; what a token brings to an expert is weighted, not what comes back."""

    def forward(self: Any, hidden_states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        states = hidden_states.reshape(-1, self.hidden_dim)
        scores, logits = self.router(states)
        shares, chosen = scores.topk(self.top_k, dim=-1)  # of all others they are 0
        weighted = (states.unsqueeze(1) * shares.unsqueeze(-1)).flatten(0, 1)
        routed = self.experts(weighted, chosen.view(-1, 1), torch.ones_like(shares).view(-1, 1))
        result = self.shared_expert(states)
        result.add_(routed.view(*shares.shape, -1).sum(dim=1))
        return result, logits


class _DbrxExperts:
    """What holds the weights is a part of it, which gets one expert's in published code."""

    def forward(
        self: Any, hidden_states: torch.Tensor, top_k_index: torch.Tensor, top_k_weights: torch.Tensor
    ) -> torch.Tensor:
        result: torch.Tensor = self.mlp(hidden_states.reshape(-1, self.hidden_size), top_k_index, top_k_weights)
        return result.view(len(hidden_states), -1, self.hidden_size)


# By class; all others that forms.py finds are _Told.
_CALLED = {"JetMoeParallelExperts": _Sorted, "Llama4TextMoe": _Llama4Moe, "DbrxExperts": _DbrxExperts}


def adopt(model: nn.Module) -> None:
    """Give the model's own experts, and what calls them, the ways of this module. A second call changes nothing."""
    for module in model.modules():
        kind = type(module)
        if "expert_form" in module.__dict__ or issubclass(kind, tuple(_CALLED.values())):
            continue
        form = own_form(module)
        way = _CALLED.get(kind.__name__, _Told if form is not None else None)
        if way is None:
            continue
        setattr(module, "__class__", _adopted(kind, way))  # type: ignore[arg-type] # noqa: B010 # classes have hashes
        if form is not None:
            setattr(module, "expert_form", form)  # noqa: B010


@cache
def _adopted(kind: type, way: type) -> type:
    """Return a class that is the architecture's in all but its forward pass."""
    named: dict[str, object] = {name: getattr(kind, name) for name in ("__module__", "__qualname__", "__doc__")}
    if way is _Told and not hasattr(kind, "_apply_gate"):
        named["_apply_gate"] = _usual_gate
    return type(kind.__name__, (way, kind), named)


def _usual_gate(module: Any, projected: torch.Tensor) -> torch.Tensor:  # noqa: ANN401 - of many classes
    return gated(module.act_fn if hasattr(module, "act_fn") else module.activation_fn)(projected)
