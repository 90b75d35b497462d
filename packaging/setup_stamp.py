"""Tells cheaply whether the environment in ``.venv`` is whole and up to date.

Owns two files in the environment: the stamp, written last and removed first, and the mark of unfinished work, there
while installed files are being changed. Judging needs no child process: it has to fit into every start.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path

HASHED = ("pyproject.toml", "packaging/constraints.txt", "packaging/torch_builds.json")


class Condition(Enum):
    """What has to happen before the app can start."""

    READY = "nothing"
    OUTDATED = "pip adds or replaces what changed"
    UNUSABLE = "the environment is made anew"


@dataclass(frozen=True)
class Stamp:
    """What the last complete set-up made; `packages` maps top-level names in site-packages to their entry counts."""

    requirements: str
    python: str
    machine: str
    torch_build: str
    with_tests: bool
    packages: dict[str, int]


@dataclass(frozen=True)
class Wanted:
    """What a set-up would make now."""

    requirements: str
    machine: str
    with_tests: bool


@dataclass(frozen=True)
class Layout:
    """Where things are in an environment folder."""

    folder: Path

    @property
    def stamp(self) -> Path:
        """The stamp of the last complete set-up."""
        return self.folder / "hearth-setup.json"

    @property
    def unfinished(self) -> Path:
        """There while installed files are being changed; found at a start, it means that a set-up was killed."""
        return self.folder / "hearth-setup-unfinished"

    @property
    def lock(self) -> Path:
        """Held by the process that sets up."""
        return self.folder / ".hearth-setup-lock"

    @property
    def log(self) -> Path:
        """All output of the set-up's commands."""
        return self.folder / "hearth-setup.log"

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def site_packages(self) -> Path | None:
        """The one folder of installed packages, or None in a half-made environment."""
        pattern = "Lib/site-packages" if os.name == "nt" else "lib/python3.*/site-packages"
        found = list(self.folder.glob(pattern))
        return found[0] if len(found) == 1 else None


def requirements_hash(root: Path) -> str:
    """Return a hash of every file that decides what is installed, and of the folder (an editable install names it)."""
    digest = hashlib.sha256(str(root).encode(errors="surrogateescape"))
    for name in HASHED:
        content = (root / name).read_bytes()
        digest.update(f"\n{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def python_fingerprint(layout: Layout) -> str:
    """Return words that change when the system replaces the interpreter behind the environment; OSError if gone."""
    real = layout.python.resolve(strict=True)
    status = real.stat()
    return f"{real} {status.st_size} {status.st_mtime_ns}"


def count_packages(site_packages: Path) -> dict[str, int]:
    """Map each installed package, module and metadata folder to how many entries it holds (0 for files)."""
    counts = {}
    with os.scandir(site_packages) as entries:
        for entry in entries:
            if entry.name != "__pycache__" and not entry.name.endswith(".pyc"):
                counts[entry.name] = _count(entry)
    return counts


def _count(entry: os.DirEntry[str]) -> int:
    # Metadata is told by its name alone: installers keep different files in it.
    if not entry.is_dir() or entry.name.endswith(".dist-info"):
        return 0
    return sum(name != "__pycache__" for name in os.listdir(entry.path))  # noqa: PTH208


def read(layout: Layout) -> Stamp | None:
    """Return the stamp, or None if there is none that can be read."""
    try:
        return Stamp(**json.loads(layout.stamp.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write(layout: Layout, wanted: Wanted, torch_build: str) -> None:
    """Record a complete set-up; the file appears whole or not at all."""
    site_packages = layout.site_packages()
    assert site_packages is not None, "a complete set-up has installed packages"
    stamp = Stamp(
        wanted.requirements,
        python_fingerprint(layout),
        wanted.machine,
        torch_build,
        wanted.with_tests,
        count_packages(site_packages),
    )
    partial = layout.stamp.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(stamp), indent=1, sort_keys=True), encoding="utf-8")
    partial.replace(layout.stamp)


def judge(layout: Layout, wanted: Wanted) -> tuple[Condition, str]:
    """Return what has to happen, and why in words."""
    site_packages = layout.site_packages()
    try:
        python = python_fingerprint(layout)
    except OSError:
        python = ""
    if not python or site_packages is None:
        return Condition.UNUSABLE, "Hearth is not set up yet"
    if layout.unfinished.exists():
        return Condition.UNUSABLE, "The last set-up was interrupted"
    stamp = read(layout)
    if stamp is None:
        return Condition.OUTDATED, "The set-up is not complete"
    damage = _damage(stamp.packages, count_packages(site_packages))
    if damage:
        return damage
    return _age(stamp, wanted, python)


def _damage(recorded: dict[str, int], present: dict[str, int]) -> tuple[Condition, str] | None:
    lost = [name for name, count in recorded.items() if present.get(name, -1) < count]
    packages = [name for name in lost if not name.endswith(".dist-info")]
    if packages:
        return Condition.UNUSABLE, f"Installed files are missing ({_few(packages)})"
    if lost:
        return Condition.OUTDATED, f"Other versions were installed ({_few(lost)})"
    return None


def _few(names: Iterable[str]) -> str:
    names = sorted(names)
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _age(stamp: Stamp, wanted: Wanted, python: str) -> tuple[Condition, str]:
    if stamp.python != python:
        return Condition.OUTDATED, "Python was updated"
    if stamp.requirements != wanted.requirements:
        return Condition.OUTDATED, "Hearth was updated"
    if stamp.machine != wanted.machine:
        return Condition.OUTDATED, "The graphics card, its driver or the wanted PyTorch changed"
    if wanted.with_tests and not stamp.with_tests:
        return Condition.OUTDATED, "The test tools are not installed yet"
    return Condition.READY, ""
