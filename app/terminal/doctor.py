"""`hearth doctor`: what this computer has and where Hearth keeps things; safe to paste into a public bug report."""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from app.conversations.records import new_id
from app.excepthook import scrubbed, versions
from app.models.warmth_words import TIER_NAMES, reason_sentence, use_words
from app.paths import Paths
from app.terminal.engine_session import EngineSession, session_for
from app.terminal.interrupts import Interrupts
from app.terminal.options import EXIT_FAILED, EXIT_OK
from app.terminal.output import Output
from engine.api.commands import DescribeHardware, DescribeWarmth
from engine.api.events import CommandFailed, HardwareDescribed, WarmthDescribed
from engine.api.hardware import Gpu, Hardware
from engine.api.rates import written
from engine.api.warmth import TierUse

_GIB = 2**30
_HOME_VARIABLE = "HEARTH_HOME"

Group = tuple[str, list[str]]
Tiers = tuple[TierUse, ...]


def run(paths: Paths, output: Output, *, as_json: bool) -> int:
    """Print the report and return the exit status: 1 if the engine could not say what this computer has.

    Raises KeyboardInterrupt if it was stopped.
    """
    output.phase("Looking at this computer")
    with session_for(paths) as session, Interrupts() as interrupts:
        terminal = session.run(DescribeHardware(command_id=new_id()), output.progress, interrupts)
        tiers = _tiers(session, output, interrupts) if isinstance(terminal, HardwareDescribed) else ()
    output.clear_progress()
    if interrupts.requested:
        raise KeyboardInterrupt
    hardware = terminal.hardware if isinstance(terminal, HardwareDescribed) else None
    problem = _safe(terminal.error.sentence()) if isinstance(terminal, CommandFailed) else ""
    if as_json:
        output.json(_report(hardware, tiers, problem, paths), indent=2)
    else:
        for line in _lines(hardware, tiers, problem, paths):
            output.line(line)
    if hardware is None:
        output.say(problem or "The engine did not answer.")
        return EXIT_FAILED
    return EXIT_OK


def _tiers(session: EngineSession, output: Output, interrupts: Interrupts) -> Tiers:
    terminal = session.run(DescribeWarmth(command_id=new_id()), output.progress, interrupts)
    return terminal.tiers if isinstance(terminal, WarmthDescribed) else ()


def _report(hardware: Hardware | None, tiers: Tiers, problem: str, paths: Paths) -> dict[str, object]:
    return {
        "versions": versions(),
        "paths": _folders(paths),
        "hardware": _safe_values(msgspec.to_builtins(hardware)),
        "tiers": _safe_values(msgspec.to_builtins(tiers)),
        "problem": problem or None,
    }


def _lines(hardware: Hardware | None, tiers: Tiers, problem: str, paths: Paths) -> list[str]:
    lines = []
    for title, entries in _groups(hardware, tiers, problem, paths):
        lines += [title, *(f"  {_safe(entry)}" for entry in entries), ""]
    return lines[:-1]


def _groups(hardware: Hardware | None, tiers: Tiers, problem: str, paths: Paths) -> Iterator[Group]:
    own = versions()
    if hardware is None:
        yield "This computer", [own["system"], problem]
    else:
        yield "This computer", _computer(hardware)
        yield "Graphics cards", _cards(hardware)
        yield "Kernels (each one was tried)", _kernels(hardware)
        yield "Memory bandwidth (bytes read and written by a copy)", _bandwidths(hardware)
        if tiers:
            yield "Conversations that stay warm", [_tier(use) for use in tiers]
        yield "Engine", [f"{name}: {version}" for name, version in hardware.versions.items()]
    told = {"system", *(hardware.versions if hardware is not None else ())}
    yield "Window and terminal", [f"{name}: {version}" for name, version in own.items() if name not in told]
    yield "Folders", [f"{name}: {folder}" for name, folder in _folders(paths).items()]


