import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from app.worker import engine_process
from app.worker.engine_process import EngineProcess, FromEngine, StreamEnded, engine_command
from engine.api.codec import FrameError
from engine.api.commands import DescribeHardware, Shutdown
from engine.api.events import EngineReady, HardwareDescribed
from tests.engine_scripts import Script
from tests.link_probe import PATIENCE_SECONDS, generate, is_alive, is_running
from tests.scripted_engine import scripted_engine_command

Inbox = SimpleQueue[FromEngine | StreamEnded]


@pytest.fixture
def inbox() -> Inbox:
    return SimpleQueue()


@pytest.fixture
def start(inbox: Inbox, tmp_path: Path) -> Iterator[Callable[..., EngineProcess]]:
    processes: list[EngineProcess] = []

    def start(*argv: str) -> EngineProcess:
        processes.append(EngineProcess(argv, inbox.put, tmp_path / "logs" / "engine.log"))
        return processes[-1]

    yield start
    for process in processes:
        process.end()


def next_event(inbox: Inbox) -> object:
    note = inbox.get(timeout=PATIENCE_SECONDS)
    assert isinstance(note, FromEngine), note
    return note.event


@pytest.mark.parametrize(
    ("own", "expected"),
    [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "")],
    ids=["by itself", "another count", "another way"],
)
def test_threads_wait_shortly_for_work_unless_somebody_wants_it_otherwise(
    own: dict[str, str], expected: str, inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    told = "import os, sys; sys.stderr.write('<' + os.environ.get('GOMP_SPINCOUNT', '') + '>')"
    process = EngineProcess((sys.executable, "-c", told), inbox.put, tmp_path / "log")
    try:
        assert isinstance(inbox.get(timeout=PATIENCE_SECONDS), StreamEnded)
    finally:
        process.end()
    assert (tmp_path / "log").read_text() == f"<{expected}>"


def test_what_is_set_for_other_programs_does_not_reach_the_engine(
    inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """transformers reads its own docstrings, and safetensors takes paths in UTF-8 alone."""
    told = "import sys; sys.stderr.write(f'<{sys.flags.optimize} {sys.getfilesystemencoding()}>')"
    odd = {"PYTHONOPTIMIZE": "2", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    for name, value in odd.items():
        monkeypatch.setenv(name, value)
    process = EngineProcess((sys.executable, "-c", told), inbox.put, tmp_path / "log")
    try:
        assert isinstance(inbox.get(timeout=PATIENCE_SECONDS), StreamEnded)
    finally:
        process.end()
    assert (tmp_path / "log").read_text() == "<0 utf-8>"


def test_frames_go_both_ways_and_shutdown_ends_with_status_0(start: Callable[..., EngineProcess], inbox: Inbox) -> None:
    process = start(*scripted_engine_command())
    ready = next_event(inbox)
    assert isinstance(ready, EngineReady)
    assert ready.process_id == process.process_id
    process.send(DescribeHardware(command_id="h"))
    assert isinstance(next_event(inbox), HardwareDescribed)
    process.send(Shutdown())
    assert inbox.get(timeout=PATIENCE_SECONDS) == StreamEnded(process)
    assert process.end(PATIENCE_SECONDS) == 0
    assert not process.was_killed
    assert not is_running(process.process_id)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGSTOP")
def test_a_stopped_process_with_a_full_pipe_can_be_killed(start: Callable[..., EngineProcess], inbox: Inbox) -> None:
    process = start(*scripted_engine_command())
    next_event(inbox)
    os.kill(process.process_id, signal.SIGSTOP)
    for index in range(10):  # far more than a pipe holds: one that waited would never come back
        process.send(generate(str(index), "x" * 1_000_000))
    assert process.end() == -signal.SIGKILL
    assert process.was_killed
    assert not is_running(process.process_id)


def test_what_fits_in_no_frame_is_refused_to_the_sender(start: Callable[..., EngineProcess], inbox: Inbox) -> None:
    process = start(*scripted_engine_command())
    with pytest.raises(UnicodeEncodeError):
        process.send(generate("g", "\ud800"))


@pytest.mark.parametrize("fault", ["garbage", "wrong_event", "half_frame"])
def test_broken_frames_end_the_stream(start: Callable[..., EngineProcess], inbox: Inbox, fault: str) -> None:
    process = start(*scripted_engine_command(fault))
    process.send(generate("g"))
    while isinstance(note := inbox.get(timeout=PATIENCE_SECONDS), FromEngine):
        pass
    assert note.broken_frame
    process.end()


def test_a_program_that_is_not_there_raises(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        EngineProcess([str(tmp_path / "nothing")], lambda _: None)


def test_the_log_keeps_what_was_said_on_stderr(start: Callable[..., EngineProcess], tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "engine.log").write_text("an earlier run\n")
    process = start(*scripted_engine_command("die_at_start"))
    assert process.end(PATIENCE_SECONDS) == 1
    assert process.log_tail() == "scripted: about to exit"
    assert (tmp_path / "logs" / "engine.log").read_text().startswith("an earlier run\n")


def test_the_log_tail_is_short(start: Callable[..., EngineProcess]) -> None:
    process = start(sys.executable, "-c", "import sys\nfor i in range(99999): print('line', i, file=sys.stderr)")
    assert process.end(30) == 0
    assert process.log_tail().splitlines()[-1] == "line 99998"
    assert len(process.log_tail().splitlines()) == 20


def test_a_large_log_is_moved_aside(
    start: Callable[..., EngineProcess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_process, "LOG_LIMIT_BYTES", 10)
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "engine.log").write_text("more than ten bytes")
    start(*scripted_engine_command("die_at_start")).end(PATIENCE_SECONDS)
    assert (folder / "engine.log.1").read_text() == "more than ten bytes"
    assert (folder / "engine.log").read_text() == "scripted: about to exit\n"


def test_a_log_that_cannot_be_written_does_not_stop_the_engine(tmp_path: Path, inbox: Inbox) -> None:
    (tmp_path / "file").touch()
    process = EngineProcess(scripted_engine_command(), inbox.put, tmp_path / "file" / "engine.log")
    assert isinstance(next_event(inbox), EngineReady)
    assert process.log_tail() == ""
    process.end()


@pytest.mark.skipif(sys.platform == "win32", reason="process groups")
def test_it_leads_a_session_of_its_own(start: Callable[..., EngineProcess], inbox: Inbox) -> None:
    """So that Ctrl+C on the terminal reaches the app only."""
    process = start(*scripted_engine_command())
    next_event(inbox)
    assert os.getsid(process.process_id) == process.process_id != os.getsid(0)


@pytest.mark.skipif(sys.platform == "win32", reason="process groups")
def test_a_kill_takes_its_children_along(start: Callable[..., EngineProcess], tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = (
        "import subprocess, time, pathlib, sys\n"
        "child = subprocess.Popen(['sleep', '100'])\n"
        f"pathlib.Path({str(pid_file)!r}).write_text(str(child.pid) + ' ')\n"
        "time.sleep(100)"
    )
    process = start(sys.executable, "-c", code)
    deadline = time.monotonic() + 30
    while not (pid_file.exists() and pid_file.read_text().endswith(" ")) and time.monotonic() < deadline:
        time.sleep(0.01)
    child = int(pid_file.read_text())
    process.end()
    # It is an orphan now; whoever adopted it may take a moment to reap it.
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_alive(child)


def test_the_engine_is_found_from_any_folder(
    start: Callable[..., EngineProcess], tmp_path: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a file of the same name in the current folder is not."""
    (tmp_path / "engine.py").write_text("raise SystemExit(9)")
    (tmp_path / "msgspec.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    process = start(*engine_command(tmp_path / "data"))
    assert isinstance(next_event(inbox), EngineReady)
    process.send(Shutdown())
    assert process.end(PATIENCE_SECONDS) == 0


def test_the_command_names_the_data_folder(tmp_path: Path) -> None:
    assert engine_command(tmp_path)[-2:] == ["--data", str(tmp_path)]
    assert engine_command(tmp_path, offline=True)[-1] == "--offline"
    assert engine_command(tmp_path, hub_cache=" ")[-2:] == ["--data", str(tmp_path)]
    assert engine_command(tmp_path, hub_cache="~/models")[-2:] == ["--hub-cache", str(Path.home() / "models")]


def test_a_message_too_large_for_a_frame_is_refused(
    start: Callable[..., EngineProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    process = start(*scripted_engine_command(Script()))
    monkeypatch.setattr("engine.api.codec.MAXIMUM_FRAME_BYTES", 1000)
    with pytest.raises(FrameError):
        process.send(generate("g", "x" * 1000))
