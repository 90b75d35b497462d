"""What a configuration's `quantization_config` means: which kind, how many bits, and whether it loads on this machine.

Pure, and importable without torch or transformers; this_environment() alone asks the machine what is installed.
"""

import importlib.metadata
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from types import MappingProxyType

from packaging.version import InvalidVersion, Version

from engine.api.errors import EngineError, ErrorKind
from engine.api.plan import Precision
from engine.quantization.compressed_scheme import CompressedScheme, scheme_of
from engine.quantization.published_elements import count, without_their_scales
from engine.quantization.published_forms import is_read_here
from engine.quantization.published_kinds import KEPT_MXFP4, KINDS, MXFP4_MODELS, Kind

_FP8_CAPABILITY = (8, 9)
_COMPILERS = ("cc", "gcc", "clang", "cl")
_MOST_BITS = 16
_LONGEST_SHOWN = 40
_NONE: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True)
class PublishedQuantization:
    """How a publisher quantised a checkpoint.

    kind: a key of KINDS. label: for people (`GPTQ, 4-bit`). precision: what it counts as while it stays packed.
    bits: of one weight. group_size: weights that share a scale; 0 if not said. settings: the configuration as
    published. compressed: more about compressed-tensors, else None. model: the kind of model (`model_type`).
    """

    kind: str
    label: str
    precision: Precision
    bits: int
    group_size: int = 0
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


@dataclass(frozen=True)
class Environment:
    """The device to load on and what is installed.

    device: `cuda`, `cpu` or `mps`. versions: by distribution name. quantization_kernels: as in Hardware, what was
    tried and works (`cuda nf4`); None if nothing was tried. has_compiler: whether there is a C compiler.
    """

    device: str
    compute_capability: tuple[int, int] = (0, 0)
    versions: Mapping[str, str] = field(default_factory=dict)
    quantization_kernels: tuple[str, ...] | None = None
    has_compiler: bool = False


@dataclass(frozen=True)
class LoadOptions:
    """What from_pretrained has to be given.

    quantization_config: goes onto the model's configuration in place of the published one. dtype: `float16` or
    `bfloat16` if the layers compute in nothing else, else empty. unpacks: the weights will be plain 16 bit.
    """

    quantization_config: Mapping[str, object]
    dtype: str = ""
    unpacks: bool = False

    @property
    def keeps_mxfp4(self) -> bool:
        """Whether mxfp4_quantizer.register() has to run before."""
        return self.quantization_config.get("quant_method") == KEPT_MXFP4


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
    group = settings.get(known.group_key)
    group_size = group if isinstance(group, int) and not isinstance(group, bool) and group > 0 else 0
    precision = Precision.INT4 if bits < 8 else Precision.INT8 if bits < 16 else Precision.BF16
    label = _label(kind, known, bits, settings, compressed)
    model = str(config.get("model_type", ""))
    return PublishedQuantization(kind, label, precision, bits, group_size, settings, compressed, model)


def requirement(published: PublishedQuantization, environment: Environment) -> str:
    """Return one sentence that says what is lacking to load it on this machine; empty if nothing is."""
    known = KINDS[published.kind]
    subject = _told(published)
    if known.never:
        return f"{subject}, and {known.never}."
    if published.compressed and published.compressed.problem:
        return f"{subject}, and {published.compressed.problem}."
    return "" if published.is_read_here else _lacking(published, environment)


def _lacking(published: PublishedQuantization, environment: Environment) -> str:
    """Return one sentence that says what is lacking to compute with it as it was published; empty if nothing is."""
    known, subject = KINDS[published.kind], _told(published)
    if published.kind.startswith("bitsandbytes"):
        wanted = f"{environment.device} {'int8' if published.bits == 8 else 'nf4'}"
        tried = environment.quantization_kernels
        if tried is not None and wanted not in tried:
            return f"{subject}, and bitsandbytes does not work on this {_device_word(environment)}."
    if known.needs_cuda and environment.device != "cuda":
        return f"{subject}, which runs on NVIDIA graphics cards only."
    if known.capability > environment.compute_capability and known.needs_cuda:
        needed, there = (".".join(map(str, item)) for item in (known.capability, environment.compute_capability))
        return f"{subject}, which needs a graphics card of compute capability {needed} or higher; this one has {there}."
    if known.compiles and not environment.has_compiler:
        return f"{subject}, which needs a C compiler on this computer."
    lacking = [package for package in known.packages if not _is_installed(package.name, package.lowest, environment)]
    if lacking:
        words = " and ".join(package.words for package in lacking)
        command = " ".join(package.installed_as for package in lacking)
        return f"{subject}, which needs {words} (pip install {command})."
    return ""


