"""The cap on quantised copies, and who goes first."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.checkpoints import conversion, copy_folders
from engine.checkpoints.conversion import is_temporary

RECORD_BYTES = 600  # more than the record of a copy with one file takes


def writing(size: int) -> Callable[[Path], None]:
    return lambda folder: (folder / "weights").write_bytes(bytes(size)) and None


def names(data: Path) -> set[str]:
    return {folder.name for folder in copy_folders._folders(data / copy_folders.FOLDER_NAME)}


def add(data: Path, name: str, size: int, cap: int | None = None, source: str = "") -> bool:
    return copy_folders.add(data, name, source or name, size + RECORD_BYTES, writing(size), cap)


ACTIONS = st.lists(st.tuples(st.booleans(), st.integers(0, 6), st.integers(1, 6_000)), max_size=25)


@given(ACTIONS, st.integers(0, 12_000))
def test_cap_is_never_exceeded_and_the_longest_unused_goes(actions: list[tuple[bool, int, int]], cap: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        order: list[str] = []  # least recently used first
        sizes: dict[str, int] = {}
        for is_added, number, size in actions:
            name = f"copy-{number}"
            if not is_added or name in order:
                assert (copy_folders.find(data, name) is not None) is (name in order)
                if name in order:
                    order.append(order.pop(order.index(name)))
                continue
            fits = size + RECORD_BYTES <= cap
            assert add(data, name, size, cap) is fits
            while fits and sum(sizes[each] for each in order) + size + RECORD_BYTES > cap:
                order.pop(0)
            if fits:
                order.append(name)
                sizes[name] = copy_folders._bytes_in(data / copy_folders.FOLDER_NAME / name)
            assert names(data) == set(order)
            assert copy_folders.used_bytes(data) == sum(sizes[each] for each in order) <= cap


def test_the_copy_that_was_not_used_for_longest_makes_room(tmp_path: Path) -> None:
    for name in ("first", "second"):
        assert add(tmp_path, name, 3_000, 9_000)
    assert copy_folders.find(tmp_path, "first") is not None
    assert add(tmp_path, "third", 3_000, 9_000)
    assert names(tmp_path) == {"first", "third"}


def test_a_copy_belongs_to_its_original_whatever_that_is_called(tmp_path: Path) -> None:
    for place in ("/models/one", "/models/one as two"):
        assert add(tmp_path, place.replace("/", "-"), 100, source=f"{place} as int4 for bf16")
    assert set(copy_folders.bytes_by_place(tmp_path)) == {"/models/one", "/models/one as two"}
    copy_folders.remove_of(tmp_path, "/models/one")
    assert set(copy_folders.bytes_by_place(tmp_path)) == {"/models/one as two"}


@pytest.mark.skipif(os.name == "nt", reason="no such links without rights")
def test_what_lies_behind_a_link_is_not_hearths_to_clear(tmp_path: Path) -> None:
    assert add(tmp_path / "elsewhere", "copy", 100)
    (tmp_path / "data" / copy_folders.FOLDER_NAME).mkdir(parents=True)
    copy = tmp_path / "elsewhere" / copy_folders.FOLDER_NAME / "copy"
    (tmp_path / "data" / copy_folders.FOLDER_NAME / "link").symlink_to(copy)
    assert copy_folders.clear(tmp_path / "data") == 0
    assert (copy / conversion.RECORD_NAME).exists()


def test_what_another_user_may_be_writing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(process_id: int) -> None:
        raise psutil.AccessDenied(process_id)

    monkeypatch.setattr(psutil, "Process", refuse)
    theirs = tmp_path / copy_folders.FOLDER_NAME / f".converting-{os.getpid()}-0123abcd"
    theirs.mkdir(parents=True)
    assert add(tmp_path, "first", 10)
    assert theirs.is_dir()


def test_a_power_cut_leaves_no_zeros_in_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is in its folder was brought to the disk before the folder got its name."""
    synced: set[int] = set()

    def sync(handle: int) -> None:
        assert names(tmp_path) == set() or all(is_temporary(Path(name)) for name in names(tmp_path))
        synced.add(os.fstat(handle).st_ino)

    monkeypatch.setattr(conversion, "sync_file", sync)
    assert add(tmp_path, "copy", 3_000)
    folder = copy_folders.find(tmp_path, "copy")
    assert folder is not None
    assert {path.stat().st_ino for path in folder.iterdir()} == synced
    assert len(synced) == 2, "weights and record"


