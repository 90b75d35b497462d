"""A terminal whose main thread sits in a call that nothing interrupts, as on a file of a dead server."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

# Waiting for a lock in C goes on after each signal and lets no handler of Python's run.
HANGS = """
import ctypes
from app import cli, paths
from app.terminal import way_out

way_out._HANGS_SECONDS = 0.3
lock = ctypes.create_string_buffer(64)

def hang(_paths):
    libc = ctypes.CDLL(None)
    libc.pthread_mutex_lock(lock)
    libc.puts(b"hangs")
    libc.fflush(None)
    libc.pthread_mutex_lock(lock)

paths.Paths.make_folders = hang
cli.main(["doctor"])
"""
WAITS = """
import threading
from app import cli, paths
from app.terminal import way_out

way_out._HANGS_SECONDS = 2.0

def wait(_paths):
    try:
        print("waits", flush=True)
        threading.Event().wait()
    finally:
        threading.Event().wait(2.5)
        print("has cleared up", flush=True)

paths.Paths.make_folders = wait
raise SystemExit(cli.main(["doctor"]))
"""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs a call that nothing interrupts")


def interrupted(script: str, home: Path) -> tuple[int, str, str]:
    """Run it, press Ctrl+C once it says something, and return its status and all that it wrote."""
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={"HEARTH_HOME": str(home), "PYTHONPATH": ":".join(filter(None, sys.path))},
    )  # fmt: skip
    with process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(1)  # what it does next it does at once
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    return process.returncode, out, err


def test_ctrl_c_leaves_a_call_that_nothing_interrupts(tmp_path: Path) -> None:
    status, _, err = interrupted(HANGS, tmp_path)
    assert status == 130
    assert "does not answer" in err


def test_a_command_that_hears_ctrl_c_ends_in_its_own_time(tmp_path: Path) -> None:
    assert interrupted(WAITS, tmp_path) == (130, "has cleared up\n", "")
