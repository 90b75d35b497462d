"""Versions of what the engine stands on."""

import platform
from importlib import metadata

_PACKAGES = ("torch", "transformers", "tokenizers", "safetensors", "huggingface_hub", "bitsandbytes", "flash-attn")


def installed_versions() -> dict[str, str]:
    """Return name to version for Python and the engine's libraries; a missing one is left out."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions
