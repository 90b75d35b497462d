"""The engine as a process: real pipes, real signals."""

import gc
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from app.worker.engine_link import SHUTDOWN_SECONDS
from engine.__main__ import LANES_END_SECONDS, without_collections
from engine.api.codec import decode_event, encode_frame, read_frame
from engine.api.commands import Cancel, DescribeHardware, Incoming, ListCheckpoints, Shutdown
from engine.api.events import (
    CommandCancelled,
    CommandFailed,
    EngineReady,
    Event,
    FinishReason,
    GenerationFinished,
    HardwareDescribed,
    TextGenerated,
)
from tests.engine_scripts import Script
from tests.link_probe import PATIENCE_SECONDS, generate
from tests.scripted_engine import scripted_engine_command

ROOT = Path(__file__).resolve().parents[2]
LONG = Script(answer="word ", repeat=100_000, delay_seconds=0.02)


class Engine:
    """One engine process, spoken to by hand."""

    def __init__(self, *argv: str) -> None:
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.stdin, self.stdout, self.stderr = self.process.stdin, self.process.stdout, self.process.stderr

    def send(self, message: Incoming) -> None:
        self.write(encode_frame(message))

    def write(self, data: bytes) -> None:
        self.stdin.write(data)
        self.stdin.flush()

    def receive(self) -> Event | None:
        body = read_frame(self.stdout)
        return None if body is None else decode_event(body)

    def receive_until(self, kind: type) -> Event:
        while not isinstance(event := self.receive(), kind):
            assert event is not None
        return event

    def status(self) -> int:
        return self.process.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.stdout, self.stderr):
            stream.close()
        try:
            self.stdin.close()
        except OSError:
            pass


@pytest.fixture
def start() -> Iterator[Callable[..., Engine]]:
    engines: list[Engine] = []

    def start(*argv: str) -> Engine:
        engines.append(Engine(*argv))
        return engines[-1]

    yield start
    for engine in engines:
        engine.close()


@pytest.fixture
def scripted(start: Callable[..., Engine]) -> Callable[..., Engine]:
    def start_scripted(script: str | Script = "answer") -> Engine:
        engine = start(*scripted_engine_command(script))
        assert isinstance(engine.receive(), EngineReady)
        return engine

    return start_scripted


@pytest.fixture
def handled(start: Callable[..., Engine], tmp_path: Path) -> Callable[[str], Engine]:
    """An engine whose DescribeHardware runs the given lines first."""

    def start_with(lines: str) -> Engine:
        program = tmp_path / "program.py"
        body = "\n".join(f"        {line}" for line in lines.splitlines())
        program.write_text(
            f"import os, sys, time, warnings\nsys.path.insert(0, {str(ROOT)!r})\n"
            "from engine.__main__ import claim_pipes, serve\n"
            "from engine.api.events import HardwareDescribed\n"
            "from tests.engine_scripts import HARDWARE\n"
            "class Handler:\n"
            "    def handle(self, command, cancellation, emit):\n"
            f"{body}\n"
            "        return HardwareDescribed(command_id=command.command_id, hardware=HARDWARE)\n"
            "stdin, stdout = claim_pipes()\n"
            "serve(stdin, stdout, Handler, Handler)\n"
        )
        engine = start(sys.executable, str(program))
        assert isinstance(engine.receive(), EngineReady)
        return engine

    return start_with


def test_ready_comes_first_and_before_torch(start: Callable[..., Engine], tmp_path: Path) -> None:
    engine = start(sys.executable, "-X", "importtime", "-m", "engine", "--data", str(tmp_path))
    ready = engine.receive()
    assert isinstance(ready, EngineReady)
    assert ready.process_id == engine.process.pid
    engine.send(Shutdown())
    assert engine.status() == 0
    imported = engine.stderr.read().decode()
    assert "msgspec" in imported
    assert "torch" not in imported
    assert engine.receive() is None


