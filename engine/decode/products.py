"""Linear layers of 16 bit whose weights lie as the kernels read them best, one product for all that share an input.

On a CPU PyTorch's product of few rows in BF16 brings the weight into oneDNN's own layout at each call; here that is
done once, when the model is loaded: 1.6 times faster for up to 16 rows, the same bits (see ARCHITECTURE.md). On a card
sharing alone saves kernels. Owns the weights in place of the layers, whose own are freed.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum

import torch
from torch import nn
from torch.nn import functional
from transformers import PreTrainedModel

from engine.decode.shared_inputs import LinearGroup, linear_groups, possible_groups
from engine.offload.spread import is_spread

# Packing has to be so much faster for one row, on a weight of this model, to be worth its time.
_LEAST_GAIN = 1.1
_TRIED_ROUNDS = 5
_TRIED_FEATURES = 8192  # enough of an output layer, whose whole would take up to a second
_TOLERANCE = 1e-2


class Kernel(StrEnum):
    """How a product's weight lies in memory: as published, or in oneDNN's blocks."""

    PLAIN = "plain"
    PACKED = "packed"


class Product(nn.Module):
    """The weights of layers that are given the same input, one below the other; (features, columns).

    The first layer to be asked computes for all of them; the others take their part if they are given the very same
    tensor, and else compute again. shares: False gives each layer a tensor of its own.
    """

    weight: torch.Tensor
    bias: torch.Tensor | None

    def __init__(self, layers: Sequence[nn.Linear], kernel: Kernel) -> None:
        super().__init__()
        self.kernel = kernel
        self.shares = True
        self.sizes = [layer.out_features for layer in layers]
        weights = [layer.weight.detach() for layer in layers]
        weight = torch.cat(weights) if len(weights) > 1 else weights[0]
        bias = None if layers[0].bias is None else torch.cat([layer.bias.detach() for layer in layers])
        self.register_buffer("weight", _packed(weight) if kernel is Kernel.PACKED else weight, persistent=False)
        self.register_buffer("bias", bias, persistent=False)
        self._last = _Last()
        # Looked up here: not every build of PyTorch has it, and a lookup takes longer than a small product.
        self._packed_product = torch.ops.mkldnn._linear_pointwise.default if kernel is Kernel.PACKED else None

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return (..., features) for states (..., columns)."""
        # A module's own way to its buffers takes a microsecond each, a thousand times for each id.
        weight, bias = self._buffers["weight"], self._buffers["bias"]
        assert weight is not None
        if self._packed_product is not None:
            result: torch.Tensor = self._packed_product(states, weight, bias, "none", [], "")
            return result
        return functional.linear(states, weight, bias)

    def part(self, index: int, states: torch.Tensor) -> torch.Tensor:
        """Return what the index-th layer makes of states: (..., in) -> (..., out of that layer)."""
        sizes, last = self.sizes, self._last
        if len(sizes) == 1:
            return self.forward(states)
        if not self.shares:
            return self.forward(states).split_with_sizes(sizes, -1)[index].contiguous()
        if index == 0 or states is not last.given:
            last.given, last.parts = states, self.forward(states).split_with_sizes(sizes, -1)
        part = last.parts[index]
        if index == len(sizes) - 1:
            last.given, last.parts = None, ()
        return part

    def weight_of(self, index: int) -> torch.Tensor:
        """Return a plain copy or view of one layer's weight."""
        plain = self.weight.to_dense() if self.kernel is Kernel.PACKED else self.weight
        return plain.split_with_sizes(self.sizes)[index]


Fits = Callable[[Product, Sequence[nn.Linear]], bool]


class _Last:
    """The input that a product was given last, and what has not been taken of the result."""

    __slots__ = ("given", "parts")

    def __init__(self) -> None:
        self.given: torch.Tensor | None = None
        self.parts: Sequence[torch.Tensor] = ()


class ProductLinear(nn.Linear):
    """A linear layer that has handed its weight to a Product; made of a plain one by changing its class."""

    _product: Product
    _index: int

    @property
    def weight(self) -> torch.Tensor:  # type: ignore[override] # a plain layer has it as a parameter
        """The weight by itself, for code that asks for its type or shape; a copy if it is packed."""
        return self._product.weight_of(self._index)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return (..., out_features)."""
        return self._product.part(self._index, states)


class OneRowLinear(nn.Linear):
    """A plain linear layer on a CPU whose weight others use as well: a single row is multiplied as a vector."""

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return (..., out_features)."""
        if states.numel() != self.in_features or self._parameters["bias"] is not None:
            return functional.linear(states, self.weight, self.bias)
        return torch.mv(self.weight, states.reshape(-1)).view(*states.shape[:-1], -1)


def install(model: PreTrainedModel, run: Callable[[], object]) -> None:
    """Let the model's layers share products where that pays on its device.

    run: one pass through the model, to see which layers share an input. Raises what that raises, and what allocating
    raises; what was made by then stays and is right.
    """
    kernel = _kernel_for(model)
    if kernel is None:
        return
    if not any(group.owns_weights and _is_suitable(group, kernel) for group in possible_groups(model)):
        return  # such as where INT8 or INT4 has all layers: a pass for nothing is a part of each load
    groups = [group for group in linear_groups(model, run) if _is_suitable(group, kernel)]
    if not _pays(groups, kernel):
        return
    fits = _fitting()
    for group in groups:
        if group.owns_weights:
            _replace(group.layers, kernel, fits)
            if model.device.type == "cuda":  # else each freed weight stays reserved, as the next product is larger
                torch.cuda.empty_cache()
        elif _pays_as_vector(group.layers[0]):
            group.layers[0].__class__ = OneRowLinear


