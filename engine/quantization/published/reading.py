"""A checkpoint that was published packed, read as if it had been published in 16 bit.

transformers is given plain weights in place of the packed ones, each unpacked when it is asked for. So all that it does
with a plain checkpoint goes on as ever: other names, experts put together, and packing again with Hearth's own
quantiser, which it would allow beside no other. Never more than what is being read lies in memory unpacked.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import torch
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.modeling_utils import LoadStateDictConfig

from engine.quantization.opened_files import opened
from engine.quantization.published.config import PublishedQuantization
from engine.quantization.published.forms import PackedWeight, contents_of, names_of
from engine.quantization.published.unpacking import unpack
from engine.quantization.reading_class import load

# How the checkpoint that this thread is reading was published: from_pretrained hands nothing on.
_read_now: ContextVar[PublishedQuantization] = ContextVar("published")


class _Plain:
    """Stands in for the slice of a file: [...] reads the whole weight."""

    def __init__(
        self, weight: PackedWeight, sources: Mapping[str, Any], dtype: torch.dtype, device: torch.device | str
    ) -> None:
        self._weight, self._sources, self._dtype, self._device = weight, sources, dtype, device

    def __getitem__(self, index: object) -> torch.Tensor:
        return unpack(self._weight, self._read, self._dtype)[index]  # type: ignore[index]

    def _read(self, name: str) -> torch.Tensor:
        tensor: torch.Tensor = self._sources[name].get_tensor(name)
        return tensor.to(self._device)


def plain_config(config: PreTrainedConfig, model_class: type[PreTrainedModel]) -> PreTrainedConfig:
    """Return the configuration that a plain checkpoint of that class would have, as from_published wants it."""
    # As transformers' factories do for the text model of a whole.
    own = config if model_class.config_class is type(config) else config.get_text_config()
    plain = copy.deepcopy(own)
    for one in (plain, plain.get_text_config()):
        if hasattr(one, "quantization_config"):
            del one.quantization_config
    return plain


def from_published(
    model_class: type[PreTrainedModel], published: PublishedQuantization, folder: str, **options: object
) -> object:
    """Return what model_class.from_pretrained does for a folder with a plain checkpoint.

    Takes the configuration from plain_config(). Raises whatever from_pretrained raises, and
    ValueError for a packed weight that isn't whole.
    """
    _read_now.set(published)
    return load(model_class, _Reads, folder, **options)  # type: ignore[arg-type]


class _Reads:
    """What the model's class is to do otherwise. Mixed in first."""

    @staticmethod
    def _load_pretrained_model(
        model: PreTrainedModel,
        state_dict: dict[str, Any] | None,
        checkpoint_files: Sequence[str] | None,
        load_config: LoadStateDictConfig,
        expected_keys: list[str] | None = None,
    ) -> object:
        files = list(checkpoint_files or ())
        with opened(files) as sources:
            plain = dict(_plain(_read_now.get(), sources, load_config))
            return PreTrainedModel._load_pretrained_model(model, plain, files, load_config, expected_keys)


def _plain(
    published: PublishedQuantization, sources: Mapping[str, Any], load_config: LoadStateDictConfig
) -> Iterator[tuple[str, Any]]:
    """Yield name and what reads the tensor, of each one that a plain checkpoint would have."""
    slices = {name: source.get_slice(name) for name, source in sources.items()}
    headers = {name: (tuple(one.get_shape()), one.get_dtype()) for name, one in slices.items()}
    contents = contents_of(published.kind, published.bits, published.settings, headers)
    if contents.problem:
        raise ValueError(contents.problem)
    parts = frozenset(names_of(contents))
    yield from ((name, one) for name, one in slices.items() if name not in parts)
    device = _device(load_config.device_map)
    for name, weight in contents.packed.items():
        yield name, _Plain(weight, sources, load_config.dtype or torch.bfloat16, device)


def _device(device_map: Mapping[str, Any] | None) -> torch.device | str:
    """Return where to unpack: on the device that the model goes to if that is one alone, which is faster."""
    devices = set((device_map or {}).values())
    return devices.pop() if len(devices) == 1 and "disk" not in devices else "cpu"
