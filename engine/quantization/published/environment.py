"""What a published quantisation asks of this machine, and whether it stays packed or becomes plain there.

Importable without torch or transformers; this_environment() alone asks the machine what is installed.
"""

import importlib.metadata
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from packaging.version import InvalidVersion, Version

from engine.quantization.published.compressed import CompressedScheme
from engine.quantization.published.config import PublishedQuantization
from engine.quantization.published.kinds import KINDS

_FP8_CAPABILITY = (8, 9)
_COMPILERS = ("cc", "gcc", "clang", "cl")


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


def _told(published: PublishedQuantization) -> str:
    return f"It is published in a quantized form ({published.label})"


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
