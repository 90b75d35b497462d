"""Cards that CUDA offers, cards that can't compute, and the sentence for each that stands in the way."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from transformers.utils.import_utils import is_cuda_stream_capturing

from engine.hardware import cuda_memory, gpus, nvidia_driver
from engine.hardware.gpus import find_gpus
from engine.hardware.nvidia_driver import DriverState
from engine.hardware.ram import Ram

GIB = 2**30


@pytest.fixture(autouse=True)
def no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    driver(monkeypatch)
    for name in ("CUDA_VISIBLE_DEVICES", "PYTORCH_NVML_BASED_CUDA_CHECK"):
        monkeypatch.setenv(name, "")  # so that it is put back afterwards
        monkeypatch.delenv(name)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", torch.cuda.is_current_stream_capturing)


def driver(
    monkeypatch: pytest.MonkeyPatch, name: str = "", version: str = "", state: DriverState | None = None
) -> None:
    """Let the driver answer so: by its program, and by its library."""
    monkeypatch.setattr(nvidia_driver, "named_by_program", lambda: (name, version))
    monkeypatch.setattr(nvidia_driver, "ask_library", lambda: state or DriverState())


def cards(monkeypatch: pytest.MonkeyPatch, compute: Callable[[int], None], *given: tuple[str, int, int]) -> None:
    """Let torch offer these cards: name, major, minor."""
    properties = [SimpleNamespace(name=name, major=major, minor=minor, is_integrated=0) for name, major, minor in given]
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(given))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: properties[index])
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda index: ((7 + index) * GIB, (8 + index) * GIB))
    monkeypatch.setattr(gpus, "_compute", compute)


def computes(_: int) -> None:
    return None


def test_every_card_with_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    cards(monkeypatch, computes, ("NVIDIA GeForce RTX 3070", 8, 6), ("Tesla T4", 7, 5))
    found = find_gpus()
    assert [(gpu.index, gpu.name, gpu.compute_capability) for gpu in found.gpus] == [
        (0, "NVIDIA GeForce RTX 3070", (8, 6)),
        (1, "Tesla T4", (7, 5)),
    ]
    assert [(gpu.free_bytes, gpu.total_bytes) for gpu in found.gpus] == [(7 * GIB, 8 * GIB), (8 * GIB, 9 * GIB)]
    assert [gpu.supports_bf16 for gpu in found.gpus] == [True, False]
    assert (found.cuda_build, found.problem) == ("13.0", "")


def test_a_card_that_this_torch_has_no_code_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def compute(index: int) -> None:
        if index == 0:
            raise torch.AcceleratorError("CUDA error: no kernel image is available for execution on the device\nmore")

    cards(monkeypatch, compute, ("NVIDIA GeForce GTX 1080", 6, 1), ("NVIDIA GeForce RTX 3090", 8, 6))
    found = find_gpus()
    assert [gpu.index for gpu in found.gpus] == [1]
    assert found.problem == (
        "NVIDIA GeForce GTX 1080 is there, but the installed PyTorch has no code for its compute capability 6.1."
    )


def test_one_broken_card_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    cards(monkeypatch, computes, ("First", 8, 6), ("Second", 8, 6))

    def memory(index: int) -> tuple[int, int]:
        if index == 0:
            raise RuntimeError("CUDA error: unspecified launch failure\nlong explanation")
        return 7 * GIB, 8 * GIB

    monkeypatch.setattr(torch.cuda, "mem_get_info", memory)
    found = find_gpus()
    assert [gpu.name for gpu in found.gpus] == ["Second"]
    assert found.problem.startswith("First does not answer (CUDA error: unspecified launch failure).")


def test_a_full_card_is_not_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    compute = gpus._compute.__wrapped__  # without its memory
    cards(monkeypatch, computes, ("Full", 8, 6))
    monkeypatch.setattr(gpus, "_compute", compute)

    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch, "ones", full)
    assert [gpu.name for gpu in find_gpus().gpus] == ["Full"]


def test_a_card_without_room_for_its_own_context(monkeypatch: pytest.MonkeyPatch) -> None:
    cards(monkeypatch, computes, ("Full", 8, 6))

    def full(_: int) -> tuple[int, int]:
        raise torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be reported later")

    monkeypatch.setattr(torch.cuda, "mem_get_info", full)
    assert find_gpus().problem == (
        "Full is full: other programs hold all of its memory. End one of them, then start Hearth again."
    )


def test_cards_of_another_maker(monkeypatch: pytest.MonkeyPatch) -> None:
    cards(monkeypatch, computes, ("AMD Radeon", 11, 0))
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", "6.4")
    found = find_gpus()
    assert [gpu.supports_bf16 for gpu in found.gpus] == [True]
    assert found.cuda_build == "ROCm 6.4"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a working GPU")
def test_a_hidden_card(monkeypatch: pytest.MonkeyPatch) -> None:
    driver(monkeypatch, "NVIDIA GeForce RTX 4090", "570.86.10")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "CUDA_VISIBLE_DEVICES" in find_gpus().problem


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a working GPU")
def test_gpu_with_a_torch_that_knows_no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    driver(monkeypatch, "NVIDIA GeForce RTX 4090", "570.86.10")
    monkeypatch.setattr(torch.version, "cuda", None)
    found = find_gpus()
    assert found.driver == "570.86.10"
    assert found.gpus == ()
    assert "NVIDIA GeForce RTX 4090" in found.problem
    assert "without CUDA" in found.problem


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a working GPU")
def test_gpu_that_torch_cannot_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    driver(monkeypatch, "NVIDIA GeForce RTX 4090", "570.86.10")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert "driver" in find_gpus().problem


def test_gpu_that_fails_is_a_sentence_not_an_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> int:
        raise RuntimeError("CUDA unknown error\nlong explanation")

    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "device_count", fail)
    found = find_gpus()
    assert "CUDA unknown error" in found.problem
    assert "\n" not in found.problem


def test_no_driver_is_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    assert find_gpus().problem == ""
    assert find_gpus().driver == ""


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (
            DriverState(cards=0, is_silent=True),
            "The graphics card can't be used: its driver has not answered for 60 seconds. Restart the computer.",
        ),
        (
            DriverState(cards=0, status=803, failure="system has unsupported display driver"),
            "The graphics card can't be used: its driver was updated while it was running. Restart the computer.",
        ),
        (
            DriverState(cards=0, status=802, failure="system not yet initialized"),
            "The GPU does not answer (system not yet initialized). "
            "Restart the computer, or reload the nvidia_uvm module on Linux.",
        ),
        (
            DriverState(cards=2, cuda_version=(12, 2)),
            "The graphics card is there, but its driver knows CUDA 12.2 at most, and the installed PyTorch is made for "
            "13.0. Update the NVIDIA driver, or run the set-up again (start.py).",
        ),
    ],
)
def test_a_driver_that_can_serve_no_card(monkeypatch: pytest.MonkeyPatch, state: DriverState, sentence: str) -> None:
    def touched(_: int) -> None:
        pytest.fail("what doesn't answer is left alone")

    cards(monkeypatch, touched, ("First", 8, 6), ("Second", 8, 6))
    driver(monkeypatch, state=state)
    found = find_gpus()
    assert (found.gpus, found.problem) == ((), sentence)


def test_nobody_asks_a_driver_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    def hangs(*_: object) -> int:
        pytest.fail("asked the driver")

    driver(monkeypatch, state=DriverState(cards=0, is_silent=True))
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    find_gpus()
    # As in a PyTorch with CUDA, whichever is installed here.
    monkeypatch.setattr(torch.cuda, "_is_compiled", lambda: True)
    monkeypatch.setattr(torch._C, "_cuda_getDeviceCount", hangs, raising=False)
    monkeypatch.setattr(torch.cuda, "_raw_device_count_nvml", hangs)
    monkeypatch.setattr(torch.cuda.graphs, "_cuda_isCurrentStreamCapturing", hangs)
    assert not torch.cuda.is_available()
    assert torch.cuda.device_count() == 0
    assert not is_cuda_stream_capturing(), "which transformers asks in each forward"


@pytest.mark.parametrize("known", [(13, 0), (13, 2), (14, 0), (0, 0)])
def test_a_driver_of_the_same_version_or_newer(monkeypatch: pytest.MonkeyPatch, known: tuple[int, int]) -> None:
    cards(monkeypatch, computes, ("Card", 8, 6))
    driver(monkeypatch, state=DriverState(cards=1, cuda_version=known))
    assert [gpu.name for gpu in find_gpus().gpus] == ["Card"]


def test_cards_that_only_nvml_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    cards(monkeypatch, computes, ("NVIDIA A100-SXM4-40GB MIG 3g.20gb", 8, 0), ("NVIDIA A100-SXM4-40GB", 8, 0))
    driver(monkeypatch, state=DriverState(cards=1, cuda_version=(13, 0)))
    found = find_gpus()
    assert [gpu.name for gpu in found.gpus] == ["NVIDIA A100-SXM4-40GB MIG 3g.20gb"]
    assert found.problem == ""


def test_a_card_that_another_program_keeps_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def compute(_: int) -> None:
        raise torch.AcceleratorError("CUDA error: CUDA-capable device(s) is/are busy or unavailable\nmore")

    cards(monkeypatch, compute, ("NVIDIA A30", 8, 0))
    found = find_gpus()
    assert found.gpus == ()
    assert found.problem == (
        "NVIDIA A30 is kept by another program for itself. End that program, then start Hearth again."
    )


def test_a_card_of_another_maker_that_torch_has_no_code_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def compute(index: int) -> None:
        message = ("HIP error: invalid device function", "HIP error: unspecified launch failure")[index]
        raise torch.AcceleratorError(message)

    cards(monkeypatch, compute, ("AMD Radeon Graphics", 10, 3), ("AMD Radeon RX 7600", 11, 0))
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", "6.4")
    assert find_gpus().problem == (
        "AMD Radeon Graphics is there, but the installed PyTorch has no code for its compute capability 10.3. "
        "AMD Radeon RX 7600 does not answer (HIP error: unspecified launch failure). Restart the computer."
    )


def test_memory_that_is_shared_with_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    cards(monkeypatch, computes, ("NVIDIA GB10", 12, 1))
    torch.cuda.get_device_properties(0).is_integrated = 1
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda index: (8 * GIB, 120 * GIB))
    monkeypatch.setattr(cuda_memory, "read_ram", lambda: Ram(121 * GIB, 100 * GIB))
    assert [(gpu.free_bytes, gpu.is_integrated) for gpu in find_gpus().gpus] == [(100 * GIB, True)]
