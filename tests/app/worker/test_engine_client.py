import gc
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

import pytest
from PySide6.QtCore import QObject, QThread, Slot
from pytestqt.qtbot import QtBot

from app.worker.engine_client import EngineClient
from app.worker.engine_link import EngineLink
from app.worker.engine_state import EngineState, EngineStateChanged, LinkEvent
from app.worker.engine_thread import EngineThread
from engine.api.events import FinishReason, GenerationFinished, TextGenerated, is_terminal
from tests.engine_scripts import Script
from tests.link_probe import expect_no_engine_threads, generate, is_running
from tests.scripted_engine import scripted_engine_command


class Receiver(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.events: list[LinkEvent] = []
        self.threads: set[QThread] = set()

    @Slot(object)
    def on_event(self, event: LinkEvent) -> None:
        self.events.append(event)
        self.threads.add(QThread.currentThread())

    def ended(self, command_id: str) -> list[LinkEvent]:
        return [
            event
            for event in self.events
            if not isinstance(event, EngineStateChanged) and is_terminal(event) and event.command_id == command_id
        ]

    def texts(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, TextGenerated)]

    def states(self) -> list[EngineState]:
        return [event.state for event in self.events if isinstance(event, EngineStateChanged)]


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def start(qtbot: QtBot, receiver: Receiver, tmp_path: Path) -> Iterator[Callable[..., EngineClient]]:
    clients: list[EngineClient] = []

    def start(script: str | Script = "answer") -> EngineClient:
        client = EngineClient(scripted_engine_command(script), tmp_path / "engine.log")
        client.event_received.connect(receiver.on_event)
        client.start()
        clients.append(client)
        return client

    yield start
    for client in clients:
        assert client.stop()
    expect_no_engine_threads()


def test_events_arrive_on_the_gui_thread(qtbot: QtBot, receiver: Receiver, start: Callable[..., EngineClient]) -> None:
    client = start()
    client.submit(generate("g"))
    assert receiver.events == [], "never out of a call of submit()"
    qtbot.waitUntil(lambda: bool(receiver.ended("g")), timeout=30_000)
    assert receiver.threads == {QThread.currentThread()}
    assert "".join(receiver.texts()) == "Paris is the capital of France."


@pytest.mark.usefixtures("patient_link")
def test_stop_delivers_what_was_written_before_it_returns(
    qtbot: QtBot, receiver: Receiver, start: Callable[..., EngineClient]
) -> None:
    client = start("slow")
    client.submit(generate("g"))
    qtbot.waitUntil(lambda: bool(receiver.texts()), timeout=30_000)
    assert client.stop()
    (finished,) = receiver.ended("g")
    assert isinstance(finished, GenerationFinished)
    assert finished.reason is FinishReason.STOPPED
    assert finished.text == "".join(receiver.texts())
    assert receiver.states()[-1] is EngineState.STOPPED


def test_cancel_and_a_second_stop(qtbot: QtBot, receiver: Receiver, start: Callable[..., EngineClient]) -> None:
    client = start("slow")
    client.submit(generate("g"))
    client.cancel("g")
    qtbot.waitUntil(lambda: bool(receiver.ended("g")), timeout=30_000)
    assert client.stop()
    assert client.stop()


def test_a_client_that_never_started_can_be_stopped(qtbot: QtBot) -> None:
    assert EngineClient(scripted_engine_command()).stop()


def test_after_the_end_a_command_is_still_answered_from_the_event_loop(
    qtbot: QtBot, receiver: Receiver, start: Callable[..., EngineClient]
) -> None:
    client = start()
    client.stop()
    client.submit(generate("g"))
    assert receiver.ended("g") == []
    qtbot.waitUntil(lambda: bool(receiver.ended("g")), timeout=30_000)


def test_restart_after_failure(qtbot: QtBot, receiver: Receiver, start: Callable[..., EngineClient]) -> None:
    client = start("die_at_start")
    qtbot.waitUntil(lambda: EngineState.FAILED in receiver.states(), timeout=30_000)
    client.restart()
    qtbot.waitUntil(lambda: receiver.states().count(EngineState.FAILED) == 2, timeout=30_000)


def test_an_exception_on_the_thread_reaches_the_exception_hook(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    caught: list[BaseException] = []

    def hook(_kind: type[BaseException], error: BaseException, _traceback: TracebackType | None) -> None:
        caught.append(error)

    monkeypatch.setattr(sys, "excepthook", hook)
    process_ids: list[int] = []

    def on_event(event: LinkEvent) -> None:
        if not isinstance(event, EngineStateChanged):
            process_ids.append(event.process_id)  # type: ignore[union-attr]
            raise KeyError("a bug")

    thread = EngineThread(EngineLink(scripted_engine_command(), on_event))
    thread.start()
    assert thread.wait(30_000)
    assert [str(error) for error in caught] == ["'a bug'"]
    assert not is_running(process_ids[0])


@pytest.mark.skipif(sys.platform != "linux", reason="reads what the system calls a thread")
def test_the_thread_is_called_by_a_name_of_its_own() -> None:
    """Not by its class, which Qt would look up while the window's thread makes others, and can crash."""
    names: list[str] = []

    def on_event(_event: LinkEvent) -> None:
        names.append(Path("/proc/thread-self/comm").read_text(encoding="ascii").strip())
        link.stop()

    link = EngineLink(scripted_engine_command(), on_event)
    thread = EngineThread(link)
    thread.start()
    assert thread.wait(30_000)
    assert names[0] == "engine-link"


def test_many_events_keep_the_references_of_true(
    qtbot: QtBot, receiver: Receiver, start: Callable[..., EngineClient]
) -> None:
    """Some PySide6 versions lose one reference to True with each emit, and abort the process in the end."""
    client = start()
    gc.collect()
    gc.disable()  # what others left behind may hold True as well
    try:
        before = sys.getrefcount(True)
        for index in range(10_000):
            client.event_received.emit(index)
        assert sys.getrefcount(True) > before - 5_000
    finally:
        gc.enable()