def unshare(model: PreTrainedModel) -> None:
    """Give each layer a tensor of its own again, as some architectures can't work with a part of a larger one."""
    for product in _products(model):
        product.shares = False


def describe(model: PreTrainedModel) -> str:
    """Say what was done in a few words, empty for nothing."""
    made = list(_products(model))
    if not made:
        return ""
    shared = "layers with the same input are multiplied at once"
    return f"weights lie packed for this processor, {shared}" if made[0].kernel is Kernel.PACKED else shared


def _products(model: PreTrainedModel) -> Iterator[Product]:
    return (module for module in model.modules() if isinstance(module, Product))


def _kernel_for(model: PreTrainedModel) -> Kernel | None:
    if is_spread(model):
        return None
    if model.device.type == "cuda":
        return Kernel.PLAIN
    packs = model.device.type == "cpu" and model.dtype == torch.bfloat16 and _packs_bf16()
    return Kernel.PACKED if packs else None


def _packs_bf16() -> bool:
    """Return whether this processor and this build of PyTorch multiply packed weights of BF16."""
    if not torch._C._has_mkldnn:
        return False
    try:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    except (AttributeError, RuntimeError):  # a build without these products
        return False


def _is_suitable(group: LinearGroup, kernel: Kernel) -> bool:
    if kernel is Kernel.PLAIN:
        return group.owns_weights and len(group.layers) > 1
    return group.layers[0].weight.dtype == torch.bfloat16


@torch.inference_mode()
def _pays(groups: Sequence[LinearGroup], kernel: Kernel) -> bool:
    """Try the widest product of this model with one row, in turns with the plain layers."""
    own = [group for group in groups if group.owns_weights]
    if not own:
        return False
    layers = max(own, key=lambda group: sum(layer.weight.numel() for layer in group.layers)).layers
    product = Product(layers, kernel)
    row = torch.ones(1, 1, layers[0].in_features, dtype=layers[0].weight.dtype, device=layers[0].weight.device)
    return _gain(lambda: [layer(row) for layer in layers], lambda: product(row), row.device) >= _LEAST_GAIN


@torch.inference_mode()
def _pays_as_vector(layer: nn.Linear) -> bool:
    """Try a part of the layer with one row: processors differ in which product they have a quick kernel for."""
    weight = layer.weight[:_TRIED_FEATURES]
    row = torch.ones(1, 1, layer.in_features, dtype=weight.dtype, device=weight.device)
    vector = row.view(-1)
    return _gain(lambda: functional.linear(row, weight), lambda: torch.mv(weight, vector), row.device) >= _LEAST_GAIN


def _gain(before: Callable[[], object], after: Callable[[], object], device: torch.device) -> float:
    """Return how many times faster `after` is, run in turns."""
    first, second = [], []
    for _ in range(_TRIED_ROUNDS):
        first.append(_seconds(before, device))
        second.append(_seconds(after, device))
    return min(first) / min(second)


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    _finish(device)
    started = time.perf_counter()
    work()
    _finish(device)
    return time.perf_counter() - started


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@torch.inference_mode()
def _replace(layers: Sequence[nn.Linear], kernel: Kernel, fits: Fits) -> None:
    """Move the layers' weights into a product and free them; plain if the kernel packs such ones wrongly."""
    product = Product(layers, kernel)
    if kernel is Kernel.PACKED and not fits(product, layers):
        product = Product(layers, Kernel.PLAIN)
    layers[0].add_module("product", product)  # so that it is found, moved and freed with the model
    for index, layer in enumerate(layers):
        del layer.weight
        layer.register_parameter("bias", None)
        layer.__class__ = ProductLinear
        layer.__dict__.update(_product=product, _index=index)


def _fitting() -> Fits:
    """Return what tells whether a packed product is right, and tries only the first of each shape.

    How a weight is laid out depends on its shape alone. The plain product that it is held against lays the weight out
    as well, so that trying all of them takes as long as packing them.
    """
    known: dict[tuple[torch.Size, bool], bool] = {}

    def fits(product: Product, layers: Sequence[nn.Linear]) -> bool:
        kind = (product.weight.shape, product.bias is not None)
        if kind not in known:
            known[kind] = _is_right(product, layers)
        return known[kind]

    return fits


def _is_right(product: Product, layers: Sequence[nn.Linear]) -> bool:
    row = torch.linspace(-1, 1, layers[0].in_features).to(layers[0].weight.dtype).view(1, 1, -1)
    expected = torch.cat([layer(row) for layer in layers], dim=-1).float()
    return bool((product(row).float() - expected).norm() <= _TOLERANCE * expected.norm())


def _packed(weight: torch.Tensor) -> torch.Tensor:
    packed: torch.Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous())
    return packed
