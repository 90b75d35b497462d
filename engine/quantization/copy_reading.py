"""A quantised copy -> the model that transformers has prepared for it, read tensor by tensor, each to its place.

transformers takes each tensor of a checkpoint through patterns, a deep copy of the converter that they name and a pool
of threads: for a small model that was half of a second load. A copy has the tensors as the model holds them, so none
of it has anything to do. Everything else (the model without weights, its quantised layers, tied weights, buffers that
are computed, hooks for several devices) stays from_pretrained's. Whatever is not as expected of a copy, as far as its
headers tell, is left to transformers with all its checks.
"""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from bitsandbytes.nn.modules import Int8Params, Linear4bit, Linear8bitLt, Params4bit
from transformers import PreTrainedModel
from transformers.core_model_loading import (
    WeightConverter,
    WeightRenaming,
    WeightTransform,
    dot_natural_key,
    rename_source_key,
)
from transformers.integrations.accelerate import expand_device_map
from transformers.integrations.bitsandbytes import Bnb4bitDeserialize, Bnb8bitDeserialize
from transformers.modeling_utils import LoadStateDictConfig, caching_allocator_warmup
from transformers.utils import logging as transformers_logging
from transformers.utils.loading_report import LoadStateDictInfo

from engine.quantization.int8.vocabulary import is_int8_vocabulary
from engine.quantization.opened_files import opened
from engine.quantization.reading_class import load
from engine.quantization.undrawn import Undrawn

_READERS = 4  # threads that read ahead for a device with memory of its own
_INT8_COMPANIONS = frozenset({"SCB", "weight_format"})
_NF4_COMPANIONS = frozenset(
    {"absmax", "quant_map", "nested_absmax", "nested_quant_map", "quant_state.bitsandbytes__nf4"}
)


@dataclass
class _Place:
    """Where one tensor of the copy goes; companions are what else is kept for it: the end of the name -> the name."""

    source: str
    module: torch.nn.Module
    local: str
    device: torch.device | str
    companions: dict[str, str] = field(default_factory=dict)


Places = dict[str, _Place]


def from_copy(model_class: type[PreTrainedModel], folder: str, **options: object) -> object:
    """Return what model_class.from_pretrained does for a folder with a copy: the model, and what was missing if asked.

    Raises whatever it raises, and ValueError for a packed weight that isn't whole.
    """
    return load(model_class, _Reads, folder, **options)  # type: ignore[arg-type]


class _Reads:
    """What the model's class is to do otherwise. Mixed in first."""

    @classmethod
    def get_init_context(cls, *settings: object) -> list[AbstractContextManager[object]]:
        """Return what is entered while the model is built without weights."""
        return [*super().get_init_context(*settings), Undrawn()]  # type: ignore[misc]

    @staticmethod
    def _load_pretrained_model(
        model: PreTrainedModel,
        state_dict: dict[str, Any] | None,
        checkpoint_files: list[str] | None,
        load_config: LoadStateDictConfig,
        expected_keys: list[str] | None = None,
    ) -> object:
        loading = _read(model, checkpoint_files, load_config) if checkpoint_files else None
        if loading is not None:
            return loading, None
        way = PreTrainedModel._load_pretrained_model
        return way(model, state_dict, checkpoint_files, load_config, expected_keys)


def _read(model: PreTrainedModel, files: Sequence[str], load_config: LoadStateDictConfig) -> LoadStateDictInfo | None:
    """Fill the model and return what is missing; None, with nothing done, where this is transformers' task.

    Raises ValueError for a packed weight that isn't whole, and whatever damaged tensors make the libraries raise.
    """
    device_map = load_config.device_map or {}
    kinds = {"disk" if device == "disk" else torch.device(device).type for device in device_map.values()}
    if not kinds or kinds & {"disk", "mps"}:
        return None
    reads_ahead = kinds != {"cpu"}
    with opened(files) as sources:
        places = _places(model, sources, load_config)
        if places is None:
            return None
        if reads_ahead:  # memory is taken as one block instead of many small ones
            caching_allocator_warmup(model, expand_device_map(device_map, list(places)), load_config.hf_quantizer)
        return _fill(model, places, sources, ahead=reads_ahead)


def _places(model: PreTrainedModel, sources: Mapping[str, Any], load_config: LoadStateDictConfig) -> Places | None:
    """Return the model's name -> place for a copy that fits the model exactly; None for any other.

    Raises ValueError for a packed weight that isn't whole.
    """
    modules, state = dict(model.named_modules()), model.state_dict()
    names = _names_in_model(sources, load_config.weight_mapping or [], model.base_model_prefix, state)
    if names is None:
        return None
    devices = expand_device_map(load_config.device_map, [name for name in names if name in state])
    places: Places = {}
    for name, device in devices.items():
        path, _, local = name.rpartition(".")
        places[name] = _Place(names[name], modules[path], local, device)
    for name in names.keys() - places.keys():
        owner, _, companion = name.rpartition(".weight.")
        if not owner:
            owner, _, companion = name.rpartition(".")
        place = places.get(f"{owner}.weight")
        if place is None:
            return None
        place.companions[companion] = names[name]
    is_whole = state.keys() - places.keys() <= set(model.all_tied_weights_keys)
    return places if is_whole and all(_fits(place, state[name], sources) for name, place in places.items()) else None


