"""The terminal's parts on a scripted engine: the real processes and store, answers that are known."""

import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app import cli
from app.conversations.records import new_id
from app.terminal.engine_session import EngineSession, OnEvent
from app.terminal.interrupts import Interrupts
from app.worker.engine_process import engine_command
from engine.api.commands import Command, ListCheckpoints
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


@pytest.fixture(scope="module")
def real_engine(converted_starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineSession]:
    """A real engine with the starter model, without the Hub: it takes seconds to start, so a module has one for all."""
    folder = tmp_path_factory.mktemp("engine")
    (folder / "data").mkdir()
    (folder / "data" / "checkpoints").symlink_to(converted_starter / "checkpoints", target_is_directory=True)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HF_HUB_OFFLINE", "1")
        environment.setenv("HF_HOME", str(folder / "hf-home"))
        with EngineSession(engine_command(folder / "data"), folder / "engine.log") as session:
            with Interrupts() as interrupts:  # started before a test: its threads are none's
                session.run(ListCheckpoints(command_id=new_id()), lambda _: None, interrupts)
            yield session
