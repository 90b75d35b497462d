"""start.py itself: which Python it runs on, and what it says or does when that one doesn't suit."""

import ast
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import start

START = Path(start.__file__)


@pytest.mark.parametrize(
    ("version", "bits", "suitable"),
    [((3, 10), 64, False), ((3, 11), 64, True), ((3, 13), 64, True), ((3, 14), 64, False), ((3, 12), 32, False)],
)
def test_suitable_pythons(version: tuple[int, int], bits: int, suitable: bool) -> None:
    assert start.is_suitable(version, bits) is suitable


def test_a_real_python_is_probed() -> None:
    assert start.probe([sys.executable]) == (sys.version_info[:2], 64, sys.executable)


@pytest.mark.parametrize("body", ["exit 1", "echo nonsense", "printf '\\377'"])
def test_a_stand_in_that_does_not_run_is_passed_over(tmp_path: Path, body: str) -> None:
    assert start.probe([script(tmp_path / "python3.12", body)]) is None


def test_a_python_that_is_not_there() -> None:
    assert start.probe([str(START.parent / "absent")]) is None


def script(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(stat.S_IRWXU)
    return str(path)


@pytest.fixture
def only_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_the_newest_suitable_python_on_path(only_path: Path) -> None:
    script(only_path / "python3.13", "exit 127")
    script(only_path / "python3.12", "echo 3 12 64 /somewhere/python3.12")
    script(only_path / "python3.11", "echo 3 11 64 /somewhere/python3.11")
    assert start.suitable_python() == "/somewhere/python3.12"


def test_a_name_that_lies_about_its_version(only_path: Path) -> None:
    script(only_path / "python3.11", "echo 3 10 64 /somewhere/python3.10")
    assert start.suitable_python() is None


def test_the_sentence_for_an_old_python(
    only_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    assert start.main([]) == 1
    assert "3.11, 3.12 or 3.13" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="replaces the process")
def test_an_old_python_hands_over_to_a_suitable_one(only_path: Path) -> None:
    script(only_path / "python3.12", f'case $1 in -c) echo 3 12 64 {only_path}/python3.12;; *) echo "$@";; esac')
    code = f"import sys; sys.path.insert(0, {str(START.parent)!r}); import start; sys.version_info = (3, 10, 4)\n"
    code += "start.main(['ask', 'two words'])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == f"{START} ask two words\n"


@pytest.mark.parametrize(
    ("system", "machine", "runs"),
    [
        ("linux", "x86_64", True),
        ("linux", "aarch64", True),
        ("darwin", "arm64", True),
        ("win32", "AMD64", True),
        ("darwin", "x86_64", False),
        ("win32", "ARM64", False),
    ],
)
def test_machines_without_pytorch_are_told(system: str, machine: str, runs: bool) -> None:
    assert (start.unsupported_machine(system, machine) == "") is runs


def test_old_pythons_can_read_this_file() -> None:
    ast.parse(START.read_text(), feature_version=(3, 7))
    # Annotations are evaluated by old Pythons, and they don't know `tuple[int, ...]` or `str | None`.
    for node in ast.walk(ast.parse(START.read_text())):
        if isinstance(node, ast.FunctionDef):
            for annotation in [node.returns, *(argument.annotation for argument in node.args.args)]:
                assert isinstance(annotation, ast.Name | ast.Constant)


def test_its_own_usage() -> None:
    answer = subprocess.run([sys.executable, str(START), "--help"], capture_output=True, text=True, check=True)
    assert answer.stdout.startswith("usage: python3 start.py")