def test_chatter_does_not_reach_the_pipe(handled: Callable[[str], Engine]) -> None:
    engine = handled(
        "print('from python')\n"
        "os.write(1, b'from native code\\n')\n"
        "os.system('echo from a child')\n"
        "sys.stdout.flush()\n"
        "warnings.warn('from a library')"
    )
    engine.send(DescribeHardware(command_id="h"))
    assert isinstance(engine.receive(), HardwareDescribed)
    engine.send(Shutdown())
    assert engine.receive() is None
    log = engine.stderr.read().decode()
    for source in ("python", "native code", "a child", "a library"):
        assert f"from {source}" in log


def test_a_library_that_asks_something_gets_no_answer_and_no_frame(handled: Callable[[str], Engine]) -> None:
    engine = handled(
        "try:\n    input('Run remote code? [y/N] ')\nexcept EOFError:\n    pass\nassert os.read(0, 10) == b''"
    )
    engine.send(DescribeHardware(command_id="h"))
    engine.send(ListCheckpoints(command_id="l"))
    assert isinstance(engine.receive_until(HardwareDescribed), HardwareDescribed)


def test_a_child_of_the_engine_does_not_hold_the_pipe(handled: Callable[[str], Engine]) -> None:
    engine = handled("import subprocess\nsubprocess.Popen(['sleep', '60'], close_fds=False, stderr=subprocess.DEVNULL)")
    engine.send(DescribeHardware(command_id="h"))
    engine.receive_until(HardwareDescribed)
    (child,) = psutil.Process(engine.process.pid).children()
    try:
        engine.process.kill()
        assert engine.receive() is None
        assert child.is_running(), "the pipe was open until the child's end"
    finally:
        child.kill()


@pytest.mark.parametrize(
    "script",
    ["answer", LONG, "ignore_cancel", Script(fault="hang", fault_after=1)],
    ids=["answer", "an answer of half an hour", "one that is not to be cancelled", "hang"],
)
@pytest.mark.parametrize("way", ["shutdown", "end of stdin", "SIGTERM"])
def test_it_ends_with_status_0_whatever_it_does(
    scripted: Callable[..., Engine], script: str | Script, way: str
) -> None:
    engine = scripted(script)
    engine.send(generate("g"))
    engine.receive_until(TextGenerated)
    if way == "shutdown":
        engine.send(Shutdown())
    elif way == "SIGTERM":
        engine.process.terminate()
    else:
        engine.stdin.close()
    assert engine.status() == 0
    if script is LONG:
        finished = engine.receive_until(GenerationFinished)
        assert isinstance(finished, GenerationFinished)
        assert finished.reason is FinishReason.STOPPED


def test_lanes_are_left_before_the_app_ends_the_process() -> None:
    assert LANES_END_SECONDS < SHUTDOWN_SECONDS


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x01\xc1",
        (5).to_bytes(4, "big") + msgspec.msgpack.encode("four"),
        encode_frame(Cancel(command_id="x"))[:-1],
        b"\x00\x00",
    ],
    ids=["too long", "no msgpack", "no command", "cut", "cut length"],
)
def test_a_broken_frame_ends_it_with_status_3(scripted: Callable[..., Engine], data: bytes) -> None:
    engine = scripted("slow")
    engine.send(generate("g"))
    engine.receive_until(TextGenerated)
    engine.write(data)
    engine.stdin.close()
    assert engine.status() == 3
    assert "broken frame" in engine.stderr.read().decode()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_is_left_to_the_app(scripted: Callable[..., Engine]) -> None:
    # A shell starts background jobs with SIGINT ignored, and the engine would inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        engine = scripted()
    finally:
        signal.signal(signal.SIGINT, before)
    for _ in range(3):
        engine.process.send_signal(signal.SIGINT)
    engine.send(generate("g"))
    engine.receive_until(GenerationFinished)


