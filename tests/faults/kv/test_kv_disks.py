"""Disks that are full, read-only, hanging or shared while conversations are stored: the answers stay, budgets too."""

import errno
import os
import time
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engine.api.warmth import Tier, TierBudgets
from engine.generation.chat_session import ChatSession
from engine.kv import rates
from engine.kv.disk import folder as disk_folder
from engine.kv.disk import item_files
from engine.kv.disk import room as disk_room
from engine.kv.disk import tier as disk_tier
from engine.kv.disk.item_files import SUFFIX
from engine.kv.tiers import Tiers
from tests.chat_probe import ask, cold_ids, user
from tests.faults.kv.folders import (
    BUDGETS,
    PATIENCE_SECONDS,
    Stored,
    answer,
    close,
    files,
    next_answer,
    private,
    the_model,
    warnings,
)
from tests.faults.kv.hang import Hang

# The disk is the same for all of them; these have pages and both kinds of states.
pytestmark = pytest.mark.parametrize("stored", ["gemma3", "lfm2"], indirect=True, scope="module")


def fail_writing(error: int) -> Callable[..., None]:
    def write(descriptor: int, content: memoryview) -> None:
        os.write(descriptor, content[: len(content) // 2])
        raise OSError(error, os.strerror(error))

    return write


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_takes_no_more_is_left_alone(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: int
) -> None:
    monkeypatch.setattr(item_files, "_write_all", fail_writing(error))
    session = ChatSession(stored.loaded, tmp_path / "full", BUDGETS)
    for _ in range(3):
        next_answer(session, stored)
    assert files(tmp_path / "full") == []
    assert not list((tmp_path / "full").rglob("*.part"))
    assert len(warnings(caplog)) == 1
    assert os.strerror(error) in session.describe_warmth()[1][2].reason
    close(session)


def test_a_disk_nearly_full_is_left_to_others(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(disk_room.shutil, "disk_usage", lambda place: usage(2**40, 2**40 - 2**29, 2**29))
    session = ChatSession(stored.loaded, tmp_path / "full", BUDGETS)
    next_answer(session, stored)
    next_answer(session, stored)
    assert files(tmp_path / "full") == []
    assert len(warnings(caplog)) == 1
    close(session)


def refuse(*arguments: object, **options: object) -> None:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def test_a_folder_that_can_only_be_read_still_gives_back(
    stored: Stored, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = {found.path.name for found in files(folder)}
    for place, name in ((Path, "unlink"), (Path, "touch"), (Path, "replace"), (os, "utime")):
        monkeypatch.setattr(place, name, refuse)
    monkeypatch.setattr(item_files, "create_plain", refuse)
    session = ChatSession(stored.loaded, folder, BUDGETS)
    assert next_answer(session, stored).statistics.restored_from is Tier.DISK
    next_answer(session, stored)
    close(session)
    assert {found.path.name for found in files(folder)} == before
    assert len(warnings(caplog)) < 12


def test_files_that_may_not_be_read_are_a_miss(stored: Stored, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_files, "open_plain", refuse)
    session = ChatSession(stored.loaded, folder, BUDGETS)
    assert next_answer(session, stored).statistics.restored_tokens == 0
    close(session)


def test_what_dead_processes_left_is_tidied_away(stored: Stored, folder: Path) -> None:
    model, long_ago = the_model(folder), time.time() - 7200
    left = [model / "abc.123-4.part", model / "abc.of-somebody", model / ("f" * 32 + ".of-somebody")]
    for path in left:
        path.write_bytes(b"")
        os.utime(path, (long_ago, long_ago))
    ahead = model / "def.123-4.part"  # of a clock that was wrong
    ahead.touch()
    os.utime(ahead, (time.time() + 10**8,) * 2)
    nobodys = model / f"{'a' * 32}{SUFFIX}"
    nobodys.write_bytes(b"nobody's")
    session = ChatSession(stored.loaded, folder, BUDGETS)
    assert not [path for path in (*left, ahead, nobodys) if path.exists()]
    assert next_answer(session, stored).statistics.restored_from is Tier.DISK
    close(session)


def test_budgets_hold_in_every_tier(stored: Stored, tmp_path: Path, folder: Path) -> None:
    size = max(found.size_bytes for found in files(folder))
    budgets = TierBudgets(ram_bytes=2 * size, disk_bytes=3 * size)
    session = ChatSession(stored.loaded, folder, budgets)
    for number in range(4):
        ask(session, [user(f"{number} " + "word " * 90)], conversation=f"c{number}", maximum_tokens=4)
        assert session._warm.tiers.ram.used_bytes <= 2 * size
        session._warm.tiers.disk.flush(30)
        assert sum(found.size_bytes for found in files(folder)) <= 3 * size
    next_answer(session, stored)
    close(session)
    assert sum(found.size_bytes for found in files(folder)) <= 3 * size


def test_a_disk_that_was_turned_off_keeps_nothing(stored: Stored, folder: Path) -> None:
    session = ChatSession(stored.loaded, folder, TierBudgets(ram_bytes=2**26, disk_bytes=0))
    assert files(folder) == []
    assert next_answer(session, stored).statistics.restored_tokens == 0
    close(session)
    assert files(folder) == []


def test_no_memory_to_read_into_is_a_miss(stored: Stored, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(self: Tiers, item: object, kept: object) -> torch.Tensor:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1000 bytes")

    session = ChatSession(stored.loaded, folder, BUDGETS)
    monkeypatch.setattr(Tiers, "fetch", fetch)
    assert next_answer(session, stored).statistics.restored_tokens == 0
    monkeypatch.undo()
    close(session)


def test_files_dropped_between_choosing_and_reading_are_a_miss(stored: Stored, folder: Path) -> None:
    session = ChatSession(stored.loaded, folder, BUDGETS)
    warm = session._warm
    best = warm._restorer.best

    def chosen(*arguments: object) -> object:
        source = best(*arguments)
        assert warm.tiers.disk is not None
        for item in source.items:
            warm.tiers.disk._stored.pop(item.key, None)  # as the writer does to make room
        return source

    warm._restorer.best = chosen  # type: ignore[method-assign]
    assert next_answer(session, stored).statistics.restored_tokens == 0
    close(session)


# All that is done on files behind an answer.
ON_FILES = [
    (item_files, "_write_all"),
    (item_files, "read_header"),
    (disk_folder, "own"),
    (disk_folder, "disown"),
    (disk_folder, "delete"),
    (disk_folder, "forget"),
    (disk_folder, "note_addition"),
    (Path, "replace"),
    (os, "utime"),
]


@pytest.mark.timeout(150)
@pytest.mark.parametrize(("place", "name"), ON_FILES, ids=[name for _, name in ON_FILES])
def test_a_disk_that_hangs_delays_no_answer_and_no_end(
    stored: Stored, folder: Path, monkeypatch: pytest.MonkeyPatch, place: object, name: str
) -> None:
    monkeypatch.setattr(disk_tier, "HANGS_SECONDS", 1.0)
    hang = Hang(monkeypatch, "kv-writer", place, name)
    files_before = len(files(folder))
    session = ChatSession(stored.loaded, folder, TierBudgets(ram_bytes=2**26, disk_bytes=2**26))
    ask(session, [user("Hello")], conversation="d", maximum_tokens=4)
    assert session._warm.tiers.disk.flush(PATIENCE_SECONDS)
    hang.is_on.set()
    for conversation in ("c", "d", "e"):
        result = ask(session, stored.next_messages, conversation=conversation, maximum_tokens=6)
        assert result.token_ids == stored.right_ids
    answer(session, private([user("Hello")], "d"))
    session.forget("c")
    session.describe_warmth()
    assert hang.hangs.wait(PATIENCE_SECONDS), "its thread had no turn yet, or nothing to do"
    session.close(0.3)
    assert not hang.went_on, "somebody has waited for the disk"
    hang.goes_on.set()
    assert session._warm.tiers.disk.flush(PATIENCE_SECONDS)
    assert len(files(folder)) <= files_before + 1, "nothing is written after the end but what had begun"


def test_a_disk_that_hangs_for_long_is_left_alone(
    stored: Stored, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It isn't read from, and nothing is kept in memory for it."""
    hang = Hang(monkeypatch, "kv-writer", item_files, "_write_all")
    session = ChatSession(stored.loaded, folder, TierBudgets(ram_bytes=0, disk_bytes=2**26))
    disk = session._warm.tiers.disk
    hang.is_on.set()
    ask(session, [user("Hello")], conversation="d", maximum_tokens=4)
    assert hang.hangs.wait(PATIENCE_SECONDS)
    monkeypatch.setattr(disk_tier, "HANGS_SECONDS", 0.0)
    result = ask(session, stored.next_messages, maximum_tokens=6)
    assert (result.token_ids, result.statistics.restored_tokens) == (stored.right_ids, 0)
    assert disk.pending_bytes
    monkeypatch.setattr(disk_tier, "_GIVEN_UP_SECONDS", 0.0)
    ask(session, [user("Something else")], conversation="e", maximum_tokens=4)
    assert disk.pending_bytes == 0
    assert len(warnings(caplog)) == 1
    assert "doesn't answer" in session.describe_warmth()[1][2].reason
    hang.goes_on.set()
    close(session)


def test_a_writer_that_fails_in_any_way_lets_nothing_wait(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(item_files, "_write_all", lambda descriptor, content: [][1])
    session = ChatSession(stored.loaded, tmp_path / "failing", BUDGETS)
    next_answer(session, stored)
    disk = session._warm.tiers.disk
    assert disk.flush(30)
    assert disk.pending_bytes == 0
    close(session)
    assert len(warnings(caplog)) == 1


def test_a_file_may_be_in_use_when_it_is_named(stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, where a file that somebody reads can't be replaced: that item is lost, the disk is not."""
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        session = ChatSession(stored.loaded, tmp_path / "used", BUDGETS)
        next_answer(session, stored)
        assert session._warm.tiers.disk.flush(30)
    assert session._warm.tiers.disk.problem == ""
    follow_up = [user("Something else")]
    assert ask(session, follow_up, conversation="other", maximum_tokens=4).token_ids == cold_ids(session, follow_up, 4)
    close(session)
    assert files(tmp_path / "used")


def test_the_rates_are_of_no_weight_when_they_are_damaged(stored: Stored, folder: Path) -> None:
    (folder / rates._NAME).write_bytes(b'{"models": 1}')
    session = ChatSession(stored.loaded, folder, BUDGETS)
    assert next_answer(session, stored).statistics.restored_from is Tier.DISK
    close(session)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such links without rights")
def test_a_model_folder_that_is_a_link_is_left_alone(stored: Stored, folder: Path, tmp_path: Path) -> None:
    """Forgetting doesn't follow links, so nothing may be written behind one."""
    model = the_model(folder)
    model.rename(tmp_path / "elsewhere")
    model.symlink_to(tmp_path / "elsewhere")
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "elsewhere").iterdir()}
    session = ChatSession(stored.loaded, folder, BUDGETS)
    assert next_answer(session, stored).statistics.restored_tokens == 0
    close(session)
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "elsewhere").iterdir()} == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_nobody_else_may_read_the_folder(stored: Stored) -> None:
    assert stored.folder.stat().st_mode & 0o777 == 0o700
    assert the_model(stored.folder).stat().st_mode & 0o777 == 0o700
    assert files(stored.folder)
