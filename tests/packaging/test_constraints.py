"""The pins: one list for pip, the same for uv, complete, and without anything of one machine."""

import re
import tomllib
from pathlib import Path

import torch_builds
from virtual_environment import INSTALLERS, STARTER, normalised, read_pins
from virtual_environment import test_tools as read_test_tools  # a name pytest would collect

ROOT = Path(__file__).resolve().parents[2]
PINS = read_pins(ROOT / "packaging" / "constraints.txt")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def direct_names() -> set[str]:
    project = PYPROJECT["project"]
    requirements = [*project["dependencies"], *project["optional-dependencies"]["engine"]]
    requirements += read_test_tools(ROOT / "pyproject.toml")
    return {normalised(re.split(r"[\[<>=!~; ]", requirement)[0]) for requirement in requirements}


def test_uv_has_the_same_pins_as_pip() -> None:
    uv = [entry.split("==") for entry in PYPROJECT["tool"]["uv"]["constraint-dependencies"]]
    assert {normalised(name): version for name, version in uv} == PINS


def test_uv_builds_with_the_pinned_setuptools() -> None:
    assert PYPROJECT["tool"]["uv"]["build-constraint-dependencies"] == [f"setuptools=={PINS['setuptools']}"]


def test_every_direct_dependency_is_pinned() -> None:
    assert direct_names() | {STARTER, *INSTALLERS} <= PINS.keys()


def test_what_is_installed_here_is_pinned() -> None:
    from importlib.metadata import PackageNotFoundError, requires

    unpinned = set()
    for name in PINS:
        try:
            requirements = requires(name) or []
        except PackageNotFoundError:
            continue
        # The starter's requirements are left out on purpose; markers name extras and other systems.
        plain = [requirement for requirement in requirements if ";" not in requirement and name != STARTER]
        unpinned |= {normalised(re.split(r"[\[<>=!~;( ]", requirement)[0]) for requirement in plain} - PINS.keys()
    assert unpinned == set()


def test_torch_is_the_tables_and_has_no_local_version() -> None:
    assert PINS["torch"] == torch_builds.read_table()["torch"]
    assert not [version for version in PINS.values() if "+" in version]


def test_qt_stays_below_the_release_that_leaks() -> None:
    assert "PySide6-Essentials>=6.11.1,<6.12" in PYPROJECT["project"]["dependencies"]
    assert tuple(int(part) for part in PINS["pyside6-essentials"].split(".")) < (6, 12)


def test_no_index_and_no_package_named_packaging() -> None:
    uv = PYPROJECT["tool"]["uv"]
    assert not {"index", "sources", "find-links", "index-url"} & uv.keys()
    assert not (ROOT / "packaging" / "__init__.py").exists()
    assert not (ROOT / "uv.lock").exists() or "uv.lock" in (ROOT / ".gitignore").read_text()
