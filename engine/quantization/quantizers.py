"""How transformers is told to quantise while it loads, and what is done to the model afterwards.

Linear layers become bitsandbytes' own (NF4 with double quantisation, or INT8 rows). What bitsandbytes leaves in 16 bit
is packed tensor by tensor as it is read: the fused experts of a mixture of experts, and embedding and output head, in
8 bit. A model with any of these names the format of this module when it is saved; without, it is a standard
bitsandbytes checkpoint.

Order for the caller: register(), from_pretrained(quantization_config=quantization_config_for(...)), save_pretrained if
a quantised copy is wanted, then finish(). A copy is loaded with from_pretrained and no configuration, then finish().
"""

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from transformers import BitsAndBytesConfig, PreTrainedModel
from transformers.core_model_loading import ConversionOps, WeightConverter, WeightTransform
from transformers.integrations.accelerate import get_device
from transformers.quantizers.auto import (
    AUTO_QUANTIZATION_CONFIG_MAPPING,
    AUTO_QUANTIZER_MAPPING,
    register_quantization_config,
    register_quantizer,
)
from transformers.quantizers.base import HfQuantizer
from transformers.quantizers.quantizer_bnb_4bit import Bnb4BitHfQuantizer
from transformers.quantizers.quantizer_bnb_8bit import Bnb8BitHfQuantizer
from transformers.quantizers.quantizers_utils import get_module_from_name, should_convert_module

from engine.api.plan import Precision
from engine.quantization.experts.forms import expert_shapes, form_of
from engine.quantization.experts.own import adopt
from engine.quantization.experts.packed import (
    PACKED,
    SCALES,
    PackedShape,
    is_packed,
    make_place,
    mark,
    pack,
    packed_shapes_of,
    use_packed_experts,
)
from engine.quantization.experts.packed import register as register_experts
from engine.quantization.int8.linear import replace_int8_linears
from engine.quantization.int8.vocabulary import (
    Int8Embedding,
    Int8Head,
    is_int8_vocabulary,
    lay_in_place,
    pack_rows,
    use_int8_vocabulary,
)
from engine.quantization.nf4_linear import replace_nf4_linears
from engine.quantization.nf4_tables import share_tables
from engine.quantization.packing import modules_kept
from engine.quantization.plain_linears import make_plain
from engine.quantization.stored_ties import tie_as_stored
from engine.quantization.vocabulary import vocabulary_shapes

METHODS = {Precision.INT4: "hearth_packed_4bit", Precision.INT8: "hearth_packed_8bit"}
# 2: embedding and head in 8 bit; 3: layers of Falcon-H1, Nemotron H and others are packed; 4: those of Falcon;
# 5: experts of Llama 4, DBRX, JetMoE and others outside of transformers' interface
_FORMAT_VERSION = 5
# WORKAROUND transformers 5.17, which a machine for tests/gpu may have: what is packed while it is read is cast to the
# empty parameter's type first, and weights as whole numbers are nearly all 0. It is known by a method without a model.
_CASTS_FIRST = "model" not in inspect.signature(HfQuantizer.update_weight_conversions).parameters


class PackedConfig(BitsAndBytesConfig):
    """bitsandbytes' settings for one precision, under a name of its own so that the experts are packed too."""

    def __init__(self, precision: str = "int4", compute_dtype: str = "bfloat16", **unused: object) -> None:
        is_4bit = precision == Precision.INT4
        super().__init__(  # type: ignore[no-untyped-call]
            load_in_4bit=is_4bit,
            load_in_8bit=not is_4bit,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=compute_dtype,
            llm_int8_threshold=0.0,
        )
        self.precision = Precision(precision)
        self.quant_method = METHODS[self.precision]  # type: ignore[assignment]

    def to_dict(self) -> dict[str, Any]:
        """Return what config.json keeps. No load_in_4bit: that would send transformers to bitsandbytes' quantiser."""
        return {
            "quant_method": self.quant_method,
            "precision": self.precision.value,
            "compute_dtype": str(self.bnb_4bit_compute_dtype).removeprefix("torch."),
            "format_version": _FORMAT_VERSION,
        }

    def to_diff_dict(self) -> dict[str, Any]:
        """Return the same as to_dict; every key is needed to load."""
        return self.to_dict()

    def plain(self) -> BitsAndBytesConfig:
        """Return the standard bitsandbytes configuration with the same settings."""
        return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=self.load_in_4bit,
            load_in_8bit=self.load_in_8bit,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=self.bnb_4bit_compute_dtype,
            llm_int8_threshold=0.0,
        )


