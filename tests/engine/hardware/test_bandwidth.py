"""Bandwidth is measured once for a machine; a file that is damaged, stale or not writable never hurts."""

import contextlib
import json
import os
import time
from pathlib import Path

import pytest
import torch

from engine.api.hardware import Gpu
from engine.hardware import bandwidth, copy_rate, machine_file
from engine.hardware.bandwidth import ram_bandwidth, with_bandwidth
from engine.hardware.copy_rate import Copied, copy_gpu, copy_ram, copy_to_gpu
from engine.hardware.machine_file import MachineFile, keep_bandwidth, keep_kernels

GIB = 2**30
CARD = Gpu(0, "NVIDIA GeForce RTX 3070", (8, 6), 8191 * 2**20, 7 * GIB, True)


class Counter:
    """Measurements that were made; each gives another number."""

    def __init__(self) -> None:
        self.count = 0
        self.is_undisturbed = True

    def __call__(self, *_: object) -> Copied:
        self.count += 1
        return Copied(self.count * 1e10, self.is_undisturbed)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Counter:
    counter = Counter()
    monkeypatch.setattr(bandwidth, "copy_ram", counter)
    monkeypatch.setattr(bandwidth, "copy_gpu", counter)
    monkeypatch.setattr(bandwidth, "copy_to_gpu", lambda *_: Copied(2.5e10))
    new_process(monkeypatch)
    return counter


def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bandwidth, "_of_this_process", {})


def ram(folder: Path, cores: int = 4, measure: bool = True) -> float:
    return ram_bandwidth(folder, "Processor", cores, 8 * GIB, measure=measure)


def test_main_memory_is_really_measured() -> None:
    found = copy_ram(64 * GIB)
    assert 1e5 < found.bytes_per_second < 1e13, "even of a machine that is busy with something else"


def test_too_little_memory_is_not_measured() -> None:
    assert copy_ram(200 * 2**20).bytes_per_second == 0
    assert copy_gpu(0, 200 * 2**20).bytes_per_second == 0


