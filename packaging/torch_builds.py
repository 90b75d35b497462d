"""Chooses the PyTorch build for this machine from ``torch_builds.json`` and what ``nvidia-smi`` says.

Standard library only; loaded by path, never as ``packaging.torch_builds`` (a library of that name exists).
The table's first matching row wins. Thresholds: CUDA 13 needs driver 580 and dropped cards before Turing (7.5);
the CUDA 12.6 build has no code for cards after Hopper (9.0).
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

TABLE_PATH = Path(__file__).with_name("torch_builds.json")
INDEX_VARIABLE = "HEARTH_TORCH_INDEX"
QUERY = ("--query-gpu=driver_version,compute_cap,memory.total", "--format=csv,noheader")
WSL_NVIDIA_SMI = "/usr/lib/wsl/lib/nvidia-smi"
_END_SECONDS = 1.0
NVIDIA_PROC = Path("/proc/driver/nvidia")

Number = tuple[int, ...]


class Conditions(TypedDict, total=False):
    """When a row fits; versions as text ("7.5"), each condition optional."""

    system: str
    nvidia: bool
    driver_below: str
    weakest_capability_below: str
    strongest_capability_at_most: str


class Row(TypedDict):
    """One row: conditions, the index folder they lead to, and why, in words for a person."""

    when: Conditions
    folder: str
    why: str


class Table(TypedDict):
    """The file: PyTorch's version, the build that plain pip gives on each system, and the rows in order."""

    torch: str
    plain: dict[str, str]
    rows: list[Row]


@dataclass(frozen=True)
class Gpu:
    """One NVIDIA card as the driver names it: versions as tuples, e.g. driver (580, 65, 6), capability (8, 9)."""

    driver: Number
    capability: Number


@dataclass(frozen=True)
class Machine:
    """What the choice looks at: the system's name, its NVIDIA cards, and a sentence if the driver gave no answer."""

    system: str
    gpus: tuple[Gpu, ...] = ()
    trouble: str = ""


@dataclass(frozen=True)
class TorchBuild:
    """The chosen build: version, index folder (cpu, cu130, ...), the reason, and whether plain pip gives it."""

    version: str
    folder: str
    why: str
    is_plain: bool

    @property
    def wants_cuda(self) -> bool:
        """Whether this build computes on an NVIDIA card."""
        return self.folder.startswith("cu")


def parse_number(text: str) -> Number:
    """Read "580.65.06" as (580, 65, 6); raises ValueError for anything else."""
    return tuple(int(part) for part in text.strip().split("."))


def parse_gpus(answer: str) -> tuple[Gpu, ...]:
    """Read the lines of the query, one card each; raises ValueError for anything that is no such line."""
    gpus = []
    for line in answer.strip().splitlines():
        driver, capability, _memory = line.split(",")
        gpus.append(Gpu(parse_number(driver), parse_number(capability)))
    if not gpus:
        raise ValueError("nvidia-smi named no card")
    return tuple(gpus)


def nvidia_smi_path() -> str | None:
    """Return where nvidia-smi is, or None on a machine without an NVIDIA driver."""
    return shutil.which("nvidia-smi") or shutil.which(WSL_NVIDIA_SMI)


def detect(timeout_seconds: float = 15) -> Machine:
    """Ask the driver for this machine's cards; never raises, a card that can't be asked is told in `trouble`."""
    system = platform.system()
    command = nvidia_smi_path()
    if command is None:
        return Machine(system)
    try:
        return Machine(system, parse_gpus(_output_of([command, *QUERY], timeout_seconds)))
    except subprocess.TimeoutExpired:
        return Machine(system, trouble=f"nvidia-smi did not answer within {timeout_seconds:g} s")
    except (OSError, ValueError, subprocess.CalledProcessError):
        return Machine(system, trouble="nvidia-smi is installed but gave no usable answer")