def _names_in_model(
    sources: Iterable[str], mapping: Sequence[WeightTransform], prefix: str, state: dict[str, torch.Tensor]
) -> dict[str, str] | None:
    """Return the model's name -> the copy's name; None if the architecture publishes any tensor in another form."""
    # Some renamings remember what they have seen, and transformers may still need them.
    own = copy.deepcopy([item for item in mapping if not _puts_layers_together(item)])
    converters = [item for item in own if isinstance(item, WeightConverter)]
    renamings = [item for item in own if isinstance(item, WeightRenaming)]
    names: dict[str, str] = {}
    for source in sorted(sources, key=dot_natural_key):
        name, pattern = rename_source_key(source, renamings, converters, prefix, state)
        if pattern is not None or name in names:
            return None
        names[name] = source
    return names


def _puts_layers_together(item: WeightTransform) -> bool:
    """Tell whether it is the converter that makes bitsandbytes' layers of their tensors, which is done here."""
    operations = getattr(item, "operations", [])
    return bool(operations) and all(isinstance(one, Bnb4bitDeserialize | Bnb8bitDeserialize) for one in operations)


def _fits(place: _Place, expected: torch.Tensor, sources: Mapping[str, Any]) -> bool:
    """Tell whether the tensor is one that the model has. Raises ValueError for a packed weight that isn't whole.

    transformers would take numbers of another type for packed ones and scales of any size.
    """
    shape, kind = _header(sources, place.source)
    module, whole = place.module, tuple(expected.shape)
    if is_int8_vocabulary(module) and place.local == "weight" and kind != "I8":
        raise ValueError(f"{place.source} of the copy is {kind}")
    if not isinstance(module, Linear8bitLt | Linear4bit) or place.local != "weight":
        is_tensor = place.local in module._parameters or place.local in module._buffers
        return is_tensor and shape == whole and not place.companions
    if isinstance(module, Linear8bitLt):
        is_packed = kind == "I8" and shape == whole and place.companions.keys() == _INT8_COMPANIONS
        is_packed = is_packed and _header(sources, place.companions["SCB"])[0] == shape[:1]
    else:
        size = -(module.in_features * module.out_features // -2)
        is_packed = kind == "U8" and shape == (size, 1) and place.companions.keys() == _NF4_COMPANIONS
    if not is_packed:
        raise ValueError(f"{place.source} of the copy is {kind} {shape} with {', '.join(sorted(place.companions))}")
    return True


def _header(sources: Mapping[str, Any], name: str) -> tuple[tuple[int, ...], str]:
    kept = sources[name].get_slice(name)
    return tuple(kept.get_shape()), kept.get_dtype()


def _fill(model: PreTrainedModel, places: Places, sources: Mapping[str, Any], *, ahead: bool) -> LoadStateDictInfo:
    def read(place: _Place) -> dict[str, torch.Tensor]:
        names = {"": place.source, **place.companions}
        return {end: sources[name].get_tensor(name).to(place.device) for end, name in names.items()}

    with _results(read, places.values(), ahead=ahead) as results:
        for _, place in transformers_logging.tqdm(places.items(), desc="Loading weights"):
            _set(place, next(results))
    return LoadStateDictInfo(
        missing_keys=set(model.all_tied_weights_keys) - places.keys(),
        unexpected_keys=set(), mismatched_keys=set(), conversion_errors={}, error_msgs=[], skipped_pp_keys=set(),
    )  # fmt: skip


@contextmanager
def _results(
    read: Callable[[_Place], dict[str, torch.Tensor]], places: Iterable[_Place], *, ahead: bool
) -> Iterator[Iterator[dict[str, torch.Tensor]]]:
    """Yield what read returns for each place, when it is asked for or ahead by threads, which end with the load."""
    if not ahead:
        yield map(read, places)
        return
    pool = ThreadPoolExecutor(_READERS)
    try:
        yield pool.map(read, places)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _set(place: _Place, tensors: dict[str, torch.Tensor]) -> None:
    module, value = place.module, tensors.pop("")
    if place.local in module._buffers:
        module._buffers[place.local] = value
    else:
        if isinstance(module, Linear8bitLt) and place.companions:
            value = Int8Params(value, requires_grad=False, has_fp16_weights=False, SCB=tensors["SCB"])
        elif isinstance(module, Linear4bit) and place.companions:
            value = Params4bit.from_prequantized(value, tensors, device=value.device, module=module)
        else:
            value = torch.nn.Parameter(value, requires_grad=False)
        module._parameters[place.local] = value
    # Without the mark transformers would draw random numbers for it.
    value._is_hf_initialized = True  # type: ignore[attr-defined]
    if place.companions:
        module._is_hf_initialized = True  # type: ignore[assignment]
