"""The engine dies, hangs, lies or is left alone (rows 1, 2, 22, 23, 24 and 43 of the fault catalogue)."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from app.worker import engine_link
from app.worker.engine_state import EngineState, EngineStateChanged
from engine.api.errors import ErrorKind
from engine.api.events import (
    CheckpointLoaded,
    CommandCancelled,
    CommandFailed,
    FinishReason,
    GenerationFinished,
)
from tests.engine_scripts import Script
from tests.link_probe import PATIENCE_SECONDS, LinkProbe, generate, is_alive, is_running, load

StartLink = Callable[..., LinkProbe]
ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")


def assert_recovered(probe: LinkProbe, message: str) -> None:
    """The answer failed once, its text is kept, the model is loaded again, and the next command works."""
    failed = probe.terminal("g")
    assert isinstance(failed, CommandFailed)
    assert failed.error.kind is ErrorKind.ENGINE_DIED
    assert message in failed.error.message
    assert isinstance(probe.do(generate("next")), GenerationFinished)
    assert len(probe.terminals("g")) == 1
    assert len(probe.process_ids()) == 2
    assert not is_running(probe.process_ids()[0]), "no zombie"
    reload_id = probe.reloads()[0].command_id
    assert isinstance(probe.terminal(reload_id), CheckpointLoaded)
    assert probe.states() == [
        EngineState.STARTING,
        EngineState.READY,
        EngineState.RESTARTING,
        EngineState.READY,
    ]


def test_sigkill_while_streaming(start_link: StartLink, tmp_path: Path) -> None:
    # It waits in the middle of its answer until it is killed, however late that is.
    script = Script(answer="word " * 50, delay_seconds=0.02, fault="hang", fault_after=25)
    probe = start_link(script, once=True)
    probe.do(load())
    probe.submit(generate("g"))
    probe.submit(generate("queued"))
    probe.wait_for(lambda: probe.text("g").count("word") == 25)
    (tmp_path / "once").touch()
    os.kill(probe.wait_for_process(), signal.SIGKILL)
    assert_recovered(probe, "What was written is kept")
    assert probe.text("g").startswith("word")
    queued = probe.terminal("queued")
    assert isinstance(queued, CommandFailed)


def test_a_kill_for_want_of_memory_says_so(start_link: StartLink) -> None:
    probe = start_link("kill", once=True)
    probe.do(load())
    probe.submit(generate("g"))
    assert_recovered(probe, "memory ran out")


@pytest.mark.parametrize("fault", ["exit", "garbage", "wrong_event", "half_frame", "close_pipe"])
def test_a_broken_engine_is_replaced(start_link: StartLink, fault: str) -> None:
    probe = start_link(fault, once=True)
    probe.do(load())
    probe.submit(generate("g"))
    assert_recovered(probe, "The engine stopped unexpectedly while answering.")


@pytest.mark.parametrize(("fault", "kind"), [("out_of_memory", ErrorKind.OUT_OF_MEMORY), ("bug", ErrorKind.INTERNAL)])
def test_out_of_memory_and_bugs_leave_the_engine_alive(start_link: StartLink, fault: str, kind: ErrorKind) -> None:
    probe = start_link(fault)
    failed = probe.do(generate("g"))
    assert isinstance(failed, CommandFailed)
    assert failed.error.kind is kind
    assert failed.error.hint
    assert isinstance(probe.do(load()), CheckpointLoaded)
    assert len(probe.process_ids()) == 1


def test_a_lost_graphics_card_means_a_new_process(start_link: StartLink) -> None:
    probe = start_link("device_lost", once=True)
    probe.do(load())
    failed = probe.do(generate("g"))
    assert isinstance(failed, CommandFailed)
    assert failed.error.kind is ErrorKind.DEVICE_LOST
    assert isinstance(probe.do(generate("next")), GenerationFinished)
    assert len(probe.process_ids()) == 2
    assert len(probe.terminals("g")) == 1
    assert probe.reloads()


def ended_before_the_engine(probe: LinkProbe, command_id: str) -> bool:
    """Return whether a command's end was told before the engine was given up."""
    probe.wait_for_state(EngineState.RESTARTING)
    given_up = next(
        place
        for place, event in enumerate(probe.events)
        if isinstance(event, EngineStateChanged) and event.state is EngineState.RESTARTING
    )
    return probe.events.index(probe.terminal(command_id)) < given_up


