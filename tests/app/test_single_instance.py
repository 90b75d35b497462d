import subprocess
import sys
import time
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


_CLAIMING = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication, QTimer
from app.single_instance import SingleInstance
application = QCoreApplication([])
instance = SingleInstance(Path(sys.argv[1]))
if instance.claim():
    raised = []
    instance.raise_requested.connect(lambda: raised.append(1))
    print("first", flush=True)
    timer = QTimer()
    timer.timeout.connect(lambda: Path(sys.argv[2]).exists() and application.quit())
    timer.start(100)
    application.exec()
    print("raised", len(raised), flush=True)
    instance.release()
else:
    print("second", flush=True)
"""


def test_of_twenty_starts_at_once_one_opens_and_is_raised_by_the_others(tmp_path: Path) -> None:
    over = tmp_path / "over"
    command = [sys.executable, "-c", _CLAIMING, str(tmp_path), str(over)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(20)]
    deadline = time.monotonic() + 90
    while sum(process.poll() is not None for process in processes) < 19 and time.monotonic() < deadline:
        time.sleep(0.1)
    over.touch()
    said = [process.communicate(timeout=30)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0] * 20
    first = [words for words in said if words[0] == "first"]
    assert len(first) == 1, said
    assert sum(words == ["second"] for words in said) == 19
    assert first[0][1] == "raised"
    assert int(first[0][2]) >= 1