def _output_of(command: list[str], timeout_seconds: float) -> str:
    """Return what a program prints; raises OSError or SubprocessError if it fails or takes too long."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace")
    try:
        output, _ = child.communicate(timeout=timeout_seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        # What hangs inside a driver can't be ended, nor waited for.
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.communicate(timeout=_END_SECONDS)
        raise
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    return output


def read_table() -> Table:
    """Return the parsed table."""
    table: Table = json.loads(TABLE_PATH.read_text(encoding="utf-8"))
    return table


def matches(when: Conditions, machine: Machine) -> bool:
    """Whether every condition of one row holds."""
    capabilities = [gpu.capability for gpu in machine.gpus]
    checks = (
        "system" not in when or machine.system == when["system"],
        "nvidia" not in when or bool(machine.gpus) == when["nvidia"],
        "driver_below" not in when or machine.gpus[0].driver < parse_number(when["driver_below"]),
        "weakest_capability_below" not in when or min(capabilities) < parse_number(when["weakest_capability_below"]),
        "strongest_capability_at_most" not in when
        or max(capabilities) <= parse_number(when["strongest_capability_at_most"]),
    )
    return all(checks)


def choose(machine: Machine, table: Table | None = None) -> TorchBuild:
    """Return the build for this machine: the table's first row whose conditions all hold."""
    table = table or read_table()
    row = next(row for row in table["rows"] if matches(row["when"], machine))
    plain = _is_plain(row["folder"], table["plain"], machine)
    return TorchBuild(table["torch"], row["folder"], explain(row["why"], machine), plain)


def _is_plain(folder: str, plain: Mapping[str, str], machine: Machine) -> bool:
    """Whether plain pip serves; the CUDA build also computes on the processor, it is only bigger."""
    return folder in ("cpu", plain.get(machine.system))


def explain(why: str, machine: Machine) -> str:
    """Fill a row's reason with the driver and the weakest card, or tell why the driver could not be asked."""
    if machine.trouble:
        return machine.trouble
    if not machine.gpus:
        return why
    weakest = min(gpu.capability for gpu in machine.gpus)
    driver = ".".join(str(part) for part in machine.gpus[0].driver)
    return why.format(driver=driver, weakest=".".join(str(part) for part in weakest))


def index_arguments(build: TorchBuild, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return pip's arguments for an own wheel index, or none: the variable holds the folder above cpu, cu130, ..."""
    base = environment.get(INDEX_VARIABLE, "").strip().rstrip("/")
    if not base or build.folder == "mps":
        return []
    return ["--index-url", f"{base}/{build.folder}"]


def requirement(build: TorchBuild, environment: Mapping[str, str] = os.environ) -> str:
    """Return what to ask pip for; from an own index exactly the chosen build, e.g. torch==2.13.0+cu128."""
    local = f"+{build.folder}" if index_arguments(build, environment) else ""
    return f"torch=={build.version}{local}"


def advice(build: TorchBuild, environment: Mapping[str, str] = os.environ) -> str:
    """Return the sentence for a machine that plain pip does not serve, or an empty string."""
    if build.is_plain or index_arguments(build, environment):
        return ""
    return (
        f"This computer needs PyTorch's {build.folder} build, because {build.why}. Until it is there, answers are "
        f"computed on the processor, which is slower. To get it, set {INDEX_VARIABLE} to the address of PyTorch's "
        "wheel index (packaging/README.md tells how) and run start.py again."
    )


def fingerprint(environment: Mapping[str, str] = os.environ, proc: Path = NVIDIA_PROC) -> str:
    """Return cheap words that change with the driver, the cards or the wanted index, without asking nvidia-smi."""
    parts = [environment.get(INDEX_VARIABLE, "")]
    command = nvidia_smi_path()
    if command:
        parts.append(f"{command} {Path(command).stat().st_mtime_ns}")
    try:
        parts.append((proc / "version").read_text(encoding="utf-8", errors="replace"))
        parts.extend(sorted(entry.name for entry in (proc / "gpus").iterdir()))
    except OSError:
        parts.append("no driver")
    return "\n".join(parts)
