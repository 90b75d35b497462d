"""Embeddings that stay in main memory: a token needs one row of them, which is looked up there and copied."""

from typing import Any

import torch
from torch import nn

_MAIN_MEMORY = torch.device("cpu")


def keep_in_main_memory(table: nn.Module, device: torch.device) -> None:
    """Let the table take ids from the device and give rows to it.

    Its tensors are no parameters any more: a model's device is that of its first one.
    """
    for named in (table._parameters, table._buffers):
        for name in list(named):
            tensor: Any = named.pop(name)
            table.__dict__[name] = None if tensor is None else tensor.detach().to(_MAIN_MEMORY)
    table.register_forward_pre_hook(_to_main_memory, with_kwargs=True)
    table.register_forward_hook(lambda module, arguments, rows: rows.to(device))


def _to_main_memory(
    module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return tuple(map(_moved, arguments)), {name: _moved(value) for name, value in named.items()}


def _moved(value: Any) -> Any:  # noqa: ANN401 - whatever an embedding is given
    return value.to(_MAIN_MEMORY) if isinstance(value, torch.Tensor) else value
