"""CUDA devices with their memory, and the sentence that says why a GPU can't be used."""

import functools
import os
from dataclasses import dataclass

import torch

from engine.api.hardware import Gpu
from engine.hardware import nvidia_driver
from engine.hardware.cuda_memory import free_and_total
from engine.hardware.faults import Fault, fault_of
from engine.hardware.nvidia_driver import DriverState
from engine.hardware.reasons import one_line

_BF16_FROM = (8, 0)
_RESTART = "Restart the computer, or reload the nvidia_uvm module on Linux."
# cudaErrorDevicesUnavailable: the first context of this process was refused.
_TAKEN_SIGN = "busy or unavailable"


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
    named, driver = nvidia_driver.named_by_program()
    state = nvidia_driver.ask_library() if torch.version.cuda else DriverState()
    if state.is_silent:
        _hide_cards()
    gpus: list[Gpu] = []
    problems = [_driver_problem(state, torch.version.cuda or "", named or "The graphics card")]
    count, failure = _count(state) if cuda_build and not problems[0] else (0, "")
    for index in range(count):
        try:
            gpus.append(_gpu(index))
        except (RuntimeError, AssertionError, torch.cuda.DeferredCudaCallError) as error:
            problems.append(_card_problem(index, error))
    if not count and not problems[0]:
        problems = [_problem(cuda_build, named, failure)]
    return GpuFindings(tuple(gpus), cuda_build, driver, " ".join(each for each in problems if each))


def _hide_cards() -> None:
    """Let nobody in this process wait for the driver: libraries that ask PyTorch hear that there is no card."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"  # else is_available() asks the driver
    # WORKAROUND transformers 5.23: each forward asks for it, on a processor too (utils/import_utils.is_tracing).
    torch.cuda.is_current_stream_capturing = lambda: False


def _driver_problem(state: DriverState, cuda_build: str, name: str) -> str:
    """Return why nothing can be computed with this driver; empty if it answers, or if there is none."""
    if state.is_silent:
        waited = f"{nvidia_driver.PATIENCE_SECONDS:.0f}"
        return f"{name} can't be used: its driver has not answered for {waited} seconds. Restart the computer."
    if state.status == nvidia_driver.DRIVER_MISMATCH:
        return f"{name} can't be used: its driver was updated while it was running. Restart the computer."
    if state.failure:
        return f"The GPU does not answer ({state.failure}). {_RESTART}"
    known, wanted = state.cuda_version, tuple(int(part) for part in cuda_build.split(".")[:2] if part.isdigit())
    if state.cards and known != (0, 0) and known[:1] < wanted[:1]:  # any of the same major version will do
        return (
            f"{name} is there, but its driver knows CUDA {known[0]}.{known[1]} at most, and the installed PyTorch is "
            f"made for {cuda_build}. Update the NVIDIA driver, or run the set-up again (start.py)."
        )
    return ""


def _count(state: DriverState) -> tuple[int, str]:
    try:
        count = torch.cuda.device_count()
    except (RuntimeError, AssertionError, torch.cuda.DeferredCudaCallError) as error:
        return 0, one_line(error)
    # PyTorch asks NVML, which also counts cards that are cut in slices (MIG): a process is offered one slice at most.
    return count if state.cards is None else min(count, state.cards), ""


def _gpu(index: int) -> Gpu:
    properties = torch.cuda.get_device_properties(index)
    free, total = free_and_total(index)
    _compute(index)
    capability = (int(properties.major), int(properties.minor))
    return Gpu(
        index=index,
        name=str(properties.name),
        compute_capability=capability,
        total_bytes=total,
        free_bytes=free,
        supports_bf16=capability >= _BF16_FROM or bool(torch.version.hip),
        is_integrated=bool(properties.is_integrated),
    )


@functools.cache
def _compute(index: int) -> None:
    """Run one kernel on the device; raises RuntimeError if it can't, as for a card older than this PyTorch's code."""
    try:
        torch.ones(8, device=f"cuda:{index}").add_(1).sum().item()
    except RuntimeError as error:
        if fault_of(error) is not Fault.OUT_OF_MEMORY:  # full, not broken
            raise


def _card_problem(index: int, error: BaseException) -> str:
    try:
        properties = torch.cuda.get_device_properties(index)
        name = str(properties.name)
        capability = f"{properties.major}.{properties.minor}"
    except (RuntimeError, AssertionError, torch.cuda.DeferredCudaCallError):
        name, capability = f"Graphics card {index}", "?"
    reason = one_line(error)
    fault = fault_of(error)
    if fault is Fault.OUT_OF_MEMORY:
        return f"{name} is full: other programs hold all of its memory. End one of them, then start Hearth again."
    if fault is Fault.DEVICE_UNFIT:
        return f"{name} is there, but the installed PyTorch has no code for its compute capability {capability}."
    if _TAKEN_SIGN in reason:
        return f"{name} is kept by another program for itself. End that program, then start Hearth again."
    return f"{name} does not answer ({reason}). {_restart()}"


def _restart() -> str:
    return "Restart the computer." if torch.version.hip else _RESTART


def _problem(cuda_build: str, named: str, failure: str) -> str:
    if named and not cuda_build:
        return f"{named} is there, but the installed PyTorch was built without CUDA. Run the set-up again (start.py)."
    if failure:
        return f"The GPU does not answer ({failure}). {_restart()}"
    if named and "CUDA_VISIBLE_DEVICES" in os.environ:
        return f"{named} is there, but the variable CUDA_VISIBLE_DEVICES hides it."
    if named:
        return f"{named} is there, but CUDA does not see it. Update the NVIDIA driver, then restart."
    return ""
