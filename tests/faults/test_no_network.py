"""A computer without any network from the first start on: a network namespace that has not even loopback up."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_WITHOUT = ("unshare", "--net")
_PATIENCE_SECONDS = 170  # of a busy machine; a line that is gone would be waited for three minutes
_OPENING = """
import sys, time
from pathlib import Path
from PySide6.QtWidgets import QApplication
from app.main import Hearth, set_up
from app.paths import locate
from tests.scripted_engine import scripted_engine_command

asked = []

def note(event, arguments):
    is_name = event in ("socket.getaddrinfo", "socket.gethostbyname")
    if is_name or (event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple)):
        asked.append((event, arguments[not is_name]))

sys.addaudithook(note)
application = QApplication([])
set_up(application)
paths = locate()
paths.make_folders()
hearth = Hearth(paths, scripted_engine_command("answer"))
hearth.start()
application.processEvents()
deadline = time.monotonic() + 30
while hearth.checkpoints.plan is None and time.monotonic() < deadline:
    application.processEvents()
    time.sleep(0.01)
print(hearth.checkpoints.plan is not None, hearth.window.isVisible(), asked, flush=True)
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
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False,
    )  # fmt: skip


def hearth(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return run("-m", "app", *arguments)


@pytest.mark.parametrize("arguments", [("models", "search", "qwen"), ("models", "download", "publisher/model")])
def test_what_needs_the_hub_says_so_instead_of_waiting_for_it(arguments: tuple[str, ...]) -> None:
    ended = hearth(*arguments)
    assert ended.returncode == 1
    (sentence,) = ended.stderr.strip().splitlines()
    assert sentence.startswith("The Hub could not be reached")
    assert "connection" in sentence


def test_what_is_here_is_listed_and_answers(tmp_path: Path) -> None:
    listed = hearth("models", "list")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "starter" in listed.stdout
    answered = hearth("ask", "What is the capital of France?", "--max-tokens", "8", "--temperature", "0")
    assert answered.returncode == 0
    assert "Paris" in answered.stdout


@pytest.mark.parametrize("cut_off", [False, True])
def test_the_window_opens_without_a_look_at_the_network(cut_off: bool) -> None:
    ended = run("-c", _OPENING, cut_off=cut_off)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == "True True []"
