"""Two set-ups of one folder take turns, and no child outlives a killed set-up."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import setup_lock

PACKAGING = Path(setup_lock.__file__).parent

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")


def test_a_free_lock_is_taken_at_once(tmp_path: Path) -> None:
    waited: list[bool] = []
    for _ in range(2):
        with setup_lock.locked(tmp_path / "lock", lambda: waited.append(True)):
            pass
    assert waited == []


def test_the_second_waits_for_the_first(tmp_path: Path) -> None:
    order: list[str] = []
    waiting = threading.Event()

    def second() -> None:
        def on_wait() -> None:
            order.append("waits")
            waiting.set()

        with setup_lock.locked(tmp_path / "lock", on_wait):
            order.append("second")

    with setup_lock.locked(tmp_path / "lock", lambda: None):
        thread = threading.Thread(target=second)
        thread.start()
        assert waiting.wait(30)
        order.append("first")
    thread.join(30)
    assert order == ["waits", "first", "second"]


def test_a_killed_set_up_takes_its_child_along(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "import setup_lock\n"
        "with setup_lock.child_guard() as guard:\n"
        "    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], **guard)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=PACKAGING, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 30
    while _alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _alive(child)


def _alive(pid: int) -> bool:
    try:
        return Path("/proc", str(pid), "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_child_keeps_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with setup_lock.locked(path, lambda: None), setup_lock.child_guard() as guard:
        child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, **guard)
    with path.open("a+") as file:
        assert not setup_lock._try_lock(file)
        child.communicate()
        assert setup_lock._try_lock(file)
    assert os.WEXITSTATUS(child.returncode) == 0
