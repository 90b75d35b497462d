"""Embedding and output head in 8 bit: a row of codes and one scale for each entry of the vocabulary.

Tied, both hold the same tensors. The scale is rounded to the format that is computed in before the row is divided by
it, so that what is multiplied later is what the codes were made for.
"""

import inspect
import re
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import PreTrainedModel

from engine.planning.recorded import HEAD_PIECE_BYTES
from engine.quantization.int8.products import is_in_place, ladder_for, whole

_LARGEST_CODE = 127
_PACKED_AT_ONCE_BYTES = 64 * 2**20
_SMALLEST_SCALE = 1e-30
# What families with an embedding of their own do with the rows: multiply them by a constant, or nothing.
_SCALED = re.compile(r"return super\(\)\.forward\(\w+\) \* self\.(\w+)(\.to\(self\.weight\.dtype\))?\s*$")


class Int8Head(nn.Module):
    """x (..., in) -> logits (..., vocabulary) with weight (vocabulary, in) int8 and one scale for each row."""

    weight: torch.Tensor
    scale: torch.Tensor

    def __init__(self, head: nn.Linear, place: torch.dtype = torch.int8) -> None:
        super().__init__()
        self.out_features, self.in_features = head.weight.shape
        self.bias = head.bias
        _make_place(self, head.weight, place)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return the product in the format of the activations."""
        rows = states.reshape(-1, self.in_features)
        scale = self.scale.to(rows.dtype)
        product = ladder_for(rows.device, rows.dtype).product_for(rows.shape[0])
        result = _by_pieces(rows, self.weight, scale) if product is whole else product(rows, self.weight, scale)
        if self.bias is not None:
            result = result.add_(self.bias.to(result.dtype))
        return result.view(*states.shape[:-1], self.out_features)

    def extra_repr(self) -> str:
        """Say the shape, as torch.nn.Linear does."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Int8Embedding(nn.Embedding):
    """ids (...) -> rows (..., width) in the format of the scales, made of an embedding by changing its class."""

    weight: nn.Parameter
    scale: torch.Tensor
    factor_name = ""
    rounds_factor = False

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the rows, multiplied as the embedding's own class does."""
        codes: torch.Tensor = functional.embedding(ids, self.weight)
        rows = codes.to(self.scale.dtype) * functional.embedding(ids, self.scale.unsqueeze(1))
        if not self.factor_name:
            return rows
        factor = getattr(self, self.factor_name)
        scaled: torch.Tensor = rows * (factor.to(rows.dtype) if self.rounds_factor else factor)
        return scaled


def is_known_embedding(module: nn.Module) -> bool:
    """Tell whether an embedding's class gives its rows as they are, or times a constant."""
    return isinstance(module, nn.Embedding) and module.max_norm is None and _scaling(type(module)) is not None  # type: ignore[arg-type] # a class can be hashed


def use_int8_vocabulary(model: PreTrainedModel, names: frozenset[str], place: torch.dtype) -> None:
    """Put modules without weights in the place of the embedding and the head whose weights are named.

    place: what the codes' empty parameters look like until they are set.
    """
    for name in sorted(names):
        path = name.removesuffix(".weight")
        module = model.get_submodule(path)
        if isinstance(module, nn.Embedding):
            module.__class__ = _int8_kind(type(module))  # type: ignore[arg-type] # as above
            _make_place(module, module.weight, place)
        elif isinstance(module, nn.Linear):
            model.set_submodule(path, Int8Head(module, place))
    _tie_scales(model, names)


def is_int8_vocabulary(module: nn.Module) -> bool:
    """Tell whether the module is an embedding or a head in 8 bit."""
    return isinstance(module, Int8Head | Int8Embedding)


