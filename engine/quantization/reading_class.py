"""How a model's class is made to read its weights in another way, with all else as transformers does it."""

from functools import cache
from typing import Any

from transformers import PreTrainedModel


def load(model_class: type[PreTrainedModel], reading: type, folder: str, **options: object) -> object:
    """Return what model_class.from_pretrained does, with the methods of `reading` in place of the class's own."""
    reads = _reading_class(model_class, reading)  # type: ignore[arg-type]  # a class can be hashed
    result: object = reads.from_pretrained(folder, **options)
    model = result[0] if isinstance(result, tuple) else result
    setattr(model, "__class__", model_class)  # noqa: B010 - the step that differs is over
    return result


@cache
def _reading_class(model_class: type[PreTrainedModel], reading: type) -> Any:  # noqa: ANN401 - made here
    """Return a class that is the model's in all but how its weights are read."""
    named = {name: getattr(model_class, name) for name in ("__module__", "__qualname__", "__doc__")}
    return type(model_class.__name__, (reading, model_class), named)