class _AsItIs(ConversionOps):
    """Changes nothing: a converter with it is how a tensor is read in main memory."""

    def convert(
        self, input_dict: dict[str, Any], source_patterns: list[str], target_patterns: list[str], **others: object
    ) -> dict[str, Any]:
        """Return what came in."""
        return input_dict

    @property
    def reverse_op(self) -> ConversionOps:
        """Nothing is to be undone for saving either."""
        return self


class _Pack(ConversionOps):
    """Packs experts, embedding and head that were just read; leaves all else to the operation of bitsandbytes."""

    def __init__(self, quantizer: "_PacksMore", linears: ConversionOps) -> None:
        self._quantizer = quantizer
        self._linears = linears

    def convert(
        self, input_dict: dict[str, Any], source_patterns: list[str], target_patterns: list[str], **others: object
    ) -> dict[str, Any]:
        """Return name -> tensor to set; expert weights come back as two tensors in place of one."""
        result: dict[str, Any] = {}
        model, missing = others["model"], others.get("missing_keys")
        for name, value in input_dict.items():
            module, local = get_module_from_name(model, name)
            dense = value[0] if isinstance(value, list) else value
            if isinstance(module, Int8Head | Int8Embedding) and local == "weight":
                result.update(self._vocabulary(name, dense, module))
                continue
            shape = packed_shapes_of(module).get(local)
            packs_on, destination = self._quantizer.device_of(name), self._quantizer.destination_of(name)
            if shape is None:
                dense = dense.to(packs_on)
                converted: dict[str, Any] = self._linears.convert(
                    {name: dense}, source_patterns=source_patterns, target_patterns=target_patterns, **others
                )
                result.update({each: tensor.to(destination) for each, tensor in converted.items()})
                continue
            form = form_of(module)
            packed, scales = pack(dense, shape, form is not None and local in form.transposed, packs_on)
            make_place(module, local, shape)
            result[name + PACKED], result[name + SCALES] = packed.to(destination), scales.to(destination)
            if isinstance(missing, set):
                missing.discard(name)
        return result

    def _vocabulary(self, name: str, dense: torch.Tensor, module: Int8Head | Int8Embedding) -> dict[str, torch.Tensor]:
        if dense.shape != module.weight.shape:  # transformers takes packed weights of any size
            raise ValueError(f"{name} is {tuple(dense.shape)} and should be {tuple(module.weight.shape)}")
        packs_on, destination = self._quantizer.device_of(name), self._quantizer.destination_of(name)
        codes, scales = pack_rows(dense, packs_on, module.scale.dtype, destination)
        return {name: codes, f"{name.removesuffix('weight')}scale": scales}