def _computer(hardware: Hardware) -> list[str]:
    bf16 = "computes bf16 itself" if hardware.cpu_computes_bf16 else "does not compute bf16 itself"
    return [
        f"system: {hardware.system}",
        f"processor: {hardware.cpu_name}, {_counted(hardware.physical_cores, 'core')}, {bf16}",
        f"instruction sets: {', '.join(hardware.cpu_features)}",
        f"memory: {_gib(hardware.ram_available_bytes)} free of {_gib(hardware.ram_total_bytes)} GiB",
        f"disk: {_gib(hardware.disk_free_bytes)} GiB free",
    ]


def _cards(hardware: Hardware) -> list[str]:
    lines = [_card(gpu) for gpu in hardware.gpus]
    if hardware.has_mps:
        lines.append(f"Apple GPU: shares the memory, may use up to {_gib(hardware.mps_memory_bytes)} GiB of it")
    if not lines:
        lines.append("none that can be used")
    optional = (("problem", hardware.gpu_problem), ("driver", hardware.driver), ("CUDA build", hardware.cuda_build))
    return [*lines, *(f"{name}: {value}" for name, value in optional if value)]


def _card(gpu: Gpu) -> str:
    major, minor = gpu.compute_capability
    return (
        f"{gpu.index}: {gpu.name}, {_gib(gpu.free_bytes)} free of {_gib(gpu.total_bytes)} GiB, "
        f"compute capability {major}.{minor}, {'with' if gpu.supports_bf16 else 'without'} bf16"
    )


def _kernels(hardware: Hardware) -> list[str]:
    lines = [
        f"attention: {', '.join(hardware.attention_kernels) or 'none'}",
        f"quantised weights: {', '.join(hardware.quantization_kernels) or 'none'}",
    ]
    problem = hardware.quantization_problem
    return [*lines, f"what does not work: {problem}"] if problem else lines


def _bandwidths(hardware: Hardware) -> list[str]:
    lines = [f"main memory: {_rate(hardware.ram_bandwidth_bytes_per_second, 'measured')}"]
    if hardware.has_mps:
        lines.append(f"Apple GPU: {_rate(hardware.mps_bandwidth_bytes_per_second, 'measured')}")
    for gpu in hardware.gpus:
        lines.append(f"graphics card {gpu.index}: {_rate(gpu.bandwidth_bytes_per_second, gpu.bandwidth_source)}")
        lines.append(f"main memory to graphics card {gpu.index}: {_rate(gpu.transfer_bytes_per_second, 'measured')}")
    return lines


def _rate(bytes_per_second: float, source: str) -> str:
    if not bytes_per_second:
        return "not known"
    where = "from its data sheet" if source == "data sheet" else source
    return f"{written(bytes_per_second / 1e9, 0)} GB/s, {where}"


def _tier(use: TierUse) -> str:
    return f"{TIER_NAMES[use.tier]}: {use_words(use)}. {reason_sentence(use)}"


def _folders(paths: Paths) -> dict[str, str]:
    return {
        name: _place(path)
        for name, path in (
            ("conversations", paths.database),
            ("settings", paths.settings_file),
            ("cache", paths.cache),
            ("logs", paths.logs),
        )
    }


def _place(path: Path) -> str:
    """Return where a file lies without telling names of folders that are the user's own."""
    shown = _safe(str(path))
    if shown.startswith((_HOME_VARIABLE, "~")):
        return shown
    return str(Path("…", *path.parts[-2:]))


def _safe(text: str) -> str:
    """Return the text without the folder that HEARTH_HOME names, home folders, and access tokens."""
    chosen = os.environ.get(_HOME_VARIABLE, "").strip()
    root = str(Path(chosen).expanduser().absolute()) if chosen else ""
    if len(root) > 1:
        text = text.replace(root, _HOME_VARIABLE)
    return scrubbed(text)


def _safe_values(value: object) -> object:
    if isinstance(value, str):
        return _safe(value)
    if isinstance(value, dict):
        return {key: _safe_values(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_safe_values(each) for each in value]
    return value


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _gib(count_bytes: int) -> str:
    return f"{count_bytes / _GIB:.1f}"
