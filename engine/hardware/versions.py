"""Versions of what the engine stands on."""

import platform
from functools import cache
from importlib import metadata

import torch

_PACKAGES = ("transformers", "tokenizers", "safetensors", "huggingface_hub", "bitsandbytes", "flash-attn")


def installed_versions() -> dict[str, str]:
    """Return name to version for Python and the engine's libraries; a missing one is left out."""
    found = {package: _version(package) for package in _PACKAGES}
    # By its own word: the CUDA build that PyPI has calls itself 2.13.0+cu130, its metadata says 2.13.0.
    own = {"python": platform.python_version(), "torch": str(torch.__version__)}
    return own | {name: version for name, version in found.items() if version}


@cache
def _version(package: str) -> str:
    """Return the version, empty if it is not installed; looked up once, as a running process keeps what it imported."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
