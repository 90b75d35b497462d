"""An architecture's own linear class counts as torch's if it computes the same, with nothing but weight and bias."""

import pytest
import torch
from torch import nn
from torch.nn.functional import linear
from transformers.models.falcon.modeling_falcon import FalconLinear
from transformers.models.llama4.modeling_llama4 import Llama4Router
from transformers.models.phimoe.modeling_phimoe import PhimoeTopKRouter

from engine.quantization.plain_linears import computes_as_linear, make_plain


class _Scaled(nn.Linear):
    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return 1.001 * super().forward(states)


class _WithoutBias(nn.Linear):
    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return linear(states, self.weight)


@pytest.mark.parametrize("kind", [_Scaled, _WithoutBias])
def test_what_computes_anything_else_is_left(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind, "__module__", "transformers.models.own")
    assert not computes_as_linear(kind)


def test_routers_are_left() -> None:
    with torch.device("meta"):  # where models are looked at
        assert not computes_as_linear(Llama4Router)
        assert not computes_as_linear(PhimoeTopKRouter)
        assert computes_as_linear(FalconLinear)


def test_the_layer_keeps_its_weights() -> None:
    model = nn.Sequential(FalconLinear(4, 3), _Scaled(3, 2))
    states = torch.randn(5, 4)
    before = model(states)
    make_plain(model)
    assert [type(layer) for layer in model] == [nn.Linear, _Scaled]
    assert torch.equal(model(states), before)
