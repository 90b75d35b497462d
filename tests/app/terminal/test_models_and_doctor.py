import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

import msgspec
import pytest

from app.terminal import doctor
from engine.api.commands import Command, DescribeHardware, DescribeWarmth
from engine.api.errors import ErrorKind, ErrorReport
from engine.api.events import CommandCancelled, CommandFailed, HardwareDescribed, Terminal, WarmthDescribed
from engine.api.hardware import Gpu
from engine.api.warmth import Tier, TierUse
from tests.app.terminal.conftest import Run
from tests.engine_scripts import CHECKPOINTS, HARDWARE, Script


def test_models_are_listed(hearth: Run) -> None:
    result = hearth("models", "list")
    assert result.status == 0
    assert [line.split()[0] for line in result.out.splitlines()] == [each.reference for each in CHECKPOINTS]
    listed = json.loads(hearth("models", "list", "--json").out)["models"]
    assert [each["reference"] for each in listed] == [each.reference for each in CHECKPOINTS]


def test_a_model_is_downloaded(hearth: Run) -> None:
    result = hearth("models", "download", "someone/model")
    assert result.status == 0
    assert "someone/model" in result.out
    assert json.loads(hearth("models", "download", "someone/model", "--json").out)["model"] == "someone/model"


def test_a_failed_download_is_one_sentence(hearth: Run, use_script: Callable[..., None]) -> None:
    use_script(Script(fault="fail", fault_on="download_checkpoint", fault_after=1))
    result = hearth("models", "download", "someone/model")
    assert (result.status, result.out) == (1, "")
    assert result.err.count("\n") == 1


def test_the_doctor_says_what_there_is_and_nothing_about_the_person(
    hearth: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "ada"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USER", "ada")
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    monkeypatch.setenv("HEARTH_HOME", str(tmp_path / "lovelace project" / "hearth"))
    text = hearth("doctor")
    assert text.status == 0
    assert "Scripted processor" in text.out
    assert f"HEARTH_HOME{os.sep}data{os.sep}conversations.db" in text.out
    report = json.loads(hearth("doctor", "--json").out)
    assert set(report) == {"versions", "paths", "hardware", "tiers", "problem"}
    assert report["hardware"]["cpu_name"] == "Scripted processor"
    assert report["problem"] is None
    assert [(tier["tier"], tier["reason"]) for tier in report["tiers"]] == [
        (tier.value, "as the script says") for tier in Tier
    ]
    assert "  In place: 0 MiB of 4 GiB. As the script says.\n  RAM: 0 MiB of 4 GiB. As the script says.\n" in text.out
    for out in (text.out, text.err, json.dumps(report)):
        for canary in ("/ada", "lovelace", "hf_canary", str(tmp_path)):
            assert canary not in out


@pytest.mark.skipif(sys.platform != "linux", reason="these variables move folders on Linux only")
def test_the_doctor_tells_no_folders_that_the_user_named(
    hearth: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HEARTH_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "ada"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "lovelace" / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "ada" / ".config"))
    out = hearth("doctor").out
    assert "conversations: …/hearth/conversations.db" in out
    assert "settings: ~/.config/hearth/settings.json" in out
    assert "lovelace" not in out


class Session:
    """An engine that answers each question with what was laid ready for it."""

    answers: Mapping[type[Command], Terminal] = {}

    def __init__(self, *_: object) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def run(self, command: Command, *_: object) -> Terminal:
        return self.answers.get(type(command), CommandCancelled(command_id=""))


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[type[Command], Terminal]:
    """What the engine says, to be filled."""
    laid_ready: dict[type[Command], Terminal] = {}
    monkeypatch.setattr(Session, "answers", laid_ready)
    monkeypatch.setattr(doctor, "session_for", Session)
    return laid_ready


Answers = dict[type[Command], Terminal]