def test_it_ends_if_nobody_listens_any_more(scripted: Callable[..., Engine]) -> None:
    engine = scripted(LONG)
    engine.send(generate("g"))
    engine.receive_until(TextGenerated)
    engine.stdout.close()
    assert engine.status() == 4


def test_an_early_cancel_counts(scripted: Callable[..., Engine]) -> None:
    engine = scripted("slow")
    engine.write(encode_frame(generate("running")) + encode_frame(generate("g")) + encode_frame(Cancel(command_id="g")))
    while isinstance(event := engine.receive(), Event) and getattr(event, "command_id", "") != "g":
        pass
    assert event == CommandCancelled(command_id="g")


def test_a_flood_of_commands_is_answered_one_by_one(scripted: Callable[..., Engine]) -> None:
    engine = scripted("answer")
    engine.write(b"".join(encode_frame(DescribeHardware(command_id=str(index % 100))) for index in range(300)))
    engine.send(Cancel(command_id="no such command"))
    engine.send(generate("last"))
    answered = []
    while not isinstance(event := engine.receive(), GenerationFinished):
        if isinstance(event, HardwareDescribed):
            answered.append(event.command_id)
    assert answered == [str(index) for index in range(100)]


def test_the_libraries_find_their_environment(start: Callable[..., Engine], tmp_path: Path) -> None:
    """Read by the first command's imports, so it must be set before."""
    (tmp_path / "engine_probe.py").write_text(
        "import os, sys\n"
        "names = ('HF_HUB_DISABLE_TELEMETRY', 'HF_HUB_DISABLE_IMPLICIT_TOKEN', 'HF_HUB_DISABLE_PROGRESS_BARS',\n"
        "         'TOKENIZERS_PARALLELISM', 'HF_HUB_OFFLINE')\n"
        "class ChatEngine:\n"
        "    def __init__(self, folder, *_others):\n"
        "        raise RuntimeError(repr([folder.name, *[os.environ.get(name) for name in names]]))\n"
        "sys.modules['engine.chat_engine'] = sys.modules['engine_probe']\n"
    )
    code = (
        f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(tmp_path)!r}]\n"
        "import engine_probe, engine.__main__\n"
        "engine.__main__.main()\n"
    )
    engine = start(sys.executable, "-c", code, "--data", str(tmp_path / "data"), "--offline")
    assert isinstance(engine.receive(), EngineReady)
    engine.send(DescribeHardware(command_id="h"))
    failed = engine.receive()
    assert isinstance(failed, CommandFailed)
    assert "['data', '1', '1', '1', 'false', '1']" in failed.error.details


def test_wrong_usage_is_told(start: Callable[..., Engine]) -> None:
    engine = start(sys.executable, "-m", "engine")
    assert engine.status() == 2
    assert "--data" in engine.stderr.read().decode()


def test_garbage_is_looked_for_again_when_the_libraries_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen: list[bool] = []
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(gc.isenabled()))
    with without_collections():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert frozen == [False]
    with pytest.raises(ImportError), without_collections():
        raise ImportError("a library is missing")
    assert gc.isenabled()


def test_the_engine_starts_without_loading_a_compiler(tmp_path: Path) -> None:
    program = (
        "import os, sys\nimport engine.__main__ as engine\n"
        "def serve(stdin, stdout, compute, *others):\n"
        "    compute()\n"
        "    import torch\n"
        "    found = [name in sys.modules for name in ('bitsandbytes', 'torch._inductor.compile_fx')]\n"
        "    print(*found, torch.compile.__module__)\n"
        "    sys.stdout.flush()\n    os._exit(0)\n"
        f"engine.serve = serve\nsys.argv = ['engine', '--data', {str(tmp_path)!r}]\nengine.main()\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=300)
    # The engine's own stdout is stderr, as its pipe is for frames only.
    assert "True False torch" in run.stderr.splitlines(), run.stderr
