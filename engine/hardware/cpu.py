"""The processor's name and the instruction sets that matter to matrix products."""

import platform
from pathlib import Path

import torch

_CPU_INFO = Path("/proc/cpuinfo")
_FEATURES = (
    "avx2",
    "f16c",
    "avx512f",
    "avx512_bf16",
    "avx512_vnni",
    "avx_vnni",
    "amx_bf16",
    "amx_int8",
    "asimd",
    "bf16",
)
_BF16_FEATURES = frozenset(("avx512_bf16", "amx_bf16", "bf16"))


def cpu_name() -> str:
    """Return the processor's name as the system tells it, or the kind of machine."""
    for key in ("model name", "Model"):
        if value := _cpu_info(key):
            return value
    return platform.processor() or platform.machine() or "unknown processor"


def cpu_features() -> tuple[str, ...]:
    """Return the instruction sets of interest; torch's own word for them where the system doesn't list any."""
    flags = set((_cpu_info("flags") or _cpu_info("Features")).split())
    found = tuple(feature for feature in _FEATURES if feature in flags)
    return found or (torch.backends.cpu.get_cpu_capability().lower(),)


def computes_bf16() -> bool:
    """Return whether the processor multiplies bfloat16 itself; without, PyTorch converts at every step."""
    return not _BF16_FEATURES.isdisjoint(cpu_features())


def _cpu_info(key: str) -> str:
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""
