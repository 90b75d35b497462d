"""How a model's class is made to read its weights in another way, with all else as transformers does it."""

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

import torch
from transformers import PreTrainedModel
from transformers.modeling_utils import LoadStateDictConfig


def load(
    model_class: type[PreTrainedModel],
    reading: type | None,
    folder: str,
    places: Mapping[str, torch.device | str] | None = None,
    **options: object,
) -> object:
    """Return what model_class.from_pretrained does, with the methods of `reading` in place of the class's own.

    places: module name to device, of all modules and of "" for the rest, where a card and main memory share the model;
    from_pretrained itself is to be told of one device only.
    """
    reads: Any = model_class
    if reading is not None:
        reads = _reading_class(model_class, reading)  # type: ignore[arg-type]  # a class can be hashed
    if places is not None:
        reads = _named_as(
            model_class, (_Places, reads), places={name: torch.device(one) for name, one in places.items()}
        )
    result: object = reads.from_pretrained(folder, **options)
    model = result[0] if isinstance(result, tuple) else result
    setattr(model, "__class__", model_class)  # noqa: B010 - the step that differs is over
    return result


class _Places:
    """Has the map of devices come in where tensors are read.

    A model that from_pretrained knows to be in two places is handed to accelerate, whose hooks copy each weight by
    itself, from memory that isn't pinned, while nothing else runs, and which can't copy bitsandbytes' weights.
    """

    places: ClassVar[dict[str, torch.device]]

    @classmethod
    def _load_pretrained_model(
        cls,
        model: PreTrainedModel,
        state_dict: dict[str, object] | None,
        checkpoint_files: list[str] | None,
        load_config: LoadStateDictConfig,
        expected_keys: list[str] | None = None,
    ) -> object:
        if hasattr(quantizer := load_config.hf_quantizer, "destinations"):
            setattr(quantizer, "destinations", cls.places)  # noqa: B010 - one of ours, which packs on the card
        load_config = dataclasses.replace(load_config, device_map=dict(cls.places))
        return super()._load_pretrained_model(  # type: ignore[misc]
            model, state_dict, checkpoint_files, load_config, expected_keys
        )


@cache
def _reading_class(model_class: type[PreTrainedModel], reading: type) -> Any:  # noqa: ANN401 - made here
    """Return a class that is the model's in all but how its weights are read."""
    return _named_as(model_class, (reading, model_class))


def _named_as(model_class: type[PreTrainedModel], bases: tuple[type, ...], **attributes: object) -> Any:  # noqa: ANN401
    named = {name: getattr(model_class, name) for name in ("__module__", "__qualname__", "__doc__")}
    return type(model_class.__name__, bases, {**named, **attributes})
