"""CUDA devices with their memory, and the sentence that says why a GPU can't be used."""

import functools
import os
import re
import shutil
import subprocess
from dataclasses import dataclass

import torch

from engine.api.hardware import Gpu
from engine.hardware.reasons import one_line

_NVIDIA_SMI_SECONDS = 5.0
_BF16_FROM = (8, 0)
_RESTART = "Restart the computer, or reload the nvidia_uvm module on Linux."


@dataclass(frozen=True)
class GpuFindings:
    """GPUs that can be computed on, and what stands in the way of those that can't."""

    gpus: tuple[Gpu, ...]
    cuda_build: str
    driver: str
    problem: str


def find_gpus() -> GpuFindings:
    """Return what CUDA offers; never raises, a broken driver or card becomes the problem sentence."""
    cuda_build = torch.version.cuda or (f"ROCm {torch.version.hip}" if torch.version.hip else "")
    named, driver = _ask_driver()
    gpus: list[Gpu] = []
    problems: list[str] = []
    count, failure = _count() if cuda_build else (0, "")
    for index in range(count):
        try:
            gpus.append(_gpu(index))
        except (RuntimeError, AssertionError, torch.cuda.DeferredCudaCallError) as error:
            problems.append(_card_problem(index, error))
    if not count:
        problems = [_problem(cuda_build, named, failure)]
    return GpuFindings(tuple(gpus), cuda_build, driver, " ".join(each for each in problems if each))


def _count() -> tuple[int, str]:
    try:
        return torch.cuda.device_count(), ""
    except (RuntimeError, AssertionError, torch.cuda.DeferredCudaCallError) as error:
        return 0, one_line(error)


def _gpu(index: int) -> Gpu:
    properties = torch.cuda.get_device_properties(index)
    free, total = torch.cuda.mem_get_info(index)
    _compute(index)
    capability = (int(properties.major), int(properties.minor))
    return Gpu(
        index=index,
        name=str(properties.name),
        compute_capability=capability,
        total_bytes=int(total),
        free_bytes=int(free),
        supports_bf16=capability >= _BF16_FROM or bool(torch.version.hip),
    )


@functools.cache
def _compute(index: int) -> None:
    """Run one kernel on the device; raises RuntimeError if it can't, as for a card older than this PyTorch's code."""
    try:
        torch.ones(8, device=f"cuda:{index}").add_(1).sum().item()
    except torch.OutOfMemoryError:
        return  # full, not broken


def _card_problem(index: int, error: BaseException) -> str:
    try:
        properties = torch.cuda.get_device_properties(index)
        name = str(properties.name)
        capability = f"{properties.major}.{properties.minor}"
    except (RuntimeError, AssertionError, torch.cuda.DeferredCudaCallError):
        name, capability = f"Graphics card {index}", "?"
    reason = one_line(error)
    if "no kernel image" in reason:
        return f"{name} is there, but the installed PyTorch has no code for its compute capability {capability}."
    return f"{name} does not answer ({reason}). {_RESTART}"


@functools.cache
def _ask_driver() -> tuple[str, str]:
    """Return name of the first GPU and version of the driver, both empty without an NVIDIA driver. Asked once."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return "", ""
    query = [program, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    no_window = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # on Windows a console would flash up
    try:
        answer = subprocess.run(
            query, capture_output=True, text=True, timeout=_NVIDIA_SMI_SECONDS, check=True, creationflags=no_window
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return "", ""
    found = re.match(r"(?P<name>[^,\n]+),\s*(?P<driver>[\d.]+)", answer.stdout)
    return (found["name"].strip(), found["driver"]) if found else ("", "")


def _problem(cuda_build: str, named: str, failure: str) -> str:
    if named and not cuda_build:
        return f"{named} is there, but the installed PyTorch was built without CUDA. Run the set-up again (start.py)."
    if failure:
        return f"The GPU does not answer ({failure}). {_RESTART}"
    if named and "CUDA_VISIBLE_DEVICES" in os.environ:
        return f"{named} is there, but the variable CUDA_VISIBLE_DEVICES hides it."
    if named:
        return f"{named} is there, but CUDA does not see it. Update the NVIDIA driver, then restart."
    return ""
