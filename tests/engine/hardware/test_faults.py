"""Errors of libraries, told apart by their real texts (CUDA's are published; the processor's are raised here)."""

from collections.abc import Callable

import pytest
import torch

from engine.api.errors import ErrorKind
from engine.hardware.faults import (
    Fault,
    device_lost,
    fault_of,
    free_bytes,
    is_main_memory,
    release,
    wanted_bytes,
)

CUDA_FULL = (
    "CUDA out of memory. Tried to allocate 1.50 GiB. GPU 0 has a total capacity of 7.79 GiB of which "
    "312.44 MiB is free."
)


@pytest.mark.parametrize(
    "text",
    [
        "CUDA error: an illegal memory access was encountered",
        "CUDA error: device-side assert triggered",
        "CUDA error: unspecified launch failure",
        "CUDA error: unknown error",
        "CUDA error: uncorrectable ECC error encountered",
        "CUDA error: CUDA-capable device(s) is/are busy or unavailable",
        "CUDA error: the launch timed out and was terminated",
        "CUDA error: misaligned address",
        "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx(...)`",
        "HIP error: unspecified launch failure",
    ],
)
def test_a_poisoned_context_is_a_lost_device(text: str) -> None:
    assert fault_of(RuntimeError(f"{text}\nCUDA kernel errors might be reported at some other call")) is (
        Fault.DEVICE_LOST
    )
    assert fault_of(torch.AcceleratorError(text)) is Fault.DEVICE_LOST


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError(CUDA_FULL),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("MPS backend out of memory (MPS allocated: 5.4 GB, max allowed: 6.8 GB)"),
        RuntimeError(
            'NVML_SUCCESS == r INTERNAL ASSERT FAILED at "/pytorch/c10/cuda/CUDACachingAllocator.cpp":1407, '
            "please report a bug to PyTorch. "
        ),
        RuntimeError("std::bad_alloc"),
        RuntimeError("could not create a memory object"),
        MemoryError(),
    ],
)
def test_memory_that_ran_out(error: Exception) -> None:
    assert fault_of(error) is Fault.OUT_OF_MEMORY


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("CUDA error: no kernel image is available for execution on the device"), Fault.DEVICE_UNFIT),
        (RuntimeError("CUDA error: device kernel image is invalid"), Fault.DEVICE_UNFIT),
        (RuntimeError("CUDA error: PTX JIT compiler library not found"), Fault.DEVICE_UNFIT),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ARCH_MISMATCH when calling `cublasGemmEx(...)`"), Fault.DEVICE_UNFIT),
        (RuntimeError("CUDA error: invalid configuration argument"), None),
        (RuntimeError("CUDA error: operation not supported"), None),
        (RuntimeError("CUDA error: peer access is not supported between these two devices"), None),
        (RuntimeError("CUDA error: CUBLAS_STATUS_NOT_SUPPORTED when calling `cublasLtMatmul(...)`"), None),
        (RuntimeError("CUDA error: CUBLAS_STATUS_INVALID_VALUE when calling `cublasGemmEx(...)`"), None),
        (RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED"), None),
        (RuntimeError("shape '[2, 3]' is invalid for input of size 7"), None),
        (ValueError("out of memory"), None),
    ],
)
def test_what_no_new_process_and_no_room_would_help(error: Exception, expected: Fault | None) -> None:
    assert fault_of(error) is expected


def caught(raising: Callable[[], None]) -> BaseException:
    with pytest.raises(RuntimeError) as found:
        raising()
    return found.value


def test_the_cause_is_found_below_a_librarys_own_error() -> None:
    def wrapped() -> None:
        try:
            raise torch.OutOfMemoryError(CUDA_FULL)
        except torch.OutOfMemoryError as error:
            raise RuntimeError("conversion of the weights failed") from error

    def replaced() -> None:
        try:
            raise torch.OutOfMemoryError(CUDA_FULL)
        except torch.OutOfMemoryError:
            raise RuntimeError("unrelated") from None

    assert fault_of(caught(wrapped)) is Fault.OUT_OF_MEMORY
    assert fault_of(caught(replaced)) is None


def test_the_processors_allocator_says_how_much_it_was_asked_for() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50, dtype=torch.uint8)
    assert fault_of(caught.value) is Fault.OUT_OF_MEMORY
    assert is_main_memory(caught.value)
    assert wanted_bytes(caught.value) == 2**50


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CUDA_FULL, 3 * 2**29),
        ("CUDA out of memory. Tried to allocate 20.00 MiB.", 20 * 2**20),
        ("MPS backend out of memory. Tried to allocate 1024 bytes on private pool.", 1024),
        ("C10 Out of Memory. Trying to allocate 512 bytes", 512),
        ("out of memory", 0),
    ],
)
def test_what_was_asked_for_is_read_from_the_text(text: str, expected: int) -> None:
    assert wanted_bytes(RuntimeError(text)) == expected


def test_a_card_that_is_full_is_not_the_computers_memory() -> None:
    assert not is_main_memory(torch.OutOfMemoryError(CUDA_FULL))
    assert is_main_memory(MemoryError())


def test_free_memory_is_a_number_and_releasing_works_without_a_card() -> None:
    assert free_bytes(torch.device("cpu")) > 0
    release()


def test_pinned_main_memory_is_given_back_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: given.append("graphics memory"))
    monkeypatch.setattr(torch.accelerator, "empty_host_cache", lambda: given.append("main memory"))
    release()
    assert given == ["graphics memory", "main memory"]
    monkeypatch.delattr(torch.accelerator, "empty_host_cache")  # as in PyTorch 2.11
    release()
    assert given[2:] == ["graphics memory"]


def test_a_lost_device_is_told_with_the_librarys_text_folded() -> None:
    report = device_lost(RuntimeError("CUDA error: unknown error")).report
    assert report.kind is ErrorKind.DEVICE_LOST
    assert report.details == "CUDA error: unknown error"
    assert "CUDA" not in report.sentence()
