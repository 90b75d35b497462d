"""How transformers is told to load MXFP4 experts as they are stored, for the packed product of Hearth.

Blocks and scales of a checkpoint become parameters under the names that they have in its files, and nothing is
converted. What can't be kept so (experts outside transformers' experts interface) is unpacked by transformers.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers import PreTrainedModel
from transformers.core_model_loading import WeightConverter, WeightTransform
from transformers.integrations.mxfp4 import Mxfp4Dequantize
from transformers.quantizers.auto import (
    AUTO_QUANTIZATION_CONFIG_MAPPING,
    AUTO_QUANTIZER_MAPPING,
    register_quantization_config,
    register_quantizer,
)
from transformers.quantizers.base import HfQuantizer
from transformers.utils.quantization_config import Mxfp4Config

from engine.api.plan import Precision
from engine.quantization.experts.forms import expert_shapes, is_dispatched
from engine.quantization.experts.mxfp4 import GROUP
from engine.quantization.experts.packed import PackedShape, is_packed, make_place, mark, use_packed_experts
from engine.quantization.experts.packed import register as register_experts
from engine.quantization.published.kinds import KEPT_MXFP4

# Of each tensor of experts, what it consists of in the files; transformers 5.17 has no list of it.
_PARTS = {name: [f"{name}_blocks", f"{name}_scales"] for name in ("gate_up_proj", "down_proj")}


class KeptMxfp4Config(Mxfp4Config):
    """The published settings, under a name of its own so that transformers' kernels are not asked for."""

    def __init__(self, modules_to_not_convert: list[str] | None = None, **unused: object) -> None:
        super().__init__(modules_to_not_convert)
        self.quant_method = KEPT_MXFP4  # type: ignore[assignment]


class _Unpack(Mxfp4Dequantize):
    """Unpacks to the type that the experts have in the model, as transformers does by itself since 5.23."""

    def convert(self, input_dict: dict[str, Any], *patterns: Any, **others: Any) -> dict[str, Any]:  # noqa: ANN401
        """Return name -> weights."""
        unpacked: dict[str, Any] = super().convert(input_dict, *patterns, **others)
        model: PreTrainedModel = others["model"]
        return {name: weight.to(model.get_parameter(name).dtype) for name, weight in unpacked.items()}


class KeptMxfp4Quantizer(HfQuantizer):
    """Makes places for MXFP4 experts before the weights are read."""

    serialized_names = _PARTS
    is_trainable = False

    def is_serializable(self) -> bool:
        """Tell that the model is never saved: its files are there already."""
        return False

    def get_load_operations(self) -> dict[str, Any]:
        """Return how the experts without places are read."""
        return {"deserialize": _Unpack, "dequantize": _Unpack}

    def get_weight_conversions(self) -> list[WeightTransform]:
        """Return what unpacks experts that have no places; names that the model knows are loaded as they are."""
        if not self._unpacks:
            return []
        unpack = _Unpack(self)  # type: ignore[no-untyped-call]
        return [WeightConverter(parts, name, [unpack]) for name, parts in self.serialized_names.items()]

    def _process_model_before_weight_loading(
        self, model: PreTrainedModel, checkpoint_files: Sequence[str] | None = None, **others: object
    ) -> None:
        dense = _names_in(checkpoint_files or ())
        for name, module in model.named_modules():
            shapes = _shapes(module)
            if any(_holds(dense, f"{name}.{local}") for local in shapes):
                continue  # left in 16 bit by the publisher
            mark(module, shapes)
            for local, shape in shapes.items():
                make_place(module, local, shape)
        ends = tuple(f".{name}" for name in self.serialized_names)
        self._unpacks = any(name.endswith(ends) for name, _ in model.named_parameters())

    def _process_model_after_weight_loading(self, model: PreTrainedModel, **others: object) -> PreTrainedModel:
        use_packed_experts(model)
        return model


def register() -> None:
    """Make the format known to transformers; a second call changes nothing."""
    register_experts()
    if KEPT_MXFP4 not in AUTO_QUANTIZER_MAPPING:
        register_quantizer(KEPT_MXFP4)(KeptMxfp4Quantizer)
    if KEPT_MXFP4 not in AUTO_QUANTIZATION_CONFIG_MAPPING:
        register_quantization_config(KEPT_MXFP4)(KeptMxfp4Config)


def _shapes(module: torch.nn.Module) -> dict[str, PackedShape]:
    if is_packed(module) or not is_dispatched(module):
        return {}
    shapes = {local: PackedShape(*shape, Precision.INT4, is_mxfp4=True) for local, shape in expert_shapes(module)}
    return shapes if all(shape.columns % GROUP == 0 for shape in shapes.values()) else {}


def _names_in(files: Sequence[str]) -> frozenset[str]:
    names: set[str] = set()
    for file in files:
        if Path(file).suffix == ".safetensors":
            with safe_open(file, framework="pt") as opened:
                names.update(opened.keys())
    return frozenset(names)


def _holds(names: frozenset[str], name: str) -> bool:
    """Whether the tensor is in the files, under its name or without the first part of it (files of a base model)."""
    return name in names or name.partition(".")[2] in names
