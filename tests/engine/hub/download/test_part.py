"""The part of a file that is there: kept over crashes, believed only as far as it can be."""

import array
import os
from pathlib import Path

import pytest
from huggingface_hub import scan_cache_dir

from engine.hub.download import part as part_module
from engine.hub.download.part import UNIT_BYTES, Part, PartClosed, part_files, present_bytes

DIGEST = "ab" * 32
SIZE = 2 * UNIT_BYTES + 700


CONTENT = bytes(range(1, 251)) * (SIZE // 250 + 1)


class Disk:
    """What was brought to the disk of the files in a folder: a power cut leaves their lengths, and no other byte."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[int, bytes] = {}

    def sync(self, handle: int) -> None:
        number = os.fstat(handle).st_ino
        (path,) = [path for path in self._folder.iterdir() if path.stat().st_ino == number]
        self._kept[number] = path.read_bytes()

    def cut_power(self) -> None:
        for path in self._folder.iterdir():
            status = path.stat()
            path.write_bytes(self._kept.get(status.st_ino, b"").ljust(status.st_size, b"\0"))


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk(tmp_path)
    monkeypatch.setattr(part_module, "sync_file", disk.sync)
    return disk


def reopened(folder: Path, size: int = SIZE) -> list[int]:
    part = Part(folder, DIGEST, size)
    part.close()
    return list(part.written)


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    part = Part(tmp_path, DIGEST, SIZE)
    part.write(0, b"a" * 100)
    part.write(100, b"b" * 50)
    part.write(UNIT_BYTES, b"c" * UNIT_BYTES + b"d" * 20)
    part.close()
    return tmp_path


def test_bytes_and_counts_stay(begun: Path) -> None:
    assert reopened(begun) == [150, UNIT_BYTES, 20]
    assert present_bytes(begun, DIGEST, SIZE) == 170 + UNIT_BYTES
    data = (begun / f"{DIGEST}.hearth.incomplete").read_bytes()
    assert data[:151] == b"a" * 100 + b"b" * 50 + b"\0"
    assert data[UNIT_BYTES:] == b"c" * UNIT_BYTES + b"d" * 20


def test_bytes_may_only_follow_each_other(begun: Path) -> None:
    part = Part(begun, DIGEST, SIZE)
    with pytest.raises(ValueError):
        part.write(151, b"x")
    part.close()
    assert reopened(begun) == [150, UNIT_BYTES, 20]


def test_what_comes_again_changes_nothing(begun: Path) -> None:
    part = Part(begun, DIGEST, SIZE)
    assert part.write(0, b"z" * 100) == 0
    assert part.write(100, b"z" * 60) == 10
    part.close()
    assert reopened(begun) == [160, UNIT_BYTES, 20]
    assert (begun / f"{DIGEST}.hearth.incomplete").read_bytes()[:161] == b"a" * 100 + b"b" * 50 + b"z" * 10 + b"\0"


def test_who_comes_back_late_touches_no_file(begun: Path) -> None:
    part = Part(begun, DIGEST, SIZE)
    part.close()
    late = (lambda: part.write(150, b"x"), lambda: part.read_into(memoryview(bytearray(9)), 0), part.sync)
    for come_back in late:
        with pytest.raises(PartClosed):
            come_back()


def test_a_part_is_closed_behind_the_last_who_is_in_it(begun: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part, write_at, handles = Part(begun, DIGEST, SIZE), part_module._write_at, []

    def closed_meanwhile(handle: int, block: bytes, offset: int) -> None:
        part.close()
        write_at(handle, block, offset)
        handles.append(handle)

    monkeypatch.setattr(part_module, "_write_at", closed_meanwhile)
    part.write(150, b"x")
    assert len(set(handles)) == 2
    for handle in handles:
        with pytest.raises(OSError, match="descriptor"):
            os.fstat(handle)
    assert reopened(begun) == [151, UNIT_BYTES, 20]


def test_after_a_power_cut_only_what_was_synced_counts(begun: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = Part(begun, DIGEST, SIZE)
    part.sync()
    assert part.unsynced_bytes == 0
    part.write(150, b"e" * 1000)
    assert part.unsynced_bytes == 1000
    part.close()
    monkeypatch.setattr(part_module, "boot_id", lambda: "another start")
    assert present_bytes(begun, DIGEST, SIZE) == 170 + UNIT_BYTES
    assert reopened(begun) == [150, UNIT_BYTES, 20]


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_power_cut_takes_no_byte_that_is_counted(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_killed: bool
) -> None:
    part = Part(tmp_path, DIGEST, SIZE)
    part.write(0, CONTENT[: UNIT_BYTES + 100])
    if is_killed:
        part.close()
        part = Part(tmp_path, DIGEST, SIZE)  # of the next process, which counts them as safe
    else:
        part.sync()
    part.write(UNIT_BYTES + 100, CONTENT[UNIT_BYTES + 100 : UNIT_BYTES + 200])
    part.close()
    disk.cut_power()
    monkeypatch.setattr(part_module, "boot_id", lambda: "another start")
    assert reopened(tmp_path) == [UNIT_BYTES, 100, 0]
    data = (tmp_path / f"{DIGEST}.hearth.incomplete").read_bytes()
    assert data[: UNIT_BYTES + 100] == CONTENT[: UNIT_BYTES + 100]


def test_what_arrives_while_the_disk_is_waited_for_is_not_counted_as_safe(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = Part(tmp_path, DIGEST, SIZE)
    part.write(0, CONTENT[:100])

    def sync(handle: int) -> None:
        disk.sync(handle)
        if part.written[0] == 100:
            part.write(100, CONTENT[100:200])

    monkeypatch.setattr(part_module, "sync_file", sync)
    part.sync()
    assert part.unsynced_bytes == 100
    part.close()
    disk.cut_power()
    monkeypatch.setattr(part_module, "boot_id", lambda: "another start")
    assert reopened(tmp_path) == [100, 0, 0]


@pytest.mark.parametrize("harm", ["record gone", "bytes gone", "header", "counter", "half", "size"])
def test_what_cannot_be_believed_is_begun_anew(begun: Path, harm: str) -> None:
    record, data = begun / f"{DIGEST}.hearth-record.incomplete", begun / f"{DIGEST}.hearth.incomplete"
    content = bytearray(record.read_bytes())
    if harm == "record gone":
        record.unlink()
    elif harm == "bytes gone":
        data.unlink()
    elif harm == "header":
        content[30] ^= 1
        record.write_bytes(content)
    elif harm == "counter":
        content[60:64] = array.array("I", [UNIT_BYTES + 1]).tobytes()
        record.write_bytes(content)
    elif harm == "half":
        record.write_bytes(content[:-3])
    assert reopened(begun, SIZE + (harm == "size")) == [0, 0, 0]
    assert data.stat().st_size == 0


@pytest.mark.parametrize(("length", "left"), [(UNIT_BYTES + 5, [150, 5, 0]), (60, [60, 0, 0]), (0, [0, 0, 0])])
def test_what_is_before_a_cut_stays(begun: Path, length: int, left: list[int]) -> None:
    os.truncate(begun / f"{DIGEST}.hearth.incomplete", length)
    assert present_bytes(begun, DIGEST, SIZE) == sum(left)
    assert reopened(begun) == left


def test_finished_part_is_a_blob(begun: Path) -> None:
    part = Part(begun, DIGEST, SIZE)
    part.finish(begun / DIGEST)
    assert [path.name for path in begun.iterdir()] == [DIGEST]


def test_a_power_cut_leaves_a_blob_whole(disk: Disk, tmp_path: Path) -> None:
    part = Part(tmp_path, DIGEST, SIZE)
    part.write(0, CONTENT[:SIZE])
    part.finish(tmp_path / DIGEST)
    disk.cut_power()
    assert (tmp_path / DIGEST).read_bytes() == CONTENT[:SIZE]


def test_official_client_counts_it_as_incomplete(tmp_path: Path) -> None:
    folder = tmp_path / "models--a--b"
    (folder / "snapshots").mkdir(parents=True)
    part = Part(folder / "blobs", DIGEST, SIZE)
    part.close()
    found = scan_cache_dir(tmp_path)
    assert {each.file_path for each in found.incomplete_files} == set(part_files(folder / "blobs"))
    assert len(found.incomplete_files) == 2
    assert found.warnings == []
