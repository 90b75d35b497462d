"""A computer without any network from the first start on: a network namespace that has not even loopback up."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_WITHOUT = ("unshare", "--net")
# The window's own start varies by less on a busy machine; waiting for a network takes seconds.
_MOST_DELAY_SECONDS = 1.0
_OPENING = """
import sys, time
from pathlib import Path
from PySide6.QtWidgets import QApplication
from app.main import Hearth, set_up
from app.paths import locate
from tests.scripted_engine import scripted_engine_command

began = time.perf_counter()
application = QApplication([])
set_up(application)
paths = locate()
paths.make_folders()
hearth = Hearth(paths, scripted_engine_command("answer"))
hearth.start()
application.processEvents()
print(time.perf_counter() - began, flush=True)
deadline = time.monotonic() + 30
while hearth.checkpoints.plan is None and time.monotonic() < deadline:
    application.processEvents()
    time.sleep(0.01)
print(hearth.checkpoints.plan is not None, hearth.window.isVisible(), flush=True)
hearth.shut_down()
"""


def _can_be_cut_off() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*_WITHOUT, "true"], capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not _can_be_cut_off(), reason="this user may not make a network namespace")


def run(*arguments: str, cut_off: bool = True) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    return subprocess.run(
        [*(_WITHOUT if cut_off else ()), sys.executable, *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def hearth(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return run("-m", "app", *arguments)


@pytest.mark.parametrize("arguments", [("models", "search", "qwen"), ("models", "download", "publisher/model")])
def test_what_needs_the_hub_says_so_quickly(arguments: tuple[str, ...]) -> None:
    began = time.monotonic()
    ended = hearth(*arguments)
    assert ended.returncode == 1
    (sentence,) = ended.stderr.strip().splitlines()
    assert sentence.startswith("The Hub could not be reached")
    assert "connection" in sentence
    assert time.monotonic() - began < 20


def test_what_is_here_is_listed_and_answers(tmp_path: Path) -> None:
    listed = hearth("models", "list")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "starter" in listed.stdout
    answered = hearth("ask", "What is the capital of France?", "--max-tokens", "8", "--temperature", "0")
    assert answered.returncode == 0
    assert "Paris" in answered.stdout


def test_the_window_opens_as_quickly_as_with_a_network() -> None:
    seconds = {}
    for cut_off in (False, True):
        ended = run("-c", _OPENING, cut_off=cut_off)
        assert ended.returncode == 0, ended.stderr
        opened, state = ended.stdout.strip().splitlines()
        assert state == "True True"
        seconds[cut_off] = float(opened)
    assert seconds[True] < seconds[False] + _MOST_DELAY_SECONDS
