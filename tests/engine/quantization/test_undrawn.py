"""Nothing is drawn where there is no memory, and everything elsewhere."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from engine.quantization.undrawn import Undrawn


class _Watched(TorchDispatchMode):
    """Notes what torch computes."""

    def __init__(self) -> None:
        super().__init__()
        self.called: list[str] = []

    def __torch_dispatch__(
        self, func: Callable[..., object], types: object, args: tuple[object, ...] = (), kwargs: object = None
    ) -> object:
        self.called.append(str(func))
        return func(*args, **(kwargs if isinstance(kwargs, dict) else {}))


def _drawn(context: AbstractContextManager[object], device: str) -> tuple[bool, torch.nn.Linear]:
    with _Watched() as watched, torch.device(device), context:
        torch.manual_seed(0)
        layer = torch.nn.Linear(4, 3)
    return any("uniform" in name for name in watched.called), layer


def test_only_tensors_without_memory_are_left_alone() -> None:
    assert _drawn(nullcontext(), "meta")[0]
    was_drawn, layer = _drawn(Undrawn(), "meta")
    assert not was_drawn
    assert layer.weight.is_meta
    was_drawn, layer = _drawn(Undrawn(), "cpu")
    assert was_drawn
    assert torch.equal(layer.weight, _drawn(nullcontext(), "cpu")[1].weight)
