"""Memory is what this process may use: control groups of both versions and `ulimit -v` count."""

import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import psutil
import pytest

from engine.hardware import ram
from engine.hardware.ram import Ram, read_ram

GIB = 2**30


def write(folder: Path, **files: str | int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n", encoding="utf-8")


def limits(tmp_path: Path, groups: str, *mounts: str) -> list[Ram]:
    proc = tmp_path / "proc"
    write(proc, cgroup=groups, mountinfo="\n".join(mounts))
    return list(ram._group_limits(proc))


def v2_mount(folder: Path) -> str:
    return f"29 23 0:26 / {str(folder).replace(' ', chr(92) + '040')} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"


def v1_mount(folder: Path, root: str = "/", controllers: str = "memory") -> str:
    return f"35 31 0:32 {root} {folder} rw,relatime shared:9 - cgroup cgroup rw,{controllers}"


def test_a_machine_without_limits(tmp_path: Path) -> None:
    assert list(ram._group_limits(tmp_path / "no proc")) == []
    memory = psutil.virtual_memory()
    assert 0 < read_ram().available_bytes <= read_ram().total_bytes <= memory.total


def test_a_container_sees_its_group_as_the_root(tmp_path: Path) -> None:
    group = tmp_path / "cgroup"
    statistics = f"anon 5\ninactive_file {GIB}\nactive_file {GIB // 2}\nslab_reclaimable 1024"
    write(group, memory__max=8 * GIB, memory__current=3 * GIB, memory__stat=statistics)
    found = limits(tmp_path, "0::/", v2_mount(group))
    assert found == [Ram(8 * GIB, 8 * GIB - 3 * GIB + GIB + GIB // 2 + 1024)]


def test_no_limit_is_none(tmp_path: Path) -> None:
    group = tmp_path / "cgroup"
    write(group, memory__max="max", memory__current=3 * GIB)
    assert limits(tmp_path, "0::/", v2_mount(group)) == []


def test_the_high_mark_counts_as_a_limit(tmp_path: Path) -> None:
    group = tmp_path / "cgroup"
    write(group, memory__max="max", memory__high=2 * GIB, memory__current=GIB)
    assert limits(tmp_path, "0::/", v2_mount(group)) == [Ram(2 * GIB, GIB)]


def test_groups_above_limit_too(tmp_path: Path) -> None:
    mount = tmp_path / "a folder"
    write(mount / "user.slice", memory__max=4 * GIB, memory__current=3 * GIB)
    write(mount / "user.slice" / "hearth.scope", memory__max=6 * GIB, memory__current=GIB)
    found = limits(tmp_path, "0::/user.slice/hearth.scope", v2_mount(mount))
    assert found == [Ram(6 * GIB, 5 * GIB), Ram(4 * GIB, GIB)]


def test_version_1_beside_version_2_without_memory(tmp_path: Path) -> None:
    v1, v2, other = tmp_path / "memory", tmp_path / "unified", tmp_path / "cpu"
    for folder in (v2, other):
        write(folder, memory__limit_in_bytes=1)
    write(
        v1,
        memory__limit_in_bytes=9223372036854771712,
        memory__usage_in_bytes=0,
    )
    write(
        v1 / "box",
        memory__limit_in_bytes=2 * GIB,
        memory__usage_in_bytes=GIB,
        memory__stat=f"inactive_file 7\ntotal_inactive_file {GIB // 4}\ntotal_active_file {GIB // 4}",
    )
    groups = "4:memory:/box\n1:cpu,cpuacct:/\n0::/"
    found = limits(tmp_path, groups, v2_mount(v2), v1_mount(other, controllers="cpu,cpuacct"), v1_mount(v1))
    assert found[0] == Ram(2 * GIB, GIB + GIB // 2)
    assert len(found) == 2
    assert found[1].total_bytes > 2**60


def test_a_container_whose_mount_shows_only_its_part(tmp_path: Path) -> None:
    group = tmp_path / "memory"
    write(group, memory__limit_in_bytes=GIB, memory__usage_in_bytes=0)
    assert limits(tmp_path, "4:memory:/docker/abc", v1_mount(group, root="/docker/abc")) == [Ram(GIB, GIB)]


@pytest.mark.parametrize("path", ["/../../elsewhere", "/gone", "relative"])
def test_a_path_that_is_not_below_the_mount_means_the_mount(tmp_path: Path, path: str) -> None:
    group = tmp_path / "cgroup"
    write(group, memory__max=GIB, memory__current=0)
    assert limits(tmp_path, f"0::{path}", v2_mount(group)) == [Ram(GIB, GIB)]


def test_nonsense_is_no_limit(tmp_path: Path) -> None:
    group = tmp_path / "cgroup"
    write(group, memory__max="-5 bananas", memory__stat="\n\ninactive_file\n")
    assert limits(tmp_path, "garbage\n0::/", "", "29 23", v2_mount(group), "a - b") == []


def test_the_least_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = namedtuple("Machine", "total available")
    monkeypatch.setattr(ram.psutil, "virtual_memory", lambda: machine(64 * GIB, 20 * GIB))
    monkeypatch.setattr(ram, "_group_limits", lambda _: iter([Ram(32 * GIB, 30 * GIB), Ram(40 * GIB, 10 * GIB)]))
    monkeypatch.setattr(ram, "_address_space", lambda: iter(()))
    assert read_ram() == Ram(32 * GIB, 10 * GIB)
    monkeypatch.setattr(ram, "_group_limits", lambda _: iter([Ram(GIB, -5)]))
    assert read_ram() == Ram(GIB, 0)


@pytest.mark.skipif(sys.platform == "win32", reason="no address space limit there")
def test_a_limit_of_the_address_space() -> None:
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (2 * 2**30, 2 * 2**30))\n"
        "from engine.hardware.ram import read_ram\n"
        "found = read_ram()\n"
        "print(found.total_bytes, found.available_bytes)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=180, check=True)
    total, available = (int(number) for number in done.stdout.split())
    assert total == 2 * GIB
    assert 0 < available < 2 * GIB
