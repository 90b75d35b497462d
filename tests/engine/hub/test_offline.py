"""No request leaves while Hearth is to work offline: guards in this process, and a real engine beside a tripwire."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.api.cancellation import CancellationToken
from engine.api.commands import (
    CheckConnection,
    Command,
    DownloadCheckpoint,
    InspectCheckpoint,
    PlanCheckpoint,
    SearchCheckpoints,
)
from engine.api.errors import EngineError, ErrorKind
from engine.api.events import CommandFailed, ConnectionChecked, Terminal
from engine.api.hub import HubAccess
from engine.checkpoints.lookups import Lookups
from engine.lookups import HubLookups
from engine.transfers import Transfers
from tests.engine.hub.one_engine import run_engine

HUB_ID = "owner/chat"


def commands(access: HubAccess) -> list[Command]:
    return [
        SearchCheckpoints(command_id="words", text="chat", access=access),
        SearchCheckpoints(command_id="id", text=HUB_ID, access=access),
        InspectCheckpoint(command_id="inspect", checkpoint=HUB_ID, access=access),
        CheckConnection(command_id="check", access=access),
        PlanCheckpoint(command_id="plan", checkpoint=HUB_ID, ask_hub=True, access=access),
        PlanCheckpoint(command_id="light", checkpoint=HUB_ID, ask_hub=True, reads_headers=False, access=access),
        DownloadCheckpoint(command_id="download", checkpoint=HUB_ID, access=access),
    ]


def is_offline_answer(terminal: Terminal | None) -> bool:
    if isinstance(terminal, ConnectionChecked):
        return [step.name for step in terminal.steps] == ["Offline"]
    return isinstance(terminal, CommandFailed) and terminal.error.kind is ErrorKind.OFFLINE


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Record every attempt to look up a name or to connect; none may get anywhere."""
    attempts: list[str] = []

    def refuse(name: str) -> Callable[..., None]:
        def attempt(*arguments: object, **_: object) -> None:
            attempts.append(f"{name} {arguments}")
            raise OSError("a socket was asked for")

        return attempt

    monkeypatch.setattr(socket, "getaddrinfo", refuse("getaddrinfo"))
    monkeypatch.setattr(socket, "create_connection", refuse("create_connection"))
    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse(name))
    yield attempts
    assert attempts == []


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("variable", ["", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_no_command_opens_a_socket(no_sockets: list[str], variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if variable:
        monkeypatch.setenv(variable, "1")
    access = HubAccess(endpoint="http://127.0.0.1:1", offline=not variable, token="")
    for command in commands(access):
        handler = Transfers() if isinstance(command, DownloadCheckpoint) else HubLookups(Lookups())
        try:
            ended = handler.handle(command, CancellationToken(), lambda _event: None)
        except EngineError as error:
            ended = CommandFailed(command_id="", error=error.report)
        assert is_offline_answer(ended), command
    assert no_sockets == []


@pytest.mark.usefixtures("cache")
def test_the_guard_would_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **_: attempts.append(arguments))
    command = SearchCheckpoints(command_id="s", text="x", access=HubAccess(endpoint="http://hub.example"))
    with pytest.raises(EngineError):
        HubLookups(Lookups()).handle(command, CancellationToken(), lambda _event: None)
    assert attempts


class Tripwire:
    """Listens on this machine and counts who comes."""

    def __init__(self) -> None:
        self.visits = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._listen, name="tripwire")

    def __enter__(self) -> "Tripwire":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.visits += 1
            connection.close()


@pytest.mark.parametrize("how", ["the access", "--offline", "nothing"])
def test_a_real_engine_leaves_the_wire_alone(how: str, tmp_path: Path) -> None:
    flags = ["--offline"] if how == "--offline" else []
    asked = commands(HubAccess(offline=how == "the access"))
    with Tripwire() as wire:
        told = run_engine(asked, tmp_path, *flags, HF_ENDPOINT=wire.endpoint, http_proxy=wire.endpoint)
        if how == "nothing":  # the wire does notice
            assert wire.visits > 0
        else:
            assert all(is_offline_answer(event) for event in told.terminals)
            assert wire.visits == 0
