"""The terminal's parts on a scripted engine: the real processes and store, answers that are known."""

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from app import cli
from app.terminal.engine_session import EngineSession, OnEvent
from app.terminal.interrupts import Interrupts
from engine.api.commands import Command
from engine.api.events import Terminal
from tests.engine_scripts import Script
from tests.scripted_engine import scripted_engine_command


@dataclass
class Result:
    status: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def use_script(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the terminal start this script instead of the real engine."""

    def use(script: str | Script, once: Path | None = None) -> None:
        monkeypatch.setattr(
            "app.terminal.engine_session.engine_command", lambda *_, **__: scripted_engine_command(script, once)
        )

    use("echo")
    return use


@pytest.fixture
def hearth(use_script: Callable[..., None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command in this process with a text on stdin."""

    def run(*arguments: str, stdin: str = "") -> Result:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        status = cli.main(arguments)
        captured = capsys.readouterr()
        return Result(status, captured.out, captured.err)

    return run


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[Command]:
    """A list that fills with the commands that go to the engine."""
    sent: list[Command] = []
    run = EngineSession.run

    def spy(session: EngineSession, command: Command, on_event: OnEvent, interrupts: Interrupts) -> Terminal:
        sent.append(command)
        return run(session, command, on_event, interrupts)

    monkeypatch.setattr(EngineSession, "run", spy)
    return sent
