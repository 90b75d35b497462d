"""The PyTorch build for each kind of machine, asked of a fake nvidia-smi on PATH."""

import platform
import re
import stat
import subprocess
from pathlib import Path

import pytest
import torch_builds
from torch_builds import Machine, TorchBuild

ADA = "{driver}, 8.9, 24564 MiB"


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that puts an nvidia-smi with this shell body on PATH; without a call there is none."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(torch_builds, "WSL_NVIDIA_SMI", str(tmp_path / "absent"))
    monkeypatch.setattr(platform, "system", lambda: "Linux")

    def install(body: str) -> None:
        script = folder / "nvidia-smi"
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(stat.S_IRWXU)

    return install


def answer(*lines: str) -> str:
    return "\n".join(f"echo '{line}'" for line in lines)


def chosen() -> TorchBuild:
    return torch_builds.choose(torch_builds.detect())


def test_without_nvidia_the_processor_build(nvidia_smi) -> None:
    build = chosen()
    assert (build.folder, build.is_plain, build.wants_cuda) == ("cpu", True, False)
    assert "no NVIDIA" in build.why


@pytest.mark.parametrize(
    ("driver", "capability", "folder", "is_plain"),
    [
        ("524.99.01", "8.9", "cpu", True),
        ("525.60.13", "8.9", "cu128", False),
        ("560.35.03", "6.1", "cu126", False),
        ("590.10", "7.0", "cu126", False),
        ("590.10", "7.5", "cu130", True),
        ("579.99", "8.9", "cu128", False),
        ("580.65.06", "8.9", "cu130", True),
        ("595.1", "12.0", "cu130", True),
    ],
)
def test_each_row_of_the_table(nvidia_smi, driver: str, capability: str, folder: str, is_plain: bool) -> None:
    nvidia_smi(answer(f"{driver}, {capability}, 24564 MiB"))
    build = chosen()
    assert (build.folder, build.is_plain) == (folder, is_plain)


def test_a_mac_needs_no_index() -> None:
    build = torch_builds.choose(Machine("Darwin"))
    assert (build.folder, build.is_plain) == ("mps", True)
    assert torch_builds.index_arguments(build, {torch_builds.INDEX_VARIABLE: "file:///x"}) == []


def test_windows_with_a_card_is_told_what_to_set() -> None:
    machine = Machine("Windows", torch_builds.parse_gpus("580.88, 8.9, 8188 MiB"))
    build = torch_builds.choose(machine)
    assert (build.folder, build.is_plain) == ("cu130", False)
    assert torch_builds.INDEX_VARIABLE in torch_builds.advice(build, {})
    assert torch_builds.advice(build, {torch_builds.INDEX_VARIABLE: "file:///x"}) == ""


def test_two_unlike_cards_get_the_build_that_serves_both(nvidia_smi) -> None:
    nvidia_smi(answer("580.65.06, 8.9, 24564 MiB", "580.65.06, 6.1, 8192 MiB"))
    assert chosen().folder == "cu126"


def test_of_a_card_too_new_and_one_too_old_for_one_build_the_new_one_counts(nvidia_smi) -> None:
    nvidia_smi(answer("580.65.06, 6.1, 8192 MiB", "580.65.06, 12.0, 32607 MiB"))
    assert chosen().folder == "cu130"


@pytest.mark.parametrize(
    "body",
    [
        "echo 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.'; exit 9",
        "echo 'Field \"compute_cap\" is not a valid field to query.'",
        "printf '\\377\\376garbage\\n'",
        "exit 0",
        "echo '580.65.06, [N/A], 24564 MiB'",
    ],
)
def test_no_usable_answer_means_the_processor_and_says_so(nvidia_smi, body: str) -> None:
    nvidia_smi(body)
    build = chosen()
    assert build.folder == "cpu"
    assert "no usable answer" in build.why


def test_a_silent_nvidia_smi_is_not_waited_for(nvidia_smi) -> None:
    nvidia_smi("exec /bin/sleep 20")
    machine = torch_builds.detect(timeout_seconds=0.2)
    assert "did not answer" in machine.trouble
    assert torch_builds.choose(machine).folder == "cpu"


def test_what_hangs_inside_the_driver_is_left_alone(nvidia_smi, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hanging:
        def __init__(self, *_: object, **__: object) -> None: ...

        def communicate(self, timeout: float | None = None) -> None:
            assert timeout is not None, "would wait for ever"
            raise subprocess.TimeoutExpired("nvidia-smi", timeout)

        def kill(self) -> None: ...

        wait = communicate

    nvidia_smi("exit 0")
    monkeypatch.setattr(torch_builds.subprocess, "Popen", Hanging)
    assert "did not answer" in torch_builds.detect(timeout_seconds=0.2).trouble


def test_an_own_index_is_asked_for_exactly_the_chosen_build() -> None:
    build = torch_builds.choose(Machine("Linux", torch_builds.parse_gpus("570.1, 8.9, 8188 MiB")))
    environment = {torch_builds.INDEX_VARIABLE: "file:///wheels/"}
    assert torch_builds.index_arguments(build, environment) == ["--index-url", "file:///wheels/cu128"]
    assert torch_builds.requirement(build, environment) == "torch==2.13.0+cu128"
    assert torch_builds.requirement(build, {}) == "torch==2.13.0"


def test_the_reason_names_driver_and_card(nvidia_smi) -> None:
    nvidia_smi(answer(ADA.format(driver="570.86")))
    assert "570.86" in chosen().why
    nvidia_smi(answer("580.1, 6.1, 8192 MiB"))
    assert "6.1" in chosen().why


def test_the_fingerprint_follows_driver_cards_and_index(nvidia_smi, tmp_path: Path) -> None:
    proc = tmp_path / "nvidia"
    seen = {torch_builds.fingerprint({}, proc)}
    nvidia_smi("exit 0")
    seen.add(torch_builds.fingerprint({}, proc))
    (proc / "gpus" / "0000:01:00.0").mkdir(parents=True)
    (proc / "version").write_text("NVRM version: 580")
    seen.add(torch_builds.fingerprint({}, proc))
    (proc / "gpus" / "0000:02:00.0").mkdir()
    seen.add(torch_builds.fingerprint({}, proc))
    (proc / "version").write_text("NVRM version: 590")
    seen.add(torch_builds.fingerprint({}, proc))
    seen.add(torch_builds.fingerprint({torch_builds.INDEX_VARIABLE: "file:///x"}, proc))
    assert len(seen) == 6
    assert torch_builds.fingerprint({}, proc) == torch_builds.fingerprint({}, proc)


def test_the_table_ends_with_a_row_for_everybody_and_names_no_host() -> None:
    table = torch_builds.read_table()
    assert table["rows"][-1]["when"] == {}
    assert not re.search(r"https?:", torch_builds.TABLE_PATH.read_text())