def test_copy_that_came_out_larger_than_announced_stays_under_the_cap(tmp_path: Path) -> None:
    assert add(tmp_path, "first", 3_000, 10_000)
    assert not copy_folders.add(tmp_path, "second", "s", 100, writing(20_000), 10_000)
    assert names(tmp_path) == {"first"}
    assert copy_folders.add(tmp_path, "third", "t", 100, writing(8_000), 10_000)
    assert names(tmp_path) == {"third"}


def test_too_large_pushes_nothing_out(tmp_path: Path) -> None:
    assert add(tmp_path, "first", 3_000, 10_000)
    assert not add(tmp_path, "huge", 10_001, 10_000)
    assert names(tmp_path) == {"first"}


def test_older_copy_of_the_same_source_goes(tmp_path: Path) -> None:
    assert add(tmp_path, "old", 10, source="model as int4")
    assert add(tmp_path, "other", 10, source="model as int8")
    assert add(tmp_path, "new", 10, source="model as int4")
    assert names(tmp_path) == {"new", "other"}


def test_failure_while_filling_leaves_nothing(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / "weights").write_bytes(bytes(100))
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        copy_folders.add(tmp_path, "first", "s", 100, fill)
    assert names(tmp_path) == set()


def test_what_is_no_copy_is_swept_away(tmp_path: Path) -> None:
    stray = tmp_path / copy_folders.FOLDER_NAME / "stray"
    stray.mkdir(parents=True)
    (stray / "weights").write_bytes(bytes(5_000))
    assert add(tmp_path, "first", 1_000, 2_000)
    assert names(tmp_path) == {"first"}


def test_disk_is_not_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gib = 2**30
    usage = type(shutil.disk_usage(tmp_path))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(100 * gib, 96 * gib, 4 * gib))
    assert not add(tmp_path, "first", 1_000, 10_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(100 * gib, 90 * gib, 10 * gib))
    assert add(tmp_path, "first", 1_000, 10_000)
    # A small disk can't leave 5 GiB: a tenth of it is left.
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(20 * gib, 17 * gib, 3 * gib))
    assert add(tmp_path, "second", 1_000, 10_000)


def test_default_cap_counts_copies_as_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(shutil.disk_usage(tmp_path))
    assert add(tmp_path, "first", 4_000)
    used = copy_folders.used_bytes(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**6, 10**6 - 8_000, 8_000))
    assert copy_folders.default_cap_bytes(tmp_path) == (8_000 + used) // 4
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(2**42, 0, 2**42))
    assert copy_folders.default_cap_bytes(tmp_path) == 30 * 2**30


def test_clear_spares_what_is_being_written(tmp_path: Path) -> None:
    assert add(tmp_path, "first", 4_000)
    freed: list[int] = []

    def fill(folder: Path) -> None:
        (folder / "weights").write_bytes(bytes(10))
        freed.append(copy_folders.clear(tmp_path))
        assert is_temporary(folder)

    assert copy_folders.add(tmp_path, "second", "s", 10 + RECORD_BYTES, fill)
    assert freed[0] > 4_000
    assert names(tmp_path) == {"second"}
    used = copy_folders.used_bytes(tmp_path)
    assert copy_folders.clear(tmp_path) == used > 0
    assert names(tmp_path) == set()


def test_nothing_there() -> None:
    nowhere = Path("/nonexistent/of/hearth")
    assert copy_folders.used_bytes(nowhere) == copy_folders.clear(nowhere) == 0
    assert copy_folders.find(nowhere, "x") is None


def test_abandoned_folder_of_a_used_process_id_goes(tmp_path: Path) -> None:
    parent = tmp_path / copy_folders.FOLDER_NAME
    old = parent / f".converting-{os.getpid()}-0123abcd"
    old.mkdir(parents=True)
    (old / "weights").write_bytes(bytes(10))
    os.utime(old, (1_000_000_000, 1_000_000_000))  # before this process was started
    assert add(tmp_path, "first", 10)
    assert names(tmp_path) == {"first"}


def test_fingerprint_sees_every_kind_of_difference(tmp_path: Path) -> None:
    file = tmp_path / "file"
    size = 3 * 2**20
    file.write_bytes(bytes(size))
    prints = {copy_folders.fingerprint(file)}
    for place in (0, 8, 200_000, size - 1):
        content = bytearray(size)
        content[place] = 1
        file.write_bytes(content)
        prints.add(copy_folders.fingerprint(file))
    for other in (size - 1, size + 1, 2**18, 2**18 + 1, 1, 0):
        file.write_bytes(bytes(other))
        prints.add(copy_folders.fingerprint(file))
    assert len(prints) == 11
