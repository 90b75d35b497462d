"""What cache layers hold that stay transformers' own (recurrent states, convolutions, growing attention), in parts.

A layer becomes plain values and a list of tensors, from which an equal one can be made, also by another process.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from engine.kv.layout import DTYPE_NAMES


class UnstorableError(Exception):
    """A layer holds something that is neither a tensor nor a plain value."""


def take_apart(layer: object, tensors: list[torch.Tensor]) -> Any:  # noqa: ANN401 - what JSON can hold
    """Return the layer's attributes as JSON can hold them; its tensors are appended to `tensors`.

    Raises UnstorableError.
    """
    attributes = {name: _encoded(value, tensors) for name, value in vars(layer).items()}
    return {"class": type(layer).__name__, "attributes": attributes}


def put_together(fresh: object, parts: Any, tensors: Sequence[torch.Tensor]) -> object:  # noqa: ANN401 - as above
    """Give a fresh layer of the same class the attributes that were taken apart; tensors are copied to their devices.

    Raises ValueError if it is another class, or anything from the values if they don't fit together.
    """
    if parts["class"] != type(fresh).__name__:
        raise ValueError(f"a {type(fresh).__name__} can't be made of a {parts['class']}")
    attributes = {name: _decoded(value, tensors) for name, value in parts["attributes"].items()}
    vars(fresh).clear()
    vars(fresh).update(attributes)
    return fresh


def state_bytes(layer: object) -> int:
    """Return the bytes of all tensors a foreign cache layer holds, in attributes and in containers of them."""
    return sum(tensor.nbytes for tensor in _tensors(layer))


def allocated_bytes(layer: object) -> int:
    """Return the bytes of memory that the layer's tensors keep from others; views keep all that they are a part of."""
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in _tensors(layer)}
    return sum(storages.values())


def grows(layer: object) -> bool:
    """Return whether what the layer holds becomes larger with the conversation (or would with a longer one)."""
    return getattr(layer, "keys", None) is not None


def _encoded(value: object, tensors: list[torch.Tensor]) -> list[object]:
    match value:
        case None | bool() | int() | float() | str():
            return ["value", value]
        case torch.Tensor():
            if value.dtype not in DTYPE_NAMES:
                raise UnstorableError(f"a tensor of {value.dtype} in a cache layer can't be stored")
            tensors.append(value)
            return ["tensor", len(tensors) - 1, str(value.device)]
        case torch.device():
            return ["device", str(value)]
        case torch.dtype():
            return ["dtype", str(value).removeprefix("torch.")]
        case dict():
            return ["dict", [[key, _encoded(item, tensors)] for key, item in value.items() if _is_key(key)]]
        case list() | tuple():
            return ["list" if isinstance(value, list) else "tuple", [_encoded(item, tensors) for item in value]]
    raise UnstorableError(f"a {type(value).__name__} in a cache layer can't be stored")


def _is_key(key: object) -> bool:
    if not isinstance(key, int | str):
        raise UnstorableError(f"a {type(key).__name__} as a name in a cache layer can't be stored")
    return True


def _decoded(parts: Any, tensors: Sequence[torch.Tensor]) -> object:  # noqa: ANN401 - as above
    kind, content = parts[0], parts[1]
    match kind:
        case "value":
            return content
        case "tensor":
            return tensors[content].to(parts[2], copy=True)
        case "device":
            return torch.device(content)
        case "dtype":
            return getattr(torch, content)
        case "dict":
            return {key: _decoded(item, tensors) for key, item in content}
    items = [_decoded(item, tensors) for item in content]
    return items if kind == "list" else tuple(items)


def _tensors(layer: object) -> Iterator[torch.Tensor]:
    for value in vars(layer).values():
        held = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else [value]
        yield from (item for item in held if isinstance(item, torch.Tensor))
