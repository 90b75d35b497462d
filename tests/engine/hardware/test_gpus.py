"""Cards that CUDA offers, cards that can't compute, and the sentence for each that stands in the way."""

import subprocess
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
import torch

from engine.hardware import gpus
from engine.hardware.gpus import find_gpus

GIB = 2**30


@pytest.fixture(autouse=True)
def asked_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    gpus._ask_driver.cache_clear()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    yield
    gpus._ask_driver.cache_clear()


def cards(monkeypatch: pytest.MonkeyPatch, compute: Callable[[int], None], *given: tuple[str, int, int]) -> None:
    """Let torch offer these cards: name, major, minor."""
    properties = [SimpleNamespace(name=name, major=major, minor=minor) for name, major, minor in given]
    monkeypatch.setattr(gpus.shutil, "which", lambda _: None)
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


def test_cards_of_another_maker(monkeypatch: pytest.MonkeyPatch) -> None:
    cards(monkeypatch, computes, ("AMD Radeon", 11, 0))
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", "6.4")
    found = find_gpus()
    assert [gpu.supports_bf16 for gpu in found.gpus] == [True]
    assert found.cuda_build == "ROCm 6.4"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a working GPU")
def test_a_hidden_card(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_of_driver(monkeypatch, "NVIDIA GeForce RTX 4090, 570.86.10\n")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "CUDA_VISIBLE_DEVICES" in find_gpus().problem


def test_the_driver_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_of_driver(monkeypatch, "NVIDIA GeForce RTX 4090, 570.86.10\n")
    assert find_gpus().driver == "570.86.10"
    answer_of_driver(monkeypatch, "NVIDIA GeForce RTX 4090, 1.0\n")
    assert find_gpus().driver == "570.86.10"


def answer_of_driver(monkeypatch: pytest.MonkeyPatch, output: str) -> None:
    monkeypatch.setattr(gpus.shutil, "which", lambda _: "/usr/bin/nvidia-smi")
    answer = subprocess.CompletedProcess([], 0, stdout=output)
    monkeypatch.setattr(gpus.subprocess, "run", lambda *_, **__: answer)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a working GPU")
def test_gpu_with_a_torch_that_knows_no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_of_driver(monkeypatch, "NVIDIA GeForce RTX 4090, 570.86.10\nNVIDIA GeForce RTX 3090, 570.86.10\n")
    monkeypatch.setattr(torch.version, "cuda", None)
    found = find_gpus()
    assert found.driver == "570.86.10"
    assert found.gpus == ()
    assert "NVIDIA GeForce RTX 4090" in found.problem
    assert "without CUDA" in found.problem


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a working GPU")
def test_gpu_that_torch_cannot_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_of_driver(monkeypatch, "NVIDIA GeForce RTX 4090, 570.86.10\n")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert "driver" in find_gpus().problem


def test_gpu_that_fails_is_a_sentence_not_an_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> int:
        raise RuntimeError("CUDA unknown error\nlong explanation")

    monkeypatch.setattr(gpus.shutil, "which", lambda _: None)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "device_count", fail)
    found = find_gpus()
    assert "CUDA unknown error" in found.problem
    assert "\n" not in found.problem


def test_no_driver_is_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus.shutil, "which", lambda _: None)
    monkeypatch.setattr(torch.version, "cuda", None)
    assert find_gpus().problem == ""
    assert find_gpus().driver == ""


def test_driver_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("nvidia-smi", 5)

    monkeypatch.setattr(gpus.shutil, "which", lambda _: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(gpus.subprocess, "run", hang)
    assert find_gpus().driver == ""