def pack_rows(
    dense: torch.Tensor, device: torch.device | str, dtype: torch.dtype, destination: torch.device | str | None = None
) -> tuple[nn.Parameter, nn.Parameter]:
    """Return codes (rows, columns) int8 and scales (rows,) of that type for a table that lies anywhere.

    Only a few rows of 16 or 32 bit are on the device at a time. destination: where the result is kept if not there.
    """
    kept = device if destination is None else destination
    codes = torch.empty(dense.shape, dtype=torch.int8, device=kept)
    scales = torch.empty(dense.shape[0], dtype=dtype, device=kept)
    limits = torch.finfo(dtype)
    smallest = max(limits.tiny * limits.eps, _SMALLEST_SCALE)
    step = max(_PACKED_AT_ONCE_BYTES // (4 * max(dense.shape[1], 1)), 1)
    for start in range(0, dense.shape[0], step):
        rows = dense[start : start + step].to(device).float()
        scale = (rows.abs().amax(dim=1) / _LARGEST_CODE).clamp_(min=smallest).to(dtype)
        scales[start : start + step] = scale
        codes[start : start + step] = (rows / scale.float().unsqueeze(1)).round_().clamp_(-_LARGEST_CODE, _LARGEST_CODE)
    return nn.Parameter(codes, requires_grad=False), nn.Parameter(scales, requires_grad=False)


def lay_in_place(model: PreTrainedModel) -> None:
    """Give the CPU kernel weights where it can read them: a copy that is read by mapping may lie anywhere."""
    moved: dict[int, nn.Parameter] = {}
    for module in model.modules():
        if not is_int8_vocabulary(module):
            continue
        weight = module._parameters["weight"]
        assert weight is not None
        if weight.device.type == "cpu" and not is_in_place(weight):
            moved.setdefault(id(weight), nn.Parameter(weight.detach().clone(), requires_grad=False))
            module._parameters["weight"] = moved[id(weight)]


def _by_pieces(rows: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Unpack a piece of the head at a time, which is the space that is planned for it."""
    rows = rows.detach()  # results are written in place
    step = max(HEAD_PIECE_BYTES // (weight.shape[1] * rows.element_size()), 1)
    result = rows.new_empty(rows.shape[0], weight.shape[0])
    for start in range(0, weight.shape[0], step):
        here = slice(start, start + step)
        torch.mm(rows, (weight[here] * scale[here].unsqueeze(1)).t(), out=result[:, here])
    return result


def _make_place(module: nn.Module, weight: torch.Tensor, place: torch.dtype) -> None:
    codes = torch.empty(weight.shape, dtype=place, device="meta")
    scales = torch.empty(weight.shape[0], dtype=weight.dtype, device="meta")
    module.weight = nn.Parameter(codes, requires_grad=False)
    module.scale = nn.Parameter(scales, requires_grad=False)


def _tie_scales(model: PreTrainedModel, names: frozenset[str]) -> None:
    """Have transformers tie the scales wherever it ties the weights, and save them once."""
    tied = {
        _scale_of(target): _scale_of(source)
        for target, source in model.all_tied_weights_keys.items()
        if target in names and source in names
    }
    if tied:
        model.all_tied_weights_keys.update(tied)
        own: dict[str, str] = model._tied_weights_keys or {}
        setattr(model, "_tied_weights_keys", {**own, **tied})  # noqa: B010 - else it is the class's


def _scale_of(name: str) -> str:
    return f"{name.removesuffix('weight')}scale"


@cache
def _int8_kind(kind: type[nn.Embedding]) -> type[Int8Embedding]:
    """Return a subclass of the embedding's class, so that transformers goes on to fill its other tensors."""
    scaling = _scaling(kind)  # type: ignore[arg-type] # as above
    assert scaling is not None
    content: dict[str, Any] = {"factor_name": scaling[0], "rounds_factor": scaling[1]}
    bases = (Int8Embedding,) if kind is nn.Embedding else (Int8Embedding, kind)
    return type(f"Int8{kind.__name__}", bases, content)


@cache
def _scaling(kind: type[nn.Embedding]) -> tuple[str, bool] | None:
    """Return the name of the constant that rows are multiplied by and whether it is rounded to their format.

    The name is empty where there is none. None: the class does something else.
    """
    if kind.forward is nn.Embedding.forward:
        return "", False
    try:
        found = _SCALED.search(inspect.getsource(kind.forward))
    except (OSError, TypeError):  # built in, or without a source file
        return None
    return (found[1], bool(found[2])) if found and kind.__bases__ == (nn.Embedding,) else None
