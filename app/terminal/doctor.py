"""`hearth doctor`: what this computer has and where Hearth keeps things; safe to paste into a public bug report."""

from pathlib import Path

import msgspec

from app.conversations.records import new_id
from app.excepthook import scrubbed, versions
from app.paths import Paths
from app.terminal.engine_session import EngineSession
from app.terminal.interrupts import Interrupts
from app.terminal.options import EXIT_FAILED, EXIT_OK
from app.terminal.output import Output
from app.worker.engine_process import engine_command
from engine.api.commands import DescribeHardware
from engine.api.events import CommandFailed, HardwareDescribed
from engine.api.hardware import Gpu, Hardware

_GIB = 2**30


def run(paths: Paths, output: Output, *, as_json: bool) -> int:
    """Print the report and return the exit status: 1 if the engine could not say what this computer has.

    Raises KeyboardInterrupt if it was stopped.
    """
    output.phase("Looking at this computer")
    with EngineSession(engine_command(paths.data), paths.engine_log) as session, Interrupts() as interrupts:
        terminal = session.run(DescribeHardware(command_id=new_id()), output.progress, interrupts)
    output.clear_progress()
    if interrupts.requested:
        raise KeyboardInterrupt
    hardware = terminal.hardware if isinstance(terminal, HardwareDescribed) else None
    problem = terminal.error.sentence() if isinstance(terminal, CommandFailed) else ""
    if as_json:
        output.json(_report(hardware, problem, paths), indent=2)
    else:
        for line in _lines(hardware, problem, paths):
            output.line(line)
    if hardware is None:
        output.say(problem or "The engine did not answer.")
        return EXIT_FAILED
    return EXIT_OK


def _report(hardware: Hardware | None, problem: str, paths: Paths) -> dict[str, object]:
    return {
        "versions": versions(),
        "paths": _folders(paths),
        "hardware": msgspec.to_builtins(hardware),
        "problem": problem or None,
    }


def _folders(paths: Paths) -> dict[str, str]:
    return {
        name: _shortened(path)
        for name, path in (
            ("conversations", paths.database),
            ("settings", paths.settings_file),
            ("cache", paths.cache),
            ("logs", paths.logs),
        )
    }


def _shortened(path: Path) -> str:
    return scrubbed(str(path))


def _lines(hardware: Hardware | None, problem: str, paths: Paths) -> list[str]:
    lines = ["Versions"]
    lines += [f"  {name}: {version}" for name, version in versions().items()]
    lines += ["", "Folders"]
    lines += [f"  {name}: {folder}" for name, folder in _folders(paths).items()]
    lines += ["", "This computer"]
    if hardware is None:
        return [*lines, f"  {problem}"]
    lines += [
        f"  system: {hardware.system}",
        f"  processor: {hardware.cpu_name}, {hardware.physical_cores} cores, {', '.join(hardware.cpu_features)}",
        f"  memory: {_gib(hardware.ram_available_bytes)} free of {_gib(hardware.ram_total_bytes)} GiB",
        f"  disk: {_gib(hardware.disk_free_bytes)} GiB free",
    ]
    lines += [_gpu_line(gpu) for gpu in hardware.gpus]
    if not hardware.gpus:
        lines.append(f"  graphics card: none that can be used. {hardware.gpu_problem}".rstrip())
    optional = (("driver", hardware.driver), ("CUDA build", hardware.cuda_build))
    lines += [f"  {name}: {value}" for name, value in optional if value]
    lines.append(f"  attention: {', '.join(hardware.attention_kernels)}")
    lines += ["", "Engine"]
    return [*lines, *(f"  {name}: {version}" for name, version in hardware.versions.items())]


def _gpu_line(gpu: Gpu) -> str:
    major, minor = gpu.compute_capability
    return (
        f"  graphics card {gpu.index}: {gpu.name}, {_gib(gpu.free_bytes)} free of {_gib(gpu.total_bytes)} GiB, "
        f"compute capability {major}.{minor}, {'with' if gpu.supports_bf16 else 'without'} bf16"
    )


def _gib(count_bytes: int) -> str:
    return f"{count_bytes / _GIB:.1f}"
