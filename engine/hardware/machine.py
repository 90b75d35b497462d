"""What this machine has, gathered for the planner and for people. No user names, paths or tokens are read."""

import platform
import re
from pathlib import Path

import psutil

from engine.api.hardware import Hardware
from engine.hardware.cpu import cpu_features, cpu_name
from engine.hardware.gpus import find_gpus
from engine.hardware.kernels import working_attention_kernels
from engine.hardware.versions import installed_versions


def describe(disk_folder: Path, try_kernels: bool = True) -> Hardware:
    """Return what this machine has; disk_folder says which disk's free space counts.

    try_kernels computes a tiny attention with each kernel (some milliseconds on a CPU, more at a GPU's first use).
    """
    memory = psutil.virtual_memory()
    found = find_gpus()
    return Hardware(
        system=_system(),
        cpu_name=cpu_name(),
        physical_cores=psutil.cpu_count(logical=False) or psutil.cpu_count() or 1,
        cpu_features=cpu_features(),
        ram_total_bytes=memory.total,
        ram_available_bytes=memory.available,
        disk_free_bytes=_disk_free(disk_folder),
        gpus=found.gpus,
        cuda_build=found.cuda_build,
        driver=found.driver,
        gpu_problem=found.problem,
        versions=installed_versions(),
        attention_kernels=working_attention_kernels(bool(found.gpus)) if try_kernels else (),
    )


def _system() -> str:
    if platform.system() == "Linux":
        try:
            name = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
        except OSError:
            name = "Linux"
        return f"{name}, kernel {_kernel_version()}, {platform.machine()}"
    return f"{platform.system()} {platform.release()}, {platform.machine()}"


def _kernel_version() -> str:
    # Only the number: self-built kernels carry names of machines and people in the rest.
    found = re.match(r"[\d.]+", platform.release())
    return found.group() if found else "unknown"


def _disk_free(folder: Path) -> int:
    for candidate in (folder, *folder.parents):
        try:
            return int(psutil.disk_usage(str(candidate)).free)
        except OSError:
            continue
    return 0
