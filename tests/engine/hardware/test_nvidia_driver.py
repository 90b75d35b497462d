"""The driver is asked without PyTorch, and not for ever: its program is left alone, its library is left behind."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from engine.hardware import nvidia_driver
from engine.hardware.nvidia_driver import DriverState, ask_library, named_by_program

_WORDS = {803: b"system has unsupported display driver / cuda driver combination"}


class Library(SimpleNamespace):
    """What stands in for libcuda: the answer to cuInit, the CUDA version that it knows, and its cards."""

    def __init__(self, status: int = 0, version: int = 13000, cards: int = 1) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.lazy: list[str | None] = []

        def initialise(_: int) -> int:
            self.lazy.append(os.environ.get("CUDA_MODULE_LOADING"))
            self.gate.wait()
            return status

        super().__init__(
            cuInit=initialise,
            cuDriverGetVersion=lambda number: _write(number, version),
            cuDeviceGetCount=lambda number: _write(number, cards),
            cuGetErrorString=lambda number, words: _write(words, _WORDS.get(number)),
        )


def _write(reference: SimpleNamespace, value: object) -> int:
    """Write to what ctypes.byref() points to."""
    reference._obj.value = value
    return 0


@pytest.fixture(autouse=True)
def asked_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CUDA_MODULE_LOADING", "")  # so that it is put back afterwards
    monkeypatch.delenv("CUDA_MODULE_LOADING")
    ask_library.cache_clear()
    named_by_program.cache_clear()
    yield
    ask_library.cache_clear()
    named_by_program.cache_clear()


def use(monkeypatch: pytest.MonkeyPatch, library: Library) -> Library:
    monkeypatch.setattr(nvidia_driver, "_opened", lambda: library)
    return library


def test_a_driver_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    library = use(monkeypatch, Library(version=12080, cards=2))
    assert ask_library() == DriverState(cards=2, cuda_version=(12, 8))
    assert ask_library().cards == 2
    assert library.lazy == ["LAZY"], "asked once, and only after kernels were told to be loaded when they are needed"


def test_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise OSError("libcuda.so.1: cannot open shared object file")

    monkeypatch.setattr(nvidia_driver, "_opened", missing)
    assert ask_library() == DriverState()


def test_a_driver_without_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Library(status=100))
    assert ask_library() == DriverState(cards=0, cuda_version=(13, 0), status=100)


def test_a_driver_that_was_updated_under_its_feet(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Library(status=803))
    assert ask_library().status == nvidia_driver.DRIVER_MISMATCH
    assert "unsupported display driver" in ask_library().failure


def test_a_failure_without_words(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Library(status=999))
    assert ask_library().failure == "CUDA error 999"


def test_a_driver_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    library = use(monkeypatch, Library())
    library.gate.clear()
    monkeypatch.setattr(nvidia_driver, "PATIENCE_SECONDS", 0.05)
    try:
        assert ask_library() == DriverState(cards=0, is_silent=True)
    finally:
        library.gate.set()
        for thread in threading.enumerate():
            if thread.name == "nvidia-driver":
                thread.join()


class Program:
    """What stands in for nvidia-smi: prints, fails, or hangs so that nothing can end it."""

    def __init__(self, output: str = "", returncode: int = 0, hangs: bool = False) -> None:
        self.output, self.returncode, self.hangs = output, returncode, hangs
        self.was_killed = False

    def __call__(self, *_: object, **__: object) -> "Program":
        return self

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        if self.hangs and timeout is None:
            pytest.fail("waited without an end")
        if self.hangs:
            raise subprocess.TimeoutExpired("nvidia-smi", timeout or 0)
        return self.output, None

    def kill(self) -> None:
        self.was_killed = True

    def wait(self, timeout: float | None = None) -> None:
        pytest.fail("waited for what can't be ended")


def run(monkeypatch: pytest.MonkeyPatch, program: Program) -> Program:
    monkeypatch.setattr(nvidia_driver.shutil, "which", lambda _: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(nvidia_driver.subprocess, "Popen", program)
    return program


def test_the_program_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, Program("NVIDIA GeForce RTX 4090, 570.86.10\nNVIDIA GeForce RTX 3090, 570.86.10\n"))
    assert named_by_program() == ("NVIDIA GeForce RTX 4090", "570.86.10")
    run(monkeypatch, Program("NVIDIA GeForce RTX 4090, 1.0\n"))
    assert named_by_program() == ("NVIDIA GeForce RTX 4090", "570.86.10")


def test_a_program_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    program = run(monkeypatch, Program(hangs=True))
    assert named_by_program() == ("", "")
    assert program.was_killed


def test_a_program_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia_driver, "_NVIDIA_SMI_SECONDS", 0.05)
    with pytest.raises(subprocess.TimeoutExpired):
        nvidia_driver.output_of([sys.executable, "-c", "import time; time.sleep(600)"])


def test_a_program_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, Program("Failed to initialize NVML: Driver/library version mismatch", returncode=18))
    assert named_by_program() == ("", "")