def test_measured_once_in_a_process_and_on_a_machine(
    tmp_path: Path, measured: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [ram(tmp_path), ram(tmp_path)] == [1e10, 1e10]
    new_process(monkeypatch)
    assert ram(tmp_path) == 1e10
    assert measured.count == 1
    assert [file.name for file in tmp_path.iterdir() if file.suffix == ".json"] == ["hardware.json"]


def test_another_machine_is_measured_anew(tmp_path: Path, measured: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    ram(tmp_path)
    assert ram(tmp_path, cores=8) == 2e10
    monkeypatch.setattr(torch, "__version__", "99.0")
    assert ram(tmp_path) == 3e10


def test_a_disturbed_measurement_serves_the_next_starts_for_an_hour(
    tmp_path: Path, measured: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured.is_undisturbed = False
    assert [ram(tmp_path), ram(tmp_path)] == [1e10, 1e10]
    change(tmp_path, at=time.time() - 3500)
    new_process(monkeypatch)
    assert [ram(tmp_path), measured.count] == [1e10, 1]
    change(tmp_path, at=time.time() - 3700)
    new_process(monkeypatch)
    assert ram(tmp_path) == 2e10


def test_a_disturbed_measurement_is_repeated_after_a_while(
    tmp_path: Path, measured: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured.is_undisturbed = False
    assert ram(tmp_path) == 1e10
    now = time.monotonic()
    monkeypatch.setattr(bandwidth.time, "monotonic", lambda: now + 100)
    monkeypatch.setattr(bandwidth, "copy_ram", lambda _: Copied(5e9, is_undisturbed=False))
    assert ram(tmp_path) == 1e10  # the better of the two
    monkeypatch.setattr(bandwidth.time, "monotonic", lambda: now + 200)
    measured.is_undisturbed = True
    monkeypatch.setattr(bandwidth, "copy_ram", measured)
    assert [ram(tmp_path), ram(tmp_path), measured.count] == [2e10, 2e10, 2]


def test_without_measuring_only_what_is_remembered(
    tmp_path: Path, measured: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ram(tmp_path, measure=False) == 0
    ram(tmp_path)
    new_process(monkeypatch)
    assert ram(tmp_path, measure=False) == 1e10


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"{",
        b"[]",
        b'{"bandwidths": 5}',
        b'{"bandwidths": {"a": {"bytes_per_second": "fast", "at": 1}}}',
        b"[" * 100_000,
        b" " * 300_000,
    ],
)
def test_a_damaged_file_is_measured_anew_and_mended(
    tmp_path: Path, measured: Counter, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hardware.json").write_bytes(content)
    assert ram(tmp_path) == 1e10
    new_process(monkeypatch)
    assert ram(tmp_path) == 1e10
    assert measured.count == 1


@pytest.mark.parametrize("number", [0, -5e10, 1, 1e300])
def test_numbers_that_cannot_be_true_are_measured_anew(tmp_path: Path, measured: Counter, number: float) -> None:
    ram(tmp_path)
    change(tmp_path, bytes_per_second=number)
    bandwidth._of_this_process.clear()
    assert ram(tmp_path) == 2e10


@pytest.mark.parametrize("days", [-1, 31])
def test_what_is_old_or_from_the_future_is_measured_anew(tmp_path: Path, measured: Counter, days: int) -> None:
    ram(tmp_path)
    change(tmp_path, at=time.time() - days * 86400)
    bandwidth._of_this_process.clear()
    assert ram(tmp_path) == 2e10


def change(folder: Path, **values: float) -> None:
    file = folder / "hardware.json"
    content = json.loads(file.read_text())
    for entry in content["bandwidths"].values():
        entry.update(values)
    file.write_text(json.dumps(content))


def known(folder: Path, key: str) -> float | None:
    found = MachineFile.read(folder).bandwidth(key)
    return None if found is None else found.bytes_per_second


def test_a_folder_that_cannot_be_written_to(tmp_path: Path, measured: Counter) -> None:
    (tmp_path / "file").write_text("in the way")
    assert ram(tmp_path / "file" / "below") == 1e10
    assert ram(tmp_path / "missing", cores=2) == 2e10
    assert not (tmp_path / "missing").exists()


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_bandwidth(tmp_path, "a", 1e10, is_undisturbed=True)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    keep_bandwidth(tmp_path, "b", 2e10, is_undisturbed=True)
    monkeypatch.undo()
    assert [file.name for file in tmp_path.iterdir() if "hardware" in file.name and file.is_file()] == ["hardware.json"]
    assert known(tmp_path, "a") == 1e10
    assert known(tmp_path, "b") is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_what_is_no_plain_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "hardware.json")
    assert MachineFile.read(tmp_path) == MachineFile()


def test_the_file_stays_small(tmp_path: Path) -> None:
    for number in range(40):
        keep_bandwidth(tmp_path, str(number), 1e10, is_undisturbed=True)
        keep_kernels(tmp_path, str(number), ("cpu math",), (), "")
    found = MachineFile.read(tmp_path)
    assert len(found.bandwidths) == len(found.kernels) == 32
    assert known(tmp_path, "39") == 1e10
    tried = found.tried("39")
    assert tried is not None
    assert tried.attention == ("cpu math",)


def test_what_failed_is_forgotten_after_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_kernels(tmp_path, "good", ("cpu math",), ("cpu int8",), "")
    keep_kernels(tmp_path, "bad", ("cpu math",), (), "bitsandbytes: is broken")
    bad = MachineFile.read(tmp_path).tried("bad")
    assert bad is not None
    assert bad.problem == "bitsandbytes: is broken"
    now = time.time()
    monkeypatch.setattr(machine_file.time, "time", lambda: now + 2 * 86400)
    assert MachineFile.read(tmp_path).tried("bad") is None
    assert MachineFile.read(tmp_path).tried("good") is not None


def test_a_card_is_measured_or_has_its_data_sheet(
    tmp_path: Path, measured: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = with_bandwidth(CARD, tmp_path, "570.1", measure=False)
    assert (planned.bandwidth_bytes_per_second, planned.bandwidth_source) == (448e9, "data sheet")
    assert planned.transfer_bytes_per_second == 0
    found = with_bandwidth(CARD, tmp_path, "570.1")
    assert (found.bandwidth_bytes_per_second, found.bandwidth_source) == (1e10, "measured")
    assert found.transfer_bytes_per_second == 2.5e10
    new_driver = with_bandwidth(CARD, tmp_path, "580.0")
    assert new_driver.bandwidth_bytes_per_second == 2e10
    monkeypatch.setattr(bandwidth, "copy_gpu", lambda *_: Copied(0.0))
    monkeypatch.setattr(bandwidth, "copy_to_gpu", lambda *_: Copied(0.0))
    unknown = Gpu(0, "Something new", (42, 0), 8 * GIB, 7 * GIB, True)
    assert with_bandwidth(unknown, tmp_path, "570.1") == unknown


class FakeEvent:
    """Says that the copies between two records took 10 ms."""

    def __init__(self, enable_timing: bool) -> None:
        assert enable_timing

    def record(self) -> None: ...

    def synchronize(self) -> None: ...

    def elapsed_time(self, end: "FakeEvent") -> float:
        return 10.0


@pytest.fixture
def fake_cuda(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A CUDA device whose memory is the processor's; returns what was asked of it."""
    said: list[str] = []
    buffers = copy_rate._buffers

    def on_the_processor(size: int, device: str) -> tuple[torch.Tensor, torch.Tensor]:
        said.append(f"{size // 2**20} MiB on {device}")
        return buffers(size, "cpu")

    monkeypatch.setattr(copy_rate, "_buffers", on_the_processor)
    monkeypatch.setattr(copy_rate, "_transfer_buffers", lambda size, index: on_the_processor(size, f"way to {index}"))
    monkeypatch.setattr(copy_rate, "_WAKE_SECONDS", 0.0)
    monkeypatch.setattr(torch.cuda, "device", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "Event", FakeEvent)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: said.append("gave back"))
    return said


def test_a_card_by_its_own_clock(fake_cuda: list[str]) -> None:
    found = copy_gpu(1, 512 * 2**20)
    # Two copies of 64 MiB in 10 ms, each read and written.
    assert found.bytes_per_second == pytest.approx(2 * 2 * 64 * 2**20 / 0.010)
    assert fake_cuda == ["64 MiB on cuda:1", "gave back"]
    way = copy_to_gpu(1, 8 * GIB)
    assert way.bytes_per_second == pytest.approx(2 * 64 * 2**20 / 0.010)  # each byte counts once
    assert fake_cuda[2:] == ["64 MiB on way to 1", "gave back"]


def test_a_quick_cards_copies_are_not_the_time_that_the_first_one_takes_to_begin(
    fake_cuda: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds_of_copy, seconds_to_begin = 0.00018, 0.000008  # 256 MiB on a card of 3 TB/s
    clock = [0.0]

    class Buffer:
        def copy_(self, source: "Buffer", non_blocking: bool = False) -> None:
            clock[0] += seconds_of_copy

    class Event(FakeEvent):
        def record(self) -> None:
            self.at = clock[0]
            clock[0] += seconds_to_begin

        def elapsed_time(self, end: FakeEvent) -> float:
            assert isinstance(end, Event)
            return (end.at - self.at) * 1000

    monkeypatch.setattr(copy_rate, "_buffers", lambda size, device: (Buffer(), Buffer()))
    monkeypatch.setattr(torch.cuda, "Event", Event)
    found = copy_gpu(0, 8 * GIB).bytes_per_second
    assert found == pytest.approx(2 * 256 * 2**20 / seconds_of_copy, rel=0.005)


def test_a_card_that_fails_gives_its_memory_back(fake_cuda: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(copy_rate, "_gpu_seconds", fail)
    assert copy_gpu(0, 8 * GIB).bytes_per_second == 0
    assert copy_to_gpu(0, 8 * GIB).bytes_per_second == 0
    assert fake_cuda == ["gave back"] * 2
