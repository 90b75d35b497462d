"""`hearth models` with the real engine: what a person at a terminal and what a script get of it."""

import contextlib
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.paths import locate
from tests import tiny_checkpoints
from tests.cache_folders import A, bytes_below, files_of, lay
from tests.loopback_hub import Behaviour, LoopbackHub

ROOT = Path(__file__).parents[3]
HUB_ID = "publisher/tiny-chat"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no terminals of this kind")


@pytest.fixture
def hub_cache(tmp_path: Path, tiny_folder: Path) -> Path:
    """A cache with one model, in the place where the test's environment has it."""
    cache = tmp_path / "hf-home" / "hub"
    lay(cache, HUB_ID, A, files_of(tiny_checkpoints.make("llama", tiny_folder)))
    return cache


def argv(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "app", "models", *arguments]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv(*arguments),
        env=os.environ | environment,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


@dataclass
class OnTerminal:
    """A command whose stdin and stderr are a terminal of a given width."""

    process: subprocess.Popen[bytes]
    handle: int
    seen: str = ""

    def wait_for(self, text: str, seconds: float = 40.0) -> None:
        end = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < end, self.seen
            self.read()

    def read(self) -> bool:
        try:
            piece = os.read(self.handle, 4096)
        except OSError:  # the other end is closed
            return False
        self.seen += piece.decode()
        return bool(piece)

    def finish(self) -> int:
        while self.read():
            pass
        return self.process.wait(30)


@contextlib.contextmanager
def on_terminal(*arguments: str, columns: int = 80, **environment: str) -> Iterator[OnTerminal]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        argv(*arguments), stdin=theirs, stderr=theirs, stdout=theirs, cwd=ROOT, env=os.environ | environment
    )
    os.close(theirs)
    try:
        yield OnTerminal(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_the_list_says_what_it_takes_and_how_to_go_on(hub_cache: Path, tiny_folder: Path) -> None:
    files = files_of(tiny_checkpoints.make("llama", tiny_folder))
    index = {"metadata": {"total_size": 1000}, "weight_map": {"a": "model-00001-of-00002.safetensors"}}
    del files["model.safetensors"]
    files |= {
        "model.safetensors.index.json": json.dumps(index).encode(),
        "model-00002-of-00002.safetensors": b"x" * 430,
    }
    lay(hub_cache, "publisher/half", A, files)
    result = run("list")
    assert result.returncode == 0
    lines = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert lines["publisher/half"].endswith("incomplete, 43 % - hearth models download publisher/half goes on")
    assert lines[HUB_ID].endswith("complete")
    assert "llama" in lines[HUB_ID]
    listed = {each["reference"]: each for each in json.loads(run("list", "--json").stdout)["models"]}
    assert listed[HUB_ID]["disk_bytes"] == bytes_below(hub_cache / "models--publisher--tiny-chat")
    assert (listed[HUB_ID]["is_complete"], listed["publisher/half"]["is_complete"]) == (True, False)


def test_deleting_asks_on_a_terminal_and_says_what_it_frees(hub_cache: Path) -> None:
    for answer, is_there in ((b"n\n", True), (b"\n", True), (b"\x04", True), (b"y\n", False)):
        with on_terminal("delete", HUB_ID) as terminal:
            terminal.wait_for("[y/N]")
            os.write(terminal.handle, answer)
            status = terminal.finish()
        assert "kB" in terminal.seen
        assert str(hub_cache / "models--publisher--tiny-chat") in terminal.seen
        assert status == (1 if is_there else 0)
        assert bool(list(hub_cache.glob("models--*"))) is is_there


def test_a_script_has_to_say_yes_beforehand(hub_cache: Path) -> None:
    refused = run("delete", HUB_ID)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    assert "--yes" in refused.stderr
    before = bytes_below(hub_cache)
    deleted = run("delete", HUB_ID, "--yes", "--json")
    assert deleted.returncode == 0
    report = json.loads(deleted.stdout)
    assert report == {"model": HUB_ID, "revision": "", "freed_bytes": before - bytes_below(hub_cache)}
    again = run("delete", HUB_ID, "--yes")
    assert (again.returncode, again.stdout) == (1, "")
    assert HUB_ID in again.stderr


def test_the_settings_folder_for_downloads_is_the_one_listed(hub_cache: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    hub_cache.rename(moved)
    assert HUB_ID not in run("list").stdout
    locate().settings_file.write_text(json.dumps({"hub_cache": str(moved)}))
    assert HUB_ID in run("list").stdout


@pytest.fixture
def slow_hub(tiny_folder: Path) -> Iterator[LoopbackHub]:
    folder = tiny_checkpoints.make("llama", tiny_folder)
    with LoopbackHub({"publisher/slow": folder}, Behaviour(seconds_per_block=2.0)) as hub:
        yield hub


def test_a_download_shows_a_bar_that_fits_and_ctrl_c_is_a_pause(slow_hub: LoopbackHub) -> None:
    environment = {"HF_ENDPOINT": slow_hub.endpoint}
    with on_terminal("download", "publisher/slow", columns=50, **environment) as terminal:
        terminal.wait_for(" %")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.finish() == 130
    assert "Paused; the same command goes on from here." in terminal.seen
    for line in terminal.seen.replace("\n", "\r").split("\r"):
        assert len(line.replace("\x1b[K", "")) < 50 or "Paused" in line
    slow_hub.behaviour.seconds_per_block = 0.0
    result = run("download", f"{slow_hub.endpoint}/publisher/slow/tree/main", "--json", **environment)
    assert (result.returncode, result.stderr) == (0, "")
    report = json.loads(result.stdout)
    assert set(report) == {"model", "revision", "received_bytes", "folder"}
    assert Path(report["folder"]).is_dir()
    assert report["model"] == "publisher/slow"


def test_a_failed_download_is_one_sentence_without_any_escape_codes(slow_hub: LoopbackHub) -> None:
    result = run("download", "publisher/unknown", HF_ENDPOINT=slow_hub.endpoint)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "\x1b" not in result.stderr
