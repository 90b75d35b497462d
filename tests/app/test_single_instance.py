from pathlib import Path

from pytestqt.qtbot import QtBot

from app.single_instance import SingleInstance


def test_the_lock_of_a_dead_process_is_taken_over(qtbot: QtBot, tmp_path: Path) -> None:
    # What QLockFile writes: process number, program, host. No process has this number.
    (tmp_path / "window.lock").write_text("4194305\npython3.11\n\n\n\n", encoding="utf-8")
    instance = SingleInstance(tmp_path)
    assert instance.claim()
    instance.release()


def test_after_release_another_can_be_the_first(qtbot: QtBot, tmp_path: Path) -> None:
    first, second = SingleInstance(tmp_path), SingleInstance(tmp_path)
    assert first.claim()
    first.release()
    assert second.claim()
    second.release()


def test_windows_of_different_homes_know_nothing_of_each_other(qtbot: QtBot, tmp_path: Path) -> None:
    homes = [tmp_path / name for name in ("one", "two")]
    instances = []
    for home in homes:
        home.mkdir()
        instances.append(SingleInstance(home))
    assert all(instance.claim() for instance in instances)
    for instance in instances:
        instance.release()


def test_a_folder_without_locks_still_opens_a_window(qtbot: QtBot, tmp_path: Path) -> None:
    instance = SingleInstance(tmp_path / "missing")
    assert instance.claim()
    instance.release()
