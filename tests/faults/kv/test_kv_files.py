"""One stored file with every byte damaged: it is told from a good one, or nothing of what it says has changed."""

import json
import os
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from engine.api.warmth import Tier
from engine.kv.disk import folder as disk_folder
from engine.kv.disk import item_files
from engine.kv.disk.item_files import DamagedError, Header
from engine.kv.disk.tier import DiskTier
from engine.kv.foreign_layers import UnstorableError, take_apart
from engine.kv.layout import Layout
from engine.kv.memory_tier import Buffer
from engine.kv.rates import Rates, last_reason
from engine.kv.tree import Item, ItemKind, KvTree, key_of
from tests.faults.kv.folders import a_folder, a_pipe

FINGERPRINT = "f" * 64
SECRET_IDS = list(range(300_000_001, 300_000_013))
LAYOUT = Layout.of([("0", torch.float32, (2, 3)), ("1", torch.bfloat16, (1, 0, 4)), ("2", torch.bool, ())])


@pytest.fixture
def item() -> Item:
    root = KvTree().root("all")
    ids = np.asarray(SECRET_IDS, dtype=np.int64)
    return Item(ItemKind.STATE, root, ids, LAYOUT, key_of(ItemKind.STATE, root.key, ids), 4, '[[0, "window", [0, 1]]]')


@pytest.fixture
def path(tmp_path: Path, item: Item) -> Path:
    path = tmp_path / f"{item.key}{item_files.SUFFIX}"
    item_files.write(path, item, "all", FINGERPRINT, torch.arange(LAYOUT.size_bytes, dtype=torch.uint8))
    return path


def read(path: Path) -> tuple[Header, bytes]:
    header = item_files.read_header(path, FINGERPRINT)
    data = torch.empty(header.layout.size_bytes, dtype=torch.uint8)
    item_files.read_data(path, header, data)
    return header, data.numpy().tobytes()


def seems_good(path: Path, good: tuple[Header, bytes]) -> bool:
    """Return False if it is damaged; a file that is read must say what was written."""
    try:
        header, data = read(path)
    except DamagedError as error:
        told = str(error)
    else:
        assert (header.metadata, data) == (good[0].metadata, good[1])
        assert header.layout == good[0].layout
        return True
    assert len(told) < 100
    assert not any(str(number) in told for number in SECRET_IDS)
    return False


def test_a_change_of_any_byte_is_found(path: Path) -> None:
    good, content = read(path), path.read_bytes()
    undetected = 0
    for place, byte in enumerate(content):
        changed = (byte ^ 1, byte ^ 0x80, ord("9") ^ (byte == ord("9")), ord("]") ^ (byte == ord("]")))[place % 4]
        path.write_bytes(content[:place] + bytes([changed]) + content[place + 1 :])
        undetected += seems_good(path, good)
    assert undetected < 10, "only white space of the header may change"


def test_a_file_cut_or_grown_anywhere_is_found(path: Path) -> None:
    good, content = read(path), path.read_bytes()
    for length in (*range(0, len(content), 3), len(content) - 1):
        path.write_bytes(content[:length])
        assert not seems_good(path, good)
    path.write_bytes(content + b"\0")
    assert not seems_good(path, good)


def with_header(path: Path, change: Callable[[dict], object]) -> None:
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    header = change(header) or header
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


def with_metadata(path: Path, **changes: object) -> None:
    def change(header: dict) -> None:
        metadata = json.loads(header["__metadata__"]["hearth"]) | changes
        header["__metadata__"]["hearth"] = json.dumps(metadata)

    with_header(path, change)


