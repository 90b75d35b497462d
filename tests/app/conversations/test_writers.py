import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.conversations import writers as writers_module
from app.conversations.writers import Writers

HOLD = """
import sys, time
from pathlib import Path
from app.conversations.writers import Writers
writers = Writers(Path(sys.argv[1]))
writers.enter()
print(writers.own, flush=True)
time.sleep(60)
"""


@pytest.fixture
def enter(tmp_path: Path):
    entered: list[Writers] = []

    def enter_one() -> Writers:
        entered.append(Writers(tmp_path / "writers"))
        entered[-1].enter()
        return entered[-1]

    yield enter_one
    for writers in entered:
        writers.leave()


def test_the_living_know_each_other(enter: Callable[[], Writers]) -> None:
    first, second = enter(), enter()
    assert first.others_alive() == [second.own]
    assert set(second.alive()) == {first.own, second.own}
    first.leave()
    assert second.others_alive() == []


def test_an_orderly_end_leaves_nothing_behind(enter: Callable[[], Writers]) -> None:
    enter().leave()
    assert not enter().left_behind


def test_an_end_with_damage_is_remembered_once(enter: Callable[[], Writers]) -> None:
    enter().leave(cleanly=False)
    assert enter().left_behind
    assert not enter().left_behind


def test_a_killed_process_is_dead_at_once_whatever_its_number(enter: Callable[[], Writers], tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "writers")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            name = process.stdout.readline().strip()
            writers = enter()
            assert not writers.left_behind
            assert writers.others_alive() == [name]
        finally:
            process.kill()
        process.wait()
    assert writers.others_alive() == []
    assert enter().left_behind


def test_guarded_sections_exclude_each_other_and_nest(enter: Callable[[], Writers], tmp_path: Path) -> None:
    writers = enter()
    waiting = "from app.conversations.writers import Writers; import sys; from pathlib import Path\n"
    waiting += "w = Writers(Path(sys.argv[1]))\nprint('ready', flush=True)\nwith w.guarded(): print('in', flush=True)"
    with writers.guarded(), writers.guarded():
        command = [sys.executable, "-c", waiting, str(tmp_path / "writers")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.2)
        assert process.poll() is None
    assert process.communicate(timeout=30) == ("in\n", None)


def test_many_entering_and_looking_at_once_never_take_each_other_for_dead(tmp_path: Path) -> None:
    def live() -> list[bool]:
        seen = []
        for _ in range(20):
            writers = Writers(tmp_path / "writers")
            writers.enter()
            seen.append(Writers(tmp_path / "writers").alive().count(writers.own) == 1 and not writers.left_behind)
            writers.leave()
        return seen

    with ThreadPoolExecutor(8) as pool:
        runs = [pool.submit(live) for _ in range(8)]
    assert all(all(run.result()) for run in runs)


def test_a_folder_that_was_taken_away_is_no_error_at_the_end(enter: Callable[[], Writers], tmp_path: Path) -> None:
    writers = enter()
    shutil.rmtree(tmp_path / "writers")
    assert writers.others_alive() == []
    writers.leave()


def test_windows_looks_again_soon_for_a_lock_that_another_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = [True, True, False, True]  # what it finds, in turn

    def locking(_descriptor: int, mode: int, _count: int) -> None:
        assert mode == 2, "the mode that waits looks once a second, and for ten seconds only"
        if taken.pop(0):
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(locking=locking, LK_NBLCK=2, LK_LOCK=1))
    there = importlib.util.spec_from_file_location("writers_of_windows", writers_module.__file__)
    assert there is not None
    windows = importlib.util.module_from_spec(there)
    there.loader.exec_module(windows)
    descriptor = windows._locked(tmp_path / "guard", wait=True)
    assert descriptor is not None
    os.close(descriptor)
    assert windows._locked(tmp_path / "one.writer", wait=False) is None
    assert taken == []
