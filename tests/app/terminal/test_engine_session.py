"""Waiting for the engine in a terminal: a signal is looked at whenever it comes."""

import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from app.terminal import engine_session
from app.terminal.engine_session import EngineSession
from app.terminal.interrupts import Interrupts
from engine.api.commands import FinishWriting
from engine.api.events import Event, WritingFinished
from tests.engine_scripts import Script
from tests.scripted_engine import scripted_engine_command

_ENOUGH_SIGNALS = 200


@pytest.fixture
def slow_signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Signals that come during each look for events, and are handled until its time has passed, as on a busy machine.

    The list grows with them, until a look empties it; too many without one fail the test.
    """
    monkeypatch.setattr(engine_session, "_LOOK_SECONDS", 0.02)
    handled: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        handled.append(number)
        if len(handled) == _ENOUGH_SIGNALS:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            pytest.fail("nobody looked")
        time.sleep(0.03)

    previous = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.05)
    yield handled
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    signal.signal(signal.SIGALRM, previous)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no timer that sends signals")
def test_a_signal_that_takes_as_long_as_the_wait_does_not_make_it_endless(
    tmp_path: Path, slow_signals: list[int]
) -> None:
    writes = tmp_path / "writes"
    script = Script(writing_mark=str(writes), writing_seconds=600.0)
    looks_behind_signals = 0

    with (
        EngineSession(scripted_engine_command(script), tmp_path / "engine.log") as session,
        Interrupts() as interrupts,
    ):

        def on_event(_event: Event | None) -> None:
            nonlocal looks_behind_signals
            looks_behind_signals += bool(slow_signals) and writes.exists()
            slow_signals.clear()
            if looks_behind_signals == 5 and not interrupts.requested:
                signal.raise_signal(signal.SIGINT)

        terminal = session.run(FinishWriting(command_id="a", conversation_id="c"), on_event, interrupts)
    assert isinstance(terminal, WritingFinished)
    assert terminal.unwritten_tokens