CRAFTED: dict[str, Callable[[Path], object]] = {
    "no object": lambda path: with_header(path, lambda header: [1, 2]),
    "a number": lambda path: with_header(path, lambda header: 5),
    "a text": lambda path: with_header(path, lambda header: "text"),
    "no metadata": lambda path: with_header(path, lambda header: {"a": 1}),
    "ids beyond 64 bits": lambda path: with_metadata(path, ids=[2**70]),
    "other ids": lambda path: with_metadata(path, ids=[1, 2, 3]),
    "another model": lambda path: with_metadata(path, fingerprint="e" * 64),
    "an older version": lambda path: with_metadata(path, version=0),
    "another kind": lambda path: with_metadata(path, kind="page"),
    "another start": lambda path: with_metadata(path, start=256),
    "an earlier earliest": lambda path: with_metadata(path, earliest=0),
    "other parts": lambda path: with_metadata(path, parts="[]"),
    "negative sizes": lambda path: with_header(path, lambda header: header["0"].update(shape=[-2, -3])),
    "a tensor too many": lambda path: with_header(path, lambda header: header.update(x=header["1"])),
    "deep nesting": lambda path: path.write_bytes(struct.pack("<Q", 400_000) + b"[" * 400_000),
    "a huge header": lambda path: path.write_bytes(struct.pack("<Q", 2**63) + path.read_bytes()[8:]),
    "NULs, as after a power cut": lambda path: path.write_bytes(b"\0" * path.stat().st_size),
    "no byte": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("damage", CRAFTED)
def test_damage_with_a_meaning_is_found_as_well(path: Path, damage: str) -> None:
    good = read(path)
    CRAFTED[damage](path)
    assert not seems_good(path, good)


def a_link(path: Path) -> None:
    path.rename(path.with_suffix(".elsewhere"))
    path.symlink_to(path.with_suffix(".elsewhere"))


NOT_FILES = [a_folder, *([a_pipe, a_link] if os.name != "nt" else [])]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("put", NOT_FILES)
def test_what_is_no_file_is_never_read_nor_waited_for(path: Path, put: Callable[[Path], None]) -> None:
    good = read(path)
    put(path)
    assert not seems_good(path, good)
    with pytest.raises(DamagedError):
        item_files.read_data(path, good[0], torch.empty(LAYOUT.size_bytes, dtype=torch.uint8))


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_nobody_else_may_read_a_file_even_in_a_folder_that_all_may_read(path: Path) -> None:
    assert path.stat().st_mode & 0o077 == 0


RATES = {
    "no JSON": b"\xff\xfe{",
    "another type": b"[1, 2]",
    "negative": b'{"tiers": {"disk": {"bytes_per_second": -5, "count": 3, "at": 1}}}',
    "too fast": b'{"models": {"f": {"name": "m", "bytes_per_token": 1, "tokens_per_second": 1e300}}}',
    "deep": b"[" * 100_000,
    "too long": b'{"models": {}}' + b" " * 300_000,
    "an unknown tier": b'{"tiers": {"tape": 1}}',
}


@pytest.mark.parametrize("damage", RATES)
def test_damaged_rates_are_unknown_rates(tmp_path: Path, damage: str) -> None:
    (tmp_path / "rates.json").write_bytes(RATES[damage])
    rates = Rates(tmp_path, "f", "model", 4.0)
    assert rates.pays(Tier.DISK)
    unknown = Rates(None, "f", "model", 4.0).reason(Tier.DISK)
    assert rates.reason(Tier.DISK) == unknown
    assert last_reason(tmp_path, Tier.DISK) == unknown
    rates.save()
    assert Rates(tmp_path, "f", "model", 4.0).reason(Tier.DISK) == unknown


@pytest.mark.timeout(60)
@pytest.mark.parametrize("put", NOT_FILES)
def test_rates_that_are_no_file_are_unknown_rates(tmp_path: Path, put: Callable[[Path], None]) -> None:
    path = tmp_path / "rates.json"
    path.write_bytes(b"{}")
    put(path)
    rates = Rates(tmp_path, "f", "model", 4.0)
    assert rates.pays(Tier.DISK)
    rates.save()
    assert not list(tmp_path.glob("*.part"))


def test_items_without_bytes_are_stored_as_well(tmp_path: Path) -> None:
    tree = KvTree()
    ids = np.arange(5)
    root = tree.root("all")
    item = tree.add(Item(ItemKind.PAGE, root, ids, Layout.of(()), key_of(ItemKind.PAGE, root.key, ids)))
    path = tmp_path / "empty"
    item_files.write(path, item, "all", FINGERPRINT, torch.empty(0, dtype=torch.uint8))
    assert read(path)[1] == b""


def test_a_layer_with_numbers_of_an_unknown_kind_is_not_stored() -> None:
    layer = SimpleNamespace(states=torch.zeros(2, dtype=torch.complex64))
    with pytest.raises(UnstorableError):
        take_apart(layer, [])


def test_the_folder_is_not_counted_for_each_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = 0
    stored_files = disk_folder.stored_files

    def counting(root: Path) -> list[disk_folder.StoredFile]:
        nonlocal counted
        counted += 1
        return stored_files(root)

    budget = 150 * 5000
    disk, tree = DiskTier(tmp_path, "model", FINGERPRINT, budget), KvTree()
    disk.read_catalogue(tree)
    monkeypatch.setattr(disk_folder, "stored_files", counting)
    for number in range(300):
        ids, root = np.asarray([number]), tree.root("all")
        item = tree.add(Item(ItemKind.PAGE, root, ids, LAYOUT, key_of(ItemKind.PAGE, root.key, ids)))
        item.owners.add("c")
        disk.write_later(item, "all", Buffer(torch.zeros(LAYOUT.size_bytes, dtype=torch.uint8)))
    assert disk.flush(30)
    assert counted < 100
    assert sum(found.size_bytes for found in stored_files(tmp_path)) <= budget
    disk.close(1)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("put", NOT_FILES)
def test_the_budget_holds_whatever_stands_in_place_of_the_additions(
    tmp_path: Path, put: Callable[[Path], None]
) -> None:
    root = tmp_path / "kv"
    disk, tree = DiskTier(root, "model", FINGERPRINT, 5 * 5000), KvTree()
    disk.read_catalogue(tree)
    root.mkdir()
    (root / "additions").touch()
    put(root / "additions")
    for number in range(12):
        ids, above = np.asarray([number]), tree.root("all")
        item = tree.add(Item(ItemKind.PAGE, above, ids, LAYOUT, key_of(ItemKind.PAGE, above.key, ids)))
        item.owners.add("c")
        disk.write_later(item, "all", Buffer(torch.zeros(LAYOUT.size_bytes, dtype=torch.uint8)))
        disk.look(tree)
    assert disk.flush(30)
    assert 0 < disk.used_bytes <= disk.budget_bytes
    disk.clear()
    disk.close(1)


def test_the_budget_holds_after_a_clearing_however_many_files_another_process_adds(tmp_path: Path) -> None:
    """As many as this process had added before: its count of additions must not look like the old one."""
    one, other = [(DiskTier(tmp_path, "model", FINGERPRINT, 500_000), KvTree()) for _ in range(2)]
    for disk, tree in (one, other):
        disk.read_catalogue(tree)

    def write(to: tuple[DiskTier, KvTree], number: int, floats: int) -> None:
        disk, tree = to
        layout, ids, root = Layout.of([("0", torch.float32, (floats,))]), np.asarray([number]), tree.root("all")
        item = tree.add(Item(ItemKind.PAGE, root, ids, layout, key_of(ItemKind.PAGE, root.key, ids)))
        item.owners.add("c")
        disk.write_later(item, "all", Buffer(torch.zeros(layout.size_bytes, dtype=torch.uint8)))
        assert disk.flush(30)

    write(one, 0, 10)
    one[0].clear()
    one[1].clear()
    write(other, 1, 100_000)
    write(one, 2, 100_000)
    assert sum(found.size_bytes for found in disk_folder.stored_files(tmp_path)) <= 500_000
    for disk, _ in (one, other):
        disk.close(1)


def test_what_is_used_is_that_of_one_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at the folder that is overtaken by the writer counts the deleted file and the one in its place."""
    layout = Layout.of([("0", torch.float32, (200, 100))])
    most = layout.size_bytes + 4096  # with the header
    disk, tree = DiskTier(tmp_path, "model", FINGERPRINT, 4 * most), KvTree()
    disk.read_catalogue(tree)

    def write(number: int) -> None:
        ids, root = np.asarray([number]), tree.root("all")
        item = tree.add(Item(ItemKind.PAGE, root, ids, layout, key_of(ItemKind.PAGE, root.key, ids)))
        item.owners.add("c")
        disk.write_later(item, "all", Buffer(torch.zeros(layout.size_bytes, dtype=torch.uint8)))

    number = 0
    while disk.used_bytes + most <= disk.budget_bytes:
        write(number)
        assert disk.flush(30)
        number += 1
    files_of, looks = disk_folder.files_of, []

    def overtaken(folder: Path) -> list[disk_folder.StoredFile]:
        nonlocal number
        if threading.current_thread().name == "kv-writer" or len(looks) == overtakings:
            return files_of(folder)
        before = files_of(folder)
        number += 1
        write(number)
        looks.append(disk.flush(30))
        return list({found.path: found for found in (*before, *files_of(folder))}.values())

    monkeypatch.setattr(disk_folder, "files_of", overtaken)
    overtakings = 2  # and then it is quiet
    assert most < disk.used_bytes <= disk.budget_bytes
    assert looks == [True, True], "the writer waits for nobody who counts"
    overtakings = -1  # always
    assert most < disk.used_bytes <= disk.budget_bytes
    assert len(looks) > 3
    assert all(looks)
    monkeypatch.undo()
    assert disk.flush(30)
    assert disk.used_bytes == sum(found.size_bytes for found in disk_folder.stored_files(tmp_path)) <= 4 * most
    disk.close(1)


def test_a_large_item_on_a_slow_disk_is_no_disk_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its eight parts takes a second of a clock that only the disk moves on."""
    passed, longest = 0.0, 0.0
    write = item_files._write_all

    def slow(descriptor: int, content: memoryview) -> None:
        nonlocal passed, longest
        passed += 1.0
        longest = max(longest, disk._worker.busy_seconds)
        write(descriptor, content)

    monkeypatch.setattr(item_files, "_CHUNK_BYTES", LAYOUT.size_bytes // 8)
    monkeypatch.setattr(item_files, "_write_all", slow)
    disk, tree = DiskTier(tmp_path, "model", FINGERPRINT, 2**20), KvTree()
    monkeypatch.setattr("engine.kv.disk.file_worker.time", SimpleNamespace(monotonic=lambda: passed))
    ids, root = np.asarray([1]), tree.root("all")
    item = tree.add(Item(ItemKind.PAGE, root, ids, LAYOUT, key_of(ItemKind.PAGE, root.key, ids)))
    item.owners.add("c")
    disk.write_later(item, "all", Buffer(torch.zeros(LAYOUT.size_bytes, dtype=torch.uint8)))
    assert disk._worker._idle.wait(30)
    assert item in disk
    assert passed >= 8
    assert longest == 1.0
    assert disk._worker.busy_seconds == 0.0


def test_a_folder_of_garbage_is_an_empty_catalogue(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for number, content in enumerate((b"", b"x" * 100, b"\0" * 100)):
        (folder / f"{number}.safetensors").write_bytes(content)
        (folder / f"{number}.of-c").touch()
    tree = KvTree()
    DiskTier(tmp_path, "model", FINGERPRINT, 2**20).read_catalogue(tree)
    assert not tree.items
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_folder_that_nobody_may_look_into_is_an_empty_catalogue(tmp_path: Path) -> None:
    """As one that `sudo` made. A name too long stands for it: that can't be looked at either, by nobody."""
    disk, tree = DiskTier(tmp_path, "x" * 300, FINGERPRINT, 1_000_000), KvTree()
    disk.read_catalogue(tree)
    assert not tree.items
    disk.close(1)
