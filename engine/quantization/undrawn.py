"""Building a model without drawing the numbers that nothing keeps."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


def _is_meta(tensor: torch.Tensor) -> bool:
    return tensor.is_meta


class Undrawn(TorchFunctionMode):
    """While it is entered, torch.nn.init does nothing to the tensors that `leaves` names (default: those on the meta
    device); all others are set as always.

    torch computes random numbers there as well, by decompositions in Python: a third of the time that a model's
    layers take to build. Only the thread that enters it is concerned.
    """

    def __init__(self, leaves: Callable[[torch.Tensor], bool] = _is_meta) -> None:
        super().__init__()
        self._leaves = leaves

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        """Call the function, or return the tensor that it was to fill."""
        named = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            tensor = named.get("tensor", args[0] if args else None)
            if isinstance(tensor, torch.Tensor) and self._leaves(tensor):
                return tensor
        return func(*args, **named)
