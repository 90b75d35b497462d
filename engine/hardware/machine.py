"""What this machine has, gathered for the planner and for people. No user names, paths or tokens are read."""

import platform
import re
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from engine.api.hardware import Gpu, Hardware
from engine.hardware.bandwidth import mps_bandwidth, ram_bandwidth, with_bandwidth
from engine.hardware.cpu import computes_bf16, cpu_features, cpu_name
from engine.hardware.gpus import GpuFindings, find_gpus
from engine.hardware.kernels import working_attention_kernels
from engine.hardware.machine_file import MachineFile, keep_kernels
from engine.hardware.mps import mps_memory_bytes
from engine.hardware.quantization_kernels import working_quantization_kernels
from engine.hardware.ram import read_ram
from engine.hardware.versions import installed_versions


@dataclass(frozen=True)
class _Kernels:
    attention: tuple[str, ...] = ()
    quantization: tuple[str, ...] = ()
    problem: str = ""


def describe(disk_folder: Path, *, try_kernels: bool = True, measure: bool = True, afresh: bool = False) -> Hardware:
    """Return what this machine has; disk_folder says which disk's free space counts and keeps what was measured.

    try_kernels computes with each kernel on tiny tensors, measure copies memory: together about 2 seconds at the first
    time on a machine, nothing later in the same process or with the same cards, driver and versions. Without, only
    what is remembered is told. afresh tries the kernels even if an earlier process found them working.
    """
    ram = read_ram()
    found = find_gpus()
    processor, cores = cpu_name(), psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    mps_bytes = mps_memory_bytes(ram.total_bytes)
    free_for_mps = min(mps_bytes, ram.available_bytes)
    versions = installed_versions()
    kernels = _kernels(disk_folder, found, bool(mps_bytes), versions, may_try=try_kernels, afresh=afresh)
    return Hardware(
        system=_system(),
        cpu_name=processor,
        physical_cores=cores,
        cpu_features=cpu_features(),
        ram_total_bytes=ram.total_bytes,
        ram_available_bytes=ram.available_bytes,
        disk_free_bytes=_disk_free(disk_folder),
        gpus=tuple(with_bandwidth(gpu, disk_folder, found.driver, measure=measure) for gpu in found.gpus),
        cuda_build=found.cuda_build,
        driver=found.driver,
        gpu_problem=found.problem,
        versions=versions,
        attention_kernels=kernels.attention,
        quantization_kernels=kernels.quantization,
        quantization_problem=kernels.problem,
        platform=platform.system().lower(),
        cpu_computes_bf16=computes_bf16(),
        ram_bandwidth_bytes_per_second=ram_bandwidth(
            disk_folder, processor, cores, ram.available_bytes, measure=measure
        ),
        has_mps=bool(mps_bytes),
        mps_memory_bytes=mps_bytes,
        mps_bandwidth_bytes_per_second=(
            mps_bandwidth(disk_folder, processor, free_for_mps, measure=measure) if mps_bytes else 0.0
        ),
    )


def _kernels(
    folder: Path, found: GpuFindings, has_mps: bool, versions: dict[str, str], *, may_try: bool, afresh: bool
) -> _Kernels:
    key = _kernels_key(found, has_mps, versions)
    remembered = None if afresh and may_try else MachineFile.read(folder).tried(key)
    if remembered is not None:
        return _Kernels(remembered.attention, remembered.quantization, remembered.problem)
    if not may_try:
        return _Kernels()
    devices = (*_one_of_each_kind(found.gpus), *(("mps",) if has_mps else ()), "cpu")
    attention = working_attention_kernels(devices)
    quantization = working_quantization_kernels(devices)
    if found.gpus:
        _empty_cuda_cache()
    if attention.is_lasting and quantization.is_lasting:
        keep_kernels(folder, key, attention.kernels, quantization.kernels, quantization.problem)
    return _Kernels(attention.kernels, quantization.kernels, quantization.problem)


def _kernels_key(found: GpuFindings, has_mps: bool, versions: dict[str, str]) -> str:
    parts = [f"{gpu.name} {gpu.compute_capability}" for gpu in found.gpus] + ["mps"] * has_mps
    parts += [cpu_name(), f"driver {found.driver}"]
    names = ("python", "torch", "transformers", "bitsandbytes", "flash-attn")
    return "; ".join([*parts, *(f"{name} {versions[name]}" for name in names if name in versions)])


def _one_of_each_kind(gpus: tuple[Gpu, ...]) -> tuple[str, ...]:
    by_capability = {gpu.compute_capability: gpu.index for gpu in reversed(gpus)}
    return tuple(f"cuda:{index}" for index in sorted(by_capability.values()))


def _empty_cuda_cache() -> None:
    try:
        torch.cuda.empty_cache()
    except RuntimeError:
        return  # a card that is lost says so where it is used


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