def test_nothing_that_the_engine_says_tells_of_the_person(
    hearth: Run, answers: Answers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "ada"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "ada"))
    monkeypatch.setenv("HEARTH_HOME", str(tmp_path / "lovelace"))
    told = f"no {tmp_path / 'ada' / 'libs'}, no {tmp_path / 'lovelace' / 'data'}, hf_{'canary' * 4}"
    hardware = msgspec.structs.replace(HARDWARE, gpu_problem=told, attention_kernels=(told,), versions={"torch": told})
    disk = TierUse(tier=Tier.DISK, used_bytes=0, budget_bytes=0, is_used=False, reason=told)
    answers[DescribeHardware] = HardwareDescribed(command_id="", hardware=hardware)
    answers[DescribeWarmth] = WarmthDescribed(command_id="", conversations=(), tiers=(disk,))
    results = [hearth("doctor"), hearth("doctor", "--json")]
    error = ErrorReport(kind=ErrorKind.INTERNAL, message=told, hint="")
    answers[DescribeHardware] = CommandFailed(command_id="", error=error)
    results += [hearth("doctor"), hearth("doctor", "--json")]
    assert [result.status for result in results] == [0, 0, 1, 1]
    for result in results:
        assert "no ~" in result.out
        for canary in (str(tmp_path), "lovelace", "canary"):
            assert canary not in result.out + result.err


def test_a_folder_named_as_a_word_changes_no_other_words(
    hearth: Run, answers: Answers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEARTH_HOME", "data")
    gpu = Gpu(0, "Card", (8, 6), 8 * 2**30, 7 * 2**30, True, 4.1e11, "data sheet")
    hardware = msgspec.structs.replace(HARDWARE, gpus=(gpu,))
    answers[DescribeHardware] = HardwareDescribed(command_id="", hardware=hardware)
    assert "410 GB/s, from its data sheet" in hearth("doctor").out


def test_a_doctor_that_was_stopped_reports_nothing(
    hearth: Run, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "run", lambda *_: signal.raise_signal(signal.SIGINT))
    result = hearth("doctor")
    assert (result.status, result.out) == (130, "")
    assert "did not answer" not in result.err


def test_the_doctor_groups_what_it_found(hearth: Run, answers: Answers) -> None:
    gpu = Gpu(0, "NVIDIA GeForce RTX 3070", (8, 6), 8 * 2**30, 7 * 2**30, True, 4.1e11, "measured")
    second = msgspec.structs.replace(gpu, index=1, supports_bf16=False, bandwidth_source="data sheet")
    hardware = msgspec.structs.replace(
        HARDWARE,
        gpus=(gpu, second),
        cuda_build="13.0",
        driver="570.86.10",
        gpu_problem="Old card is there, but it is too old.",
        cpu_computes_bf16=True,
        ram_bandwidth_bytes_per_second=4.2e10,
        attention_kernels=("cuda flash", "cpu math"),
        quantization_kernels=("cuda int8",),
        quantization_problem="bitsandbytes: No module named bitsandbytes",
        has_mps=True,
        mps_memory_bytes=12 * 2**30,
    )
    answers[DescribeHardware] = HardwareDescribed(command_id="", hardware=hardware)
    lines = hearth("doctor").out.splitlines()
    titles = [line.partition(" (")[0] for line in lines if line and not line.startswith(" ")]
    assert titles == [
        "This computer",
        "Graphics cards",
        "Kernels",
        "Memory bandwidth",
        "Engine",
        "Window and terminal",
        "Folders",
    ]
    for expected in (
        "  processor: Scripted processor, 2 cores, computes bf16 itself",
        "  0: NVIDIA GeForce RTX 3070, 7.0 free of 8.0 GiB, compute capability 8.6, with bf16",
        "  1: NVIDIA GeForce RTX 3070, 7.0 free of 8.0 GiB, compute capability 8.6, without bf16",
        "  Apple GPU: shares the memory, may use up to 12.0 GiB of it",
        "  problem: Old card is there, but it is too old.",
        "  driver: 570.86.10",
        "  CUDA build: 13.0",
        "  attention: cuda flash, cpu math",
        "  quantised weights: cuda int8",
        "  what does not work: bitsandbytes: No module named bitsandbytes",
        "  main memory: 42 GB/s, measured",
        "  Apple GPU: not known",
        "  graphics card 0: 410 GB/s, measured",
        "  graphics card 1: 410 GB/s, from its data sheet",
    ):
        assert expected in lines


def test_the_doctor_works_without_an_engine(hearth: Run, use_script: Callable[..., None]) -> None:
    use_script("die_at_start")
    result = hearth("doctor")
    assert result.status == 1
    assert "PySide6" in result.out
    assert "engine" in result.err.lower()
