"""CUDA devices with their memory, and the sentence that says why a GPU can't be used."""

import re
import shutil
import subprocess
from dataclasses import dataclass

import torch

from engine.api.hardware import Gpu

_NVIDIA_SMI_SECONDS = 5.0


@dataclass(frozen=True)
class GpuFindings:
    """GPUs that can be computed on, and what stands in the way of those that can't."""

    gpus: tuple[Gpu, ...]
    cuda_build: str
    driver: str
    problem: str


def find_gpus() -> GpuFindings:
    """Return what CUDA offers; never raises, a broken driver becomes the problem sentence."""
    cuda_build = torch.version.cuda or ""
    named, driver = _ask_driver()
    gpus: tuple[Gpu, ...] = ()
    failure = ""
    if cuda_build:
        try:
            gpus = tuple(_gpu(index) for index in range(torch.cuda.device_count()))
        except (RuntimeError, AssertionError) as error:
            failure = str(error).splitlines()[0] if str(error) else type(error).__name__
    return GpuFindings(gpus, cuda_build, driver, _problem(bool(gpus), cuda_build, named, failure))


def _gpu(index: int) -> Gpu:
    properties = torch.cuda.get_device_properties(index)
    free, total = torch.cuda.mem_get_info(index)
    capability = (int(properties.major), int(properties.minor))
    return Gpu(
        index=index,
        name=str(properties.name),
        compute_capability=capability,
        total_bytes=int(total),
        free_bytes=int(free),
        supports_bf16=capability >= (8, 0),
    )


def _ask_driver() -> tuple[str, str]:
    """Return name of the first GPU and version of the driver, both empty without an NVIDIA driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return "", ""
    query = [program, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=_NVIDIA_SMI_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return "", ""
    found = re.match(r"(?P<name>[^,\n]+),\s*(?P<driver>[\d.]+)", answer.stdout)
    return (found["name"].strip(), found["driver"]) if found else ("", "")


def _problem(usable: bool, cuda_build: str, named: str, failure: str) -> str:
    if usable:
        return ""
    if named and not cuda_build:
        return f"{named} is there, but the installed PyTorch was built without CUDA. Run the set-up again (start.py)."
    if failure:
        return f"The GPU does not answer ({failure}). Restart the computer, or reload the nvidia_uvm module on Linux."
    if named:
        return f"{named} is there, but CUDA does not see it. Update the NVIDIA driver, then restart."
    return ""
