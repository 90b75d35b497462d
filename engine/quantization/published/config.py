"""What a configuration's `quantization_config` means: which kind, and how many bits. Pure, without torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from types import MappingProxyType

from engine.api.errors import EngineError, ErrorKind
from engine.api.plan import Precision
from engine.quantization.published.compressed import CompressedScheme, scheme_of
from engine.quantization.published.elements import count
from engine.quantization.published.forms import is_read_here
from engine.quantization.published.kinds import KINDS, MXFP4_MODELS, Kind

_MOST_BITS = 16
_LONGEST_SHOWN = 40


@dataclass(frozen=True)
class PublishedQuantization:
    """How a publisher quantised a checkpoint.

    kind: a key of KINDS. label: for people (`GPTQ, 4-bit`). precision: what it counts as while it stays packed.
    bits: of one weight. settings: the configuration as published. compressed: more about compressed-tensors, else None.
    model: the kind of model (`model_type`).
    """

    kind: str
    label: str
    precision: Precision
    bits: int
    settings: Mapping[str, object] = field(default_factory=dict)
    compressed: CompressedScheme | None = None
    model: str = ""

    @property
    def dequantizes(self) -> bool:
        """Whether transformers can unpack it into 16 bit while loading, on any device."""
        return KINDS[self.kind].unpacks

    @property
    def is_read_here(self) -> bool:
        """Whether Hearth can unpack its weights by itself, which needs no package and lets them be packed again."""
        return is_read_here(self.kind, self.bits, self.settings, self.compressed)

    @property
    def keeps_mxfp4(self) -> bool:
        """Whether its experts are used as they are stored, by Hearth's own product, on any device."""
        return self.kind == "mxfp4" and self.model in MXFP4_MODELS


def read(config: Mapping[str, object], name: str = "") -> PublishedQuantization | None:
    """Return how the checkpoint was quantised, None if it was not; name is the model's, for the sentence.

    Raises EngineError(CHECKPOINT_UNSUPPORTED) for a kind that is not known, CHECKPOINT_INCOMPLETE if the
    configuration makes no sense.
    """
    settings = _settings(config, name)
    if settings is None:
        return None
    kind = _kind(config, settings, name)
    known = KINDS[kind]
    compressed = scheme_of(settings) if kind == "compressed-tensors" else None
    bits = compressed.bits if compressed else _bits(kind, known, settings, name)
    precision = Precision.INT4 if bits < 8 else Precision.INT8 if bits < 16 else Precision.BF16
    label = _label(kind, known, bits, settings, compressed)
    model = str(config.get("model_type", ""))
    return PublishedQuantization(kind, label, precision, bits, settings, compressed, model)


def elements_of(published: PublishedQuantization | None, shape: Sequence[int], dtype: str, name: str) -> int:
    """Return how many weights a stored tensor stands for; dtype in safetensors' spelling (`I32`, `U8`).

    Packed tensors stand for several weights per value, scales and zero points for none.
    """
    if published is None:
        return prod(shape)
    return count(published.kind, published.bits, published.settings, shape, dtype, name)


def _settings(config: Mapping[str, object], name: str) -> Mapping[str, object] | None:
    """Return quantization_config, of the text model inside if there is none outside, as transformers reads it."""
    text = config.get("text_config")
    inner = text.get("quantization_config") if isinstance(text, Mapping) else None
    found = config.get("quantization_config") or inner
    if found is None and config.get("quantization_config") is None:
        return _mlx(config)
    if not isinstance(found, Mapping) or not found:
        raise _damaged(name, "quantization_config is no table")
    return MappingProxyType({str(key): value for key, value in found.items()})


def _mlx(config: Mapping[str, object]) -> Mapping[str, object] | None:
    found = config.get("quantization")
    is_mlx = isinstance(found, Mapping) and "bits" in found and "group_size" in found
    return MappingProxyType({"quant_method": "mlx", **found}) if is_mlx and isinstance(found, Mapping) else None


def _kind(config: Mapping[str, object], settings: Mapping[str, object], name: str) -> str:
    method = settings.get("quant_method")
    if settings.get("load_in_4bit") is True or settings.get("_load_in_4bit") is True:
        method = "bitsandbytes_4bit"
    elif settings.get("load_in_8bit") is True or settings.get("_load_in_8bit") is True:
        method = "bitsandbytes_8bit"
    elif method is None and _mlx(config) is not None:
        method = "mlx"
    elif method is None:
        raise _damaged(name, "quantization_config does not say the method")
    if not isinstance(method, str):
        raise _damaged(name, "the method in quantization_config is no name")
    if method not in KINDS:
        raise _unknown(name, method)
    return method


def _bits(kind: str, known: Kind, settings: Mapping[str, object], name: str) -> int:
    if kind in ("torchao", "quanto", "quark"):
        return 4 if "4" in str(settings.get("quant_type") or settings.get("weights") or "") else known.bits
    value = settings.get(known.bits_key, known.bits) if known.bits_key else known.bits
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_BITS:
        raise _damaged(name, f"{known.bits_key} in quantization_config is {str(value)[:_LONGEST_SHOWN]}")
    return value


def _label(
    kind: str, known: Kind, bits: int, settings: Mapping[str, object], compressed: CompressedScheme | None
) -> str:
    if compressed:
        return f"{known.label}, {compressed.label}"
    if kind == "bitsandbytes_4bit":
        quantity = "NF4" if settings.get("bnb_4bit_quant_type") == "nf4" else "FP4"
        return f"{known.label}, 4-bit ({quantity})"
    if known.label[-1].isdigit():  # the name says it already: FP8, MXFP4
        return known.label
    return known.label if known.never and not known.bits_key else f"{known.label}, {bits}-bit"


def _damaged(name: str, what: str) -> EngineError:
    return EngineError(
        ErrorKind.CHECKPOINT_INCOMPLETE,
        f"{_subject(name)} is incomplete: config.json is damaged ({what}).",
        "Download or copy the model again to repair it.",
    )


def _unknown(name: str, method: str) -> EngineError:
    shown = "".join(character for character in method if character.isprintable())[:_LONGEST_SHOWN]
    return EngineError(
        ErrorKind.CHECKPOINT_UNSUPPORTED,
        f"{_subject(name)} cannot be loaded: it is published in a quantized form (“{shown}”) that this version does "
        "not know.",
        "Choose a version of the model that is not quantized, or a GGUF file of it.",
    )


def _subject(name: str) -> str:
    return f"The model {name}" if name else "This model"
