"""Main memory as this process may use it: what the machine has, less what a container or a limit takes away."""

import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_PROC_SELF = Path("/proc/self")
_V2_LIMITS = ("memory.max", "memory.high")
_V2_RECLAIMABLE = ("active_file", "inactive_file", "slab_reclaimable")
_V1_LIMITS = ("memory.limit_in_bytes",)  # not the soft one: it binds only while the host is short of memory
_V1_RECLAIMABLE = ("total_active_file", "total_inactive_file")


@dataclass(frozen=True)
class Ram:
    """Bytes of main memory: all that this process could ever have, and what it could have now without swapping."""

    total_bytes: int
    available_bytes: int


def read_ram() -> Ram:
    """Return the memory that counts here: the least of the machine's, the control groups' and the process's limit."""
    memory = psutil.virtual_memory()
    return _least(Ram(int(memory.total), int(memory.available)), *_group_limits(_PROC_SELF), *_address_space())


def _least(*found: Ram) -> Ram:
    total = min(each.total_bytes for each in found)
    return Ram(total, max(0, min(total, *(each.available_bytes for each in found))))


def _group_limits(proc_self: Path) -> Iterator[Ram]:
    """Yield one value for each control group (version 2 or 1) around this process that limits memory."""
    for folder, mount, is_v2 in _groups(proc_self):
        for each in (folder, *folder.parents):
            if limit := _limit_of(each, is_v2):
                yield limit
            if each == mount:
                break


def _groups(proc_self: Path) -> Iterator[tuple[Path, Path, bool]]:
    """Yield (the group's folder, where its hierarchy is mounted, whether it is version 2)."""
    paths = _group_paths(proc_self / "cgroup")
    for line in _lines(proc_self / "mountinfo"):
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or len(kind) < 3 or kind[0] not in ("cgroup", "cgroup2"):
            continue
        is_v2 = kind[0] == "cgroup2"
        if not is_v2 and "memory" not in kind[2].split(","):
            continue
        path = paths.get("" if is_v2 else "memory")
        if path is not None:
            mount = Path(_unescaped(fields[4]))
            yield _below(mount, _unescaped(fields[3]), path), mount, is_v2


def _group_paths(listing: Path) -> dict[str, str]:
    """Return controller to path; version 2 stands under the empty name."""
    paths = {}
    for line in _lines(listing):
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for controller in controllers.split(","):
            paths[controller] = path
    return paths


def _below(mount: Path, root: str, path: str) -> Path:
    """Return the group's folder; the mount itself where a container sees another part of the tree than its own path."""
    relative = path.removeprefix(root.rstrip("/")) if path.startswith(root) else ""
    parts = [part for part in relative.split("/") if part]
    folder = mount.joinpath(*parts)
    return mount if ".." in parts or not folder.is_dir() else folder


def _limit_of(folder: Path, is_v2: bool) -> Ram | None:
    limits = [_number(folder / name) for name in (_V2_LIMITS if is_v2 else _V1_LIMITS)]
    given = [limit for limit in limits if limit is not None]
    if not given:
        return None
    used = _number(folder / ("memory.current" if is_v2 else "memory.usage_in_bytes")) or 0
    statistics = dict(line.partition(" ")[::2] for line in _lines(folder / "memory.stat"))
    names = _V2_RECLAIMABLE if is_v2 else _V1_RECLAIMABLE
    reclaimable = sum(int(value) for name in names if (value := statistics.get(name, "")).isdigit())
    return Ram(min(given), min(given) - max(0, used - reclaimable))


def _address_space() -> list[Ram]:
    """Return what `ulimit -v` leaves, if it is set: an allocation beyond it fails whatever memory is free."""
    if sys.platform != "win32":
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            with suppress(psutil.Error):
                return [Ram(int(limit), int(limit) - int(psutil.Process().memory_info().vms))]
    return []


def _number(file: Path) -> int | None:
    """Return the number in the file; None for `max`, no number or no file."""
    text = next(iter(_lines(file)), "").strip()
    return int(text) if text.isdigit() else None


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _unescaped(field: str) -> str:
    """Return a field of mountinfo with its octal escapes (a space is \\040) undone."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)
