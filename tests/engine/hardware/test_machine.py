"""What is said about the machine is true, and holds nothing about the person."""

import getpass
import platform
import socket
import subprocess
import time
from pathlib import Path

import msgspec
import psutil
import pytest
import torch
import transformers

from engine.hardware import gpus
from engine.hardware.gpus import find_gpus
from engine.hardware.kernels import working_attention_kernels
from engine.hardware.machine import describe


def test_description_matches_this_machine(tmp_path: Path) -> None:
    hardware = describe(tmp_path)
    assert hardware.ram_total_bytes == psutil.virtual_memory().total
    assert 0 < hardware.ram_available_bytes <= hardware.ram_total_bytes
    assert hardware.physical_cores >= 1
    assert hardware.cpu_name
    assert hardware.cpu_features
    assert hardware.disk_free_bytes > 0
    assert hardware.versions["torch"] == torch.__version__
    assert hardware.versions["transformers"] == transformers.__version__
    assert hardware.versions["python"] == platform.python_version()
    for package in ("tokenizers", "safetensors", "huggingface_hub", "bitsandbytes"):
        assert hardware.versions[package]
    assert "cpu math" in hardware.attention_kernels
    assert len(hardware.gpus) == (torch.cuda.device_count() if torch.cuda.is_available() else 0)


def test_nothing_about_the_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    text = msgspec.json.encode(describe(tmp_path)).decode()
    assert str(Path.home()) not in text
    assert str(tmp_path) not in text
    assert "hf_canary" not in text
    assert socket.gethostname() not in text
    if len(getpass.getuser()) > 4:  # shorter ones, as `root`, are also parts of words
        assert getpass.getuser() not in text


def test_disk_of_a_folder_that_does_not_exist_yet(tmp_path: Path) -> None:
    assert describe(tmp_path / "a" / "b", try_kernels=False).disk_free_bytes > 0


def test_kernels_are_tried_quickly() -> None:
    started = time.perf_counter()
    names = working_attention_kernels(with_cuda=False)
    assert set(names) <= {"cpu flash", "cpu math"}
    assert time.perf_counter() - started < 5


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