def unpacks(published: PublishedQuantization, environment: Environment) -> bool:
    """Whether its weights become plain on this machine instead of staying packed.

    FP8 and MXFP4 layers of transformers run only on kernels that the `kernels` package fetches from the Hub, which
    Hearth never installs; for MXFP4 experts of known models it has a product of its own. compressed-tensors unpacks
    all but FP8 layers, whose product is PyTorch's own. What lacks its package is unpacked where Hearth can do that.
    """
    if published.is_read_here and _lacking(published, environment):
        return True
    if published.compressed:
        return not _keeps_fp8(published.compressed, environment)
    return published.dequantizes and not published.keeps_mxfp4


def unpacks_here(published: PublishedQuantization, environment: Environment) -> bool:
    """Whether Hearth unpacks its weights by itself as they are read, so that any precision can be had of them."""
    return published.is_read_here and unpacks(published, environment)


def load_options(
    published: PublishedQuantization, environment: Environment, compute_dtype: str = "bfloat16"
) -> LoadOptions:
    """Return how to load it; compute_dtype (`bfloat16`, `float16`, `float32`) is what the rest of the model uses."""
    settings = dict(published.settings)
    unpacking = unpacks(published, environment)
    if published.compressed:
        settings.pop("run_compressed", None)
        settings["dequantize"] = unpacking and published.compressed.is_uniform
        settings["use_optimized_inference"] = not unpacking
    elif unpacking:
        settings["dequantize"] = True
    elif published.keeps_mxfp4:
        settings["quant_method"] = KEPT_MXFP4
    if published.kind == "bitsandbytes_4bit":
        settings["bnb_4bit_compute_dtype"] = compute_dtype  # as published it may be one that this device lacks
    wanted = KINDS[published.kind].dtype if environment.device == "cuda" else ""
    return LoadOptions(settings, wanted, unpacking)


def elements_of(published: PublishedQuantization | None, shape: Sequence[int], dtype: str, name: str) -> int:
    """Return how many weights a stored tensor stands for; dtype in safetensors' spelling (`I32`, `U8`).

    Packed tensors stand for several weights per value, scales and zero points for none.
    """
    if published is None:
        return prod(shape)
    return count(published.kind, published.bits, published.settings, shape, dtype, name)


def lost_scales(unexpected: Iterable[str]) -> list[str]:
    """Return those of the tensors that the model did not take which scale its weights: without them it is wrong."""
    return without_their_scales(unexpected)


def this_environment(
    device: str,
    compute_capability: tuple[int, int] = (0, 0),
    quantization_kernels: tuple[str, ...] | None = None,
) -> Environment:
    """Return the environment with the versions of every package that some kind asks for; imports none of them."""
    versions = {}
    for package in (package for kind in KINDS.values() for package in kind.packages):
        name = _distribution(package.name)
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    has_compiler = any(shutil.which(command) for command in _COMPILERS)
    return Environment(device, compute_capability, versions, quantization_kernels, has_compiler)


def everything_installed(environment: Environment) -> Environment:
    """Return the environment as if every package that some kind asks for were there in a new enough version."""
    names = {_distribution(package.name) for kind in KINDS.values() for package in kind.packages}
    return replace(environment, versions=dict.fromkeys(names, "9999"))


def _told(published: PublishedQuantization) -> str:
    return f"It is published in a quantized form ({published.label})"


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


def _keeps_fp8(scheme: CompressedScheme, environment: Environment) -> bool:
    return (
        scheme.fits_fp8_product and environment.device == "cuda" and environment.compute_capability >= _FP8_CAPABILITY
    )


def _device_word(environment: Environment) -> str:
    return {"cuda": "graphics card", "mps": "Mac's graphics processor"}.get(environment.device, "processor")


def _distribution(name: str) -> str:
    return name.split("[")[0]


def _is_installed(name: str, lowest: str, environment: Environment) -> bool:
    there = environment.versions.get(_distribution(name))
    if there is None:
        return False
    try:
        return not lowest or Version(there) >= Version(lowest)
    except InvalidVersion:
        return False


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
