"""The processor's name and the instruction sets that matter to matrix products."""

import platform
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import torch

_CPU_INFO = Path("/proc/cpuinfo")
_SYSCTL_SECONDS = 2.0
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
_TORCH_WORDS = {"avx512_f": "avx512f", "neon": "asimd"}


def cpu_name() -> str:
    """Return the processor's name as the system tells it, or the kind of machine."""
    for key in ("model name", "Model"):
        if value := _cpu_info(key):
            return value
    return _name_from_system() or platform.processor() or platform.machine() or "unknown processor"


def cpu_features() -> tuple[str, ...]:
    """Return the instruction sets of interest; torch's own findings where the system doesn't list any."""
    flags = set((_cpu_info("flags") or _cpu_info("Features")).split()) or _torch_features()
    found = tuple(feature for feature in _FEATURES if feature in flags)
    return found or (torch.backends.cpu.get_cpu_capability().lower(),)


def computes_bf16() -> bool:
    """Return whether the processor multiplies bfloat16 itself; without, PyTorch converts at every step."""
    return not _BF16_FEATURES.isdisjoint(cpu_features())


def _torch_features() -> set[str]:
    try:
        found = torch.cpu.get_capabilities()
    except (AttributeError, RuntimeError):
        return set()
    return {_TORCH_WORDS.get(name, name) for name, value in found.items() if value is True}


def _name_from_system() -> str:
    """Return the name that Windows and macOS keep elsewhere; empty where they don't tell."""
    if sys.platform == "win32":
        import winreg

        name = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
        with suppress(OSError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, name) as key:
            return str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).strip()
    if sys.platform == "darwin" and (program := shutil.which("sysctl")):
        query = [program, "-n", "machdep.cpu.brand_string"]
        with suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run(query, capture_output=True, text=True, timeout=_SYSCTL_SECONDS, check=True)
            return done.stdout.strip()
    return ""


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