@pytest.mark.parametrize("fault", ["freeze", "hang"])
def test_stop_of_a_hung_engine_returns_soon_and_the_engine_is_killed(start_link: StartLink, fault: str) -> None:
    probe = start_link(fault, once=True)
    probe.do(load())
    probe.submit(generate("g"))
    probe.wait_for(lambda: probe.text("g") == "Paris is the")
    probe.submit(generate("behind"))
    stopped = time.monotonic()
    probe.link.cancel("g")
    assert probe.terminal("g") == CommandCancelled(command_id="g")
    behind = probe.terminal("behind")
    assert time.monotonic() - stopped > 4.5, "it was given no time to come to itself"
    assert isinstance(behind, CommandFailed)
    assert ended_before_the_engine(probe, "g"), "Stop has waited for the engine's end"
    assert isinstance(probe.do(generate("next")), GenerationFinished)
    assert not is_running(probe.process_ids()[0]), "no zombie"
    assert "did not react" in next(
        event.message for event in probe.events if isinstance(event, EngineStateChanged) and event.state == "restarting"
    )


@pytest.mark.parametrize("fault", ["freeze", "hang"])
def test_what_is_asked_after_stopping_a_load_that_hangs_is_done_by_the_next_engine(
    start_link: StartLink, fault: Literal["freeze", "hang"]
) -> None:
    probe = start_link(Script(answer="Paris", fault=fault, fault_on="load_checkpoint", fault_after=2), once=True)
    probe.submit(load("dead"))
    probe.submit(generate("before"))
    probe.wait_for(lambda: any(event.done for event in probe.of("dead")))  # from here on it looks at no Stop
    probe.link.cancel("dead")
    probe.submit(load("other"))
    probe.submit(generate("question"))
    assert isinstance(probe.terminal("other"), CheckpointLoaded)
    assert isinstance(probe.terminal("question"), GenerationFinished)
    assert probe.terminals("dead") == [CommandCancelled(command_id="dead")]
    assert isinstance(probe.terminal("before"), CommandFailed), "it was sent to the engine that was given up"
    assert not probe.reloads()


def test_an_engine_that_streams_on_after_stop_is_silenced_and_then_killed(start_link: StartLink) -> None:
    probe = start_link("ignore_cancel")
    probe.submit(generate("g"))
    probe.wait_for_text("g")
    probe.link.cancel("g")
    probe.terminal("g")
    pieces = len(probe.pieces("g"))
    probe.wait_for_process(2)
    assert ended_before_the_engine(probe, "g"), "Stop has waited for the engine's end"
    assert len(probe.pieces("g")) == pieces
    assert len(probe.terminals("g")) == 1


def test_three_deaths_in_a_minute_are_enough(start_link: StartLink) -> None:
    probe = start_link("exit")
    for index in range(3):
        assert isinstance(probe.do(generate(f"g{index}")), CommandFailed)
    probe.wait_for_state(EngineState.FAILED)
    failed = probe.do(generate("later"))
    assert isinstance(failed, CommandFailed)
    assert failed.error.kind is ErrorKind.ENGINE_DIED
    assert "three times" in failed.error.message
    assert failed.error.hint
    assert "scripted: about to exit" in failed.error.details
    assert len(probe.process_ids()) == 3
    assert probe.states().count(EngineState.RESTARTING) == 2


def test_shutdown_while_streaming_keeps_the_answer_and_waits_for_nothing_else(
    start_link: StartLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_link, "SHUTDOWN_SECONDS", 2 * PATIENCE_SECONDS)  # the probe gives up before
    probe = start_link("slow")
    probe.submit(generate("g"))
    probe.wait_for_text("g")
    probe.stop()
    finished = probe.terminal("g")
    assert isinstance(finished, GenerationFinished)
    assert finished.reason is FinishReason.STOPPED
    assert EngineState.RESTARTING not in probe.states()


def test_shutdown_of_a_frozen_engine_is_bounded(start_link: StartLink) -> None:
    probe = start_link("freeze")
    probe.submit(generate("g"))
    probe.wait_for(lambda: probe.text("g") == "Paris is the")
    probe.stop()
    assert probe.terminal("g") == CommandCancelled(command_id="g")
    assert EngineState.RESTARTING not in probe.states()


APP = """
import sys, time
from app.worker.engine_link import EngineLink
from engine.api.events import EngineReady, TextGenerated
from tests.link_probe import generate
from tests.scripted_engine import scripted_engine_command

def tell(event):
    if isinstance(event, EngineReady):
        print(event.process_id, flush=True)
    if isinstance(event, TextGenerated):
        print("text", flush=True)

link = EngineLink(scripted_engine_command(sys.argv[1]), tell)
link.submit(generate("g"))
link.run()
"""


@pytest.mark.parametrize("script", ["slow", "hang"])
def test_the_engine_ends_when_the_app_is_killed(script: str) -> None:
    app = subprocess.Popen([sys.executable, "-c", APP, script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert app.stdout is not None
    with app.stdout:
        engine_process_id = int(app.stdout.readline())
        assert app.stdout.readline() == "text\n"
        app.kill()
        app.wait()
        deadline = time.monotonic() + 30
        while is_alive(engine_process_id) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not is_alive(engine_process_id)
