"""What is said about the machine is true, and holds nothing about the person."""

import getpass
import platform
import socket
import sys
from pathlib import Path

import msgspec
import psutil
import pytest
import torch
import transformers

from engine.api.hardware import Gpu
from engine.hardware import bandwidth, copy_rate, machine
from engine.hardware.copy_rate import Copied
from engine.hardware.gpus import GpuFindings
from engine.hardware.kernels import AttentionFindings
from engine.hardware.machine import describe
from engine.hardware.quantization_kernels import QuantizationFindings
from engine.hardware.versions import installed_versions

GIB = 2**30


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bandwidth, "_of_this_process", {})


def test_description_matches_this_machine(tmp_path: Path) -> None:
    hardware = describe(tmp_path)
    assert 0 < hardware.ram_total_bytes <= psutil.virtual_memory().total
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
    assert set(hardware.quantization_kernels) >= {"cpu int8", "cpu nf4"}
    assert hardware.quantization_problem == ""
    assert hardware.platform == {"linux": "linux", "win32": "windows", "darwin": "darwin"}[sys.platform]
    assert 1e8 < hardware.ram_bandwidth_bytes_per_second < 1e13
    assert hardware.has_mps == torch.backends.mps.is_available()
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


def test_without_trials_only_what_is_remembered_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bandwidth, "copy_ram", lambda _: Copied(5e9))
    nothing = describe(tmp_path, try_kernels=False, measure=False)
    assert (nothing.attention_kernels, nothing.quantization_kernels) == ((), ())
    assert nothing.ram_bandwidth_bytes_per_second == 0
    tried = describe(tmp_path)
    monkeypatch.setattr(bandwidth, "_of_this_process", {})  # as another process would have it
    remembered = describe(tmp_path, try_kernels=False, measure=False)
    assert remembered.attention_kernels == tried.attention_kernels
    assert remembered.quantization_kernels == tried.quantization_kernels
    assert remembered.ram_bandwidth_bytes_per_second == 5e9


def test_kernels_are_tried_once_for_a_machine_or_afresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trials: list[tuple[str, ...]] = []

    def count(devices: tuple[str, ...]) -> QuantizationFindings:
        trials.append(devices)
        return QuantizationFindings(("cpu int8",), "")

    monkeypatch.setattr(machine, "working_quantization_kernels", count)
    describe(tmp_path, measure=False)
    describe(tmp_path, measure=False)
    assert trials == [("cpu",)]
    describe(tmp_path, measure=False, afresh=True)
    assert len(trials) == 2


def test_what_failed_is_remembered_until_it_is_tried_afresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [QuantizationFindings((), "bitsandbytes: is broken"), QuantizationFindings(("cpu int8", "cpu nf4"), "")]
    monkeypatch.setattr(machine, "working_quantization_kernels", lambda _: found.pop(0))
    for _ in range(2):
        assert describe(tmp_path, measure=False).quantization_problem == "bitsandbytes: is broken"
    for afresh in (True, False):
        mended = describe(tmp_path, measure=False, afresh=afresh)
        assert (mended.quantization_kernels, mended.quantization_problem) == (("cpu int8", "cpu nf4"), "")


@pytest.mark.parametrize("full", ["attention", "quantization"])
def test_what_there_was_no_room_to_try_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: str
) -> None:
    with monkeypatch.context() as patched:
        attention = AttentionFindings((), is_lasting=full != "attention")
        quantization = QuantizationFindings((), "", is_lasting=full != "quantization")
        patched.setattr(machine, "working_attention_kernels", lambda _: attention)
        patched.setattr(machine, "working_quantization_kernels", lambda _: quantization)
        assert describe(tmp_path, measure=False).attention_kernels == ()
    assert "cpu math" in describe(tmp_path, measure=False).attention_kernels


def card(index: int, name: str, capability: tuple[int, int]) -> Gpu:
    return Gpu(index, name, capability, 24 * GIB, 23 * GIB, supports_bf16=capability >= (8, 0))


def test_cards_are_measured_and_one_of_each_kind_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cards = (card(0, "Old", (7, 5)), card(1, "New", (8, 6)), card(2, "New", (8, 6)))
    tried: list[tuple[str, ...]] = []
    monkeypatch.setattr(machine, "find_gpus", lambda: GpuFindings(cards, "13.0", "570.1", ""))
    monkeypatch.setattr(
        machine, "working_attention_kernels", lambda devices: tried.append(devices) or AttentionFindings(())
    )
    monkeypatch.setattr(machine, "working_quantization_kernels", lambda _: QuantizationFindings((), ""))
    monkeypatch.setattr(bandwidth, "copy_gpu", lambda index, free: Copied((index + 1) * 1e11))
    monkeypatch.setattr(bandwidth, "copy_ram", lambda _: Copied(0.0))
    hardware = describe(tmp_path)
    assert tried == [("cuda:0", "cuda:1", "cpu")]
    # The third is the second's twin: measured once.
    assert [gpu.bandwidth_bytes_per_second for gpu in hardware.gpus] == [1e11, 2e11, 2e11]
    assert {gpu.bandwidth_source for gpu in hardware.gpus} == {"measured"}
    assert (hardware.cuda_build, hardware.driver) == ("13.0", "570.1")
    assert hardware.ram_bandwidth_bytes_per_second == 0


def test_apples_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "mps_memory_bytes", lambda total: 12 * GIB)
    monkeypatch.setattr(machine, "working_attention_kernels", AttentionFindings)
    monkeypatch.setattr(machine, "working_quantization_kernels", lambda devices: QuantizationFindings(devices, ""))
    monkeypatch.setattr(bandwidth, "copy_mps", lambda free: Copied(2e11))
    hardware = describe(tmp_path)
    assert (hardware.has_mps, hardware.mps_memory_bytes) == (True, 12 * GIB)
    assert hardware.mps_bandwidth_bytes_per_second == 2e11
    assert hardware.quantization_kernels == ("mps", "cpu")


def test_a_measurement_holds_no_memory(tmp_path: Path) -> None:
    describe(tmp_path)
    before = psutil.Process().memory_info().rss
    assert copy_rate.copy_ram(64 * GIB).bytes_per_second > 0
    assert psutil.Process().memory_info().rss - before < 32 * 2**20


def test_pytorch_tells_its_build_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "__version__", "2.13.0+cu130")  # its metadata on PyPI leaves the build out
    assert installed_versions()["torch"] == "2.13.0+cu130"
