"""Every tensor that a module holds, and a way to put another in its place."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

Put = Callable[[torch.Tensor], None]


@dataclass
class Held:
    """A tensor, and what puts another in each place where it is held."""

    tensor: torch.Tensor
    puts: list[Put] = field(default_factory=list)

    def put(self, tensor: torch.Tensor) -> None:
        """Put a tensor of the same shape and type in its place."""
        for each in self.puts:
            each(tensor)
        self.tensor = tensor


def held_by(modules: Iterable[nn.Module]) -> dict[int, Held]:
    """Return the tensors that modules hold themselves, by identity: weights, buffers, and scales of packed weights."""
    found: dict[int, Held] = {}
    seen: set[int] = set()
    for module in modules:
        for tensor, put in _places(module, seen):
            found.setdefault(id(tensor), Held(tensor)).puts.append(put)
    return found


def _places(module: nn.Module, seen: set[int]) -> Iterator[tuple[torch.Tensor, Put]]:
    for parameter in module._parameters.values():
        if parameter is None or id(parameter) in seen:
            continue
        seen.add(id(parameter))
        yield parameter, _into_parameter(parameter)
        yield from _attributes(vars(parameter), seen)
    for name, buffer in module._buffers.items():
        if buffer is not None:
            yield buffer, _into_dict(module._buffers, name)
    others = {
        name: value for name, value in vars(module).items() if name not in ("_parameters", "_buffers", "_modules")
    }
    yield from _attributes(others, seen, module.__dict__)


def _attributes(
    values: dict[str, Any], seen: set[int], holder: dict[str, Any] | None = None, depth: int = 2
) -> Iterator[tuple[torch.Tensor, Put]]:
    """Yield tensors among attributes, and in plain objects and dictionaries among them."""
    holder = values if holder is None else holder
    for name, value in values.items():
        if isinstance(value, torch.Tensor):
            if not isinstance(value, nn.Parameter):
                yield value, _into_dict(holder, name)
        elif depth and id(value) not in seen and not isinstance(value, nn.Module | type):
            inner = value if isinstance(value, dict) else getattr(value, "__dict__", None)
            if isinstance(inner, dict) and not callable(value):
                seen.add(id(value))
                yield from _attributes(inner, seen, None, depth - 1)


def _into_parameter(parameter: nn.Parameter) -> Put:
    def put(tensor: torch.Tensor) -> None:
        parameter.data = tensor

    return put


def _into_dict(holder: dict[str, Any], name: str) -> Put:
    def put(tensor: torch.Tensor) -> None:
        holder[name] = tensor

    return put