class _PacksMore:
    """What both quantisers add to those of bitsandbytes. Mixed in first."""

    quantization_config: PackedConfig
    pre_quantized: bool
    modules_to_not_convert: list[str]
    # Module name to where its packed weights are kept, where that isn't the device that packs them.
    destinations: Mapping[str, torch.device] | None = None
    _device_map: dict[str, Any]
    _packed_here: frozenset[str] = frozenset()  # parameters, by name

    def get_modules_to_not_convert(self, model: PreTrainedModel, *_: object, **__: object) -> list[str]:
        """Return what the planner counts as kept, too."""
        return modules_kept(model)

    def device_of(self, name: str) -> torch.device:
        """Return the device that packs the parameter: a card does it hundreds of times faster than a processor."""
        return torch.device(get_device(self._device_map, name, valid_torch_device=True))

    def destination_of(self, name: str) -> torch.device:
        """Return the device on which the packed parameter is kept."""
        if self.destinations is None:
            return self.device_of(name)
        return torch.device(get_device({**self.destinations}, name))

    def param_needs_quantization(self, model: PreTrainedModel, param_name: str, **others: object) -> bool:
        """Say whether get_quantize_ops is wanted for the parameter."""
        module, local = get_module_from_name(model, param_name)
        if is_packed(module):
            return local in packed_shapes_of(module)
        if is_int8_vocabulary(module):
            return local == "weight"
        return bool(super().param_needs_quantization(model, param_name, **others))  # type: ignore[misc]

    def get_quantize_ops(self) -> ConversionOps:
        """Return the operation for one parameter."""
        return _Pack(self, super().get_quantize_ops())  # type: ignore[misc]

    def _process_model_before_weight_loading(
        self,
        model: PreTrainedModel,
        device_map: object = None,
        checkpoint_files: Sequence[str] | None = None,
        **others: object,
    ) -> None:
        tie_as_stored(model, checkpoint_files or ())
        vocabulary = frozenset(vocabulary_shapes(model))
        make_plain(model)
        adopt(model)
        super()._process_model_before_weight_loading(model, device_map=device_map, **others)  # type: ignore[misc]
        self._device_map = device_map if isinstance(device_map, dict) else {"": "cpu"}
        use_int8_vocabulary(model, vocabulary, model.dtype if _CASTS_FIRST and not self.pre_quantized else torch.int8)
        for name, module in model.named_modules():
            if not should_convert_module(name, self.modules_to_not_convert):
                continue
            precision = self.quantization_config.precision
            shapes = {local: PackedShape(*shape, precision) for local, shape in expert_shapes(module)}
            mark(module, shapes)
            if self.pre_quantized:
                for local, shape in shapes.items():
                    make_place(module, local, shape)
        self._packed_here = frozenset(_names_packed_here(model))

    def update_weight_conversions(
        self, weight_conversions: list[WeightTransform], *model: PreTrainedModel
    ) -> list[WeightTransform]:
        """Have what is packed here read in main memory, so that the device never holds it in 16 bit.

        model: not given by transformers 5.17, which the machine of tests/gpu may have.
        """
        conversions: list[WeightTransform] = super().update_weight_conversions(weight_conversions, *model)  # type: ignore[misc]
        if self.pre_quantized:
            return conversions
        wanted = self._packed_here
        converters = [item for item in conversions if isinstance(item, WeightConverter)]
        for converter in converters:
            if any(_ends_with(name, target) for name in wanted for target in converter.target_patterns):
                converter.force_cpu = True
        known = {source for converter in converters for source in converter.source_patterns}
        endings = {".".join(name.split(".")[-2:]) for name in wanted} - known
        whole = [WeightConverter([ending], [ending], [_AsItIs()], force_cpu=True) for ending in sorted(endings)]
        return [*conversions, *whole]

    def postprocess_model(self, model: PreTrainedModel, **others: object) -> object:
        """Name the format that the model would be saved in: plain bitsandbytes where nothing else is packed."""
        result: object = super().postprocess_model(model, **others)  # type: ignore[misc]
        if not any(is_packed(module) or is_int8_vocabulary(module) for module in model.modules()):
            plain = self.quantization_config.plain()
            plain.llm_int8_skip_modules = sorted(self.modules_to_not_convert)
            setattr(model.config, "quantization_config", plain)  # noqa: B010
            setattr(model, "quantization_method", plain.quant_method)  # noqa: B010
        use_packed_experts(model)
        return result


def _names_packed_here(model: PreTrainedModel) -> Iterator[str]:
    for name, module in model.named_modules():
        yield from (f"{name}.{local}" for local in packed_shapes_of(module))
        if is_int8_vocabulary(module):
            yield f"{name}.weight"


def _ends_with(name: str, pattern: str) -> bool:
    return re.search(rf"(?:{pattern})$", name) is not None


class PackedInt4Quantizer(_PacksMore, Bnb4BitHfQuantizer):  # type: ignore[misc]
    """NF4 with double quantisation for linear layers, NF4 for experts."""


class PackedInt8Quantizer(_PacksMore, Bnb8BitHfQuantizer):  # type: ignore[misc]
    """INT8 rows for linear layers and experts."""


def register() -> None:
    """Make the formats of this module known to transformers; has to run before a quantised copy is loaded."""
    register_experts()
    for method, quantizer in zip(METHODS.values(), (PackedInt4Quantizer, PackedInt8Quantizer), strict=True):
        if method not in AUTO_QUANTIZER_MAPPING:
            register_quantizer(method)(quantizer)
        if method not in AUTO_QUANTIZATION_CONFIG_MAPPING:
            register_quantization_config(method)(PackedConfig)


def quantization_config_for(precision: Precision, compute_dtype: torch.dtype) -> PackedConfig:
    """Return what from_pretrained takes as quantization_config for INT8 or INT4; registers the formats."""
    register()
    return PackedConfig(precision, str(compute_dtype).removeprefix("torch."))


def finish(model: PreTrainedModel, *, on_processor: bool = True) -> None:
    """Make a loaded quantised model fast; does nothing to a plain one.

    Save the quantised copy before: NF4 layers on the CPU are laid out anew and can't be saved any more. on_processor:
    layers in main memory are multiplied there, and don't just wait for their turn on a card.
    """
    use_packed_experts(model)
    replace_int8_linears(model, model.dtype)
    if on_processor:
        replace_nf4_linears(model)
    lay_in_place(model)
    share_tables(model)
