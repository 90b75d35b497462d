import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.api.cancellation import CancellationToken
from engine.api.codec import encode_frame
from engine.api.commands import (
    Command,
    DownloadCheckpoint,
    ForgetConversation,
    Generate,
    ListCheckpoints,
    LoadCheckpoint,
    PrepareConversation,
    SearchCheckpoints,
    SuggestTitle,
)
from engine.api.errors import EngineError, ErrorKind
from engine.api.events import (
    CheckpointsFound,
    CheckpointsListed,
    CommandCancelled,
    CommandFailed,
    ConversationForgotten,
    DownloadProgress,
    EngineReady,
    Event,
    LoadPhase,
    LoadProgress,
    Terminal,
    is_terminal,
)
from engine.lanes import Emit, Handler, Lanes

Behaviour = Callable[[Command, CancellationToken, Emit], Terminal]
PATIENCE_SECONDS = 30.0  # of a busy machine; nothing waits that long when all is well


class Sent:
    """The app's side: whatever was sent must have fitted in a frame."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.changed = threading.Condition()

    def send(self, event: Event) -> None:
        encode_frame(event)
        with self.changed:
            self.events.append(event)
            self.changed.notify_all()

    def terminals(self, command_id: str) -> list[Event]:
        return [event for event in self.events if is_terminal(event) and event.command_id == command_id]

    def terminal(self, command_id: str) -> Event:
        with self.changed:
            assert self.changed.wait_for(lambda: bool(self.terminals(command_id)), PATIENCE_SECONDS)
        (event,) = self.terminals(command_id)
        return event


class Behaving:
    def __init__(self, behave: Behaviour) -> None:
        self._behave = behave

    def handle(self, command: Command, cancellation: CancellationToken, emit: Emit) -> Terminal:
        return self._behave(command, cancellation, emit)


def forgotten(command: Command) -> ConversationForgotten:
    return ConversationForgotten(command_id=command.command_id, freed_bytes=0)


def forget(command_id: str) -> ForgetConversation:
    return ForgetConversation(command_id=command_id, conversation_id="conversation")


def until_cancelled(command: Command, cancellation: CancellationToken, _emit: Emit) -> Terminal:
    while not cancellation.is_cancelled:
        time.sleep(0.001)
    cancellation.raise_if_cancelled()
    return forgotten(command)


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def start(sent: Sent) -> Iterator[Callable[..., Lanes]]:
    started: list[Lanes] = []

    def start(behave: Behaviour, transfer: Behaviour | None = None) -> Lanes:
        started.append(Lanes(lambda: Behaving(behave), lambda: Behaving(transfer or behave), sent.send))
        return started[-1]

    yield start
    for lanes in started:
        assert lanes.close(PATIENCE_SECONDS)


def outcome(start: Callable[..., Lanes], sent: Sent, behave: Behaviour) -> Event:
    """Run one command that behaves so, see that the lane lives on, and return how the command ended."""
    lanes = start(lambda command, token, emit: (behave if command.command_id == "a" else _well)(command, token, emit))
    lanes.accept(forget("a"))
    lanes.accept(forget("b"))
    assert isinstance(sent.terminal("b"), ConversationForgotten)
    return sent.terminal("a")


def _well(command: Command, _token: CancellationToken, _emit: Emit) -> Terminal:
    return forgotten(command)


def raising(error: BaseException) -> Behaviour:
    def behave(_command: Command, _token: CancellationToken, _emit: Emit) -> Terminal:
        raise error

    return behave


def test_a_failure_of_the_world_is_told_as_it_is(start: Callable[..., Lanes], sent: Sent) -> None:
    error = EngineError(ErrorKind.DISK, "The disk is full.", "Free some space.", "ENOSPC", link="https://here.example")
    failed = outcome(start, sent, raising(error))
    assert failed == CommandFailed(command_id="a", error=error.report)


@pytest.mark.parametrize("error", [KeyError("x"), SystemExit(3), KeyboardInterrupt(), RecursionError()])
def test_a_bug_becomes_a_failure_with_its_traceback(
    start: Callable[..., Lanes], sent: Sent, error: BaseException
) -> None:
    failed = outcome(start, sent, raising(error))
    assert isinstance(failed, CommandFailed)
    assert failed.error.kind is ErrorKind.INTERNAL
    assert type(error).__name__ in failed.error.details
    assert "in behave" in failed.error.details


def test_the_log_names_the_place_of_a_bug_but_no_text(
    start: Callable[..., Lanes], sent: Sent, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        outcome(start, sent, raising(ValueError("my secret diary")))
    assert "ValueError" in caplog.text
    assert "in behave" in caplog.text
    assert "diary" not in caplog.text


def test_want_of_memory_is_told_apart(start: Callable[..., Lanes], sent: Sent) -> None:
    failed = outcome(start, sent, raising(MemoryError()))
    assert isinstance(failed, CommandFailed)
    assert failed.error.kind is ErrorKind.OUT_OF_MEMORY


@pytest.mark.parametrize("error", [EngineError(ErrorKind.DISK, "\udc80", "\udc81", "\udc82"), OSError("\ud800")])
def test_text_that_no_pipe_can_hold_is_cleaned(start: Callable[..., Lanes], sent: Sent, error: Exception) -> None:
    failed = outcome(start, sent, raising(error))
    assert isinstance(failed, CommandFailed)
    assert "\ufffd" in failed.error.message + failed.error.details


@pytest.mark.parametrize(
    "wrong",
    [
        ConversationForgotten(command_id="other", freed_bytes=0),
        EngineReady(process_id=1),
        LoadProgress(command_id="a", phase=LoadPhase.LOADING, done=0, total=0),
        ConversationForgotten(command_id="a", freed_bytes=2**70),
        CommandFailed(command_id="a", error=EngineError(ErrorKind.DISK, "\ud800").report),
        None,
    ],
)
def test_a_handler_that_returns_nonsense_ends_its_command_nevertheless(
    start: Callable[..., Lanes], sent: Sent, wrong: Terminal
) -> None:
    assert isinstance(outcome(start, sent, lambda *_: wrong), CommandFailed)


@pytest.mark.parametrize(
    "wrong",
    [
        ConversationForgotten(command_id="a", freed_bytes=0),
        EngineReady(process_id=1),
        LoadProgress(command_id="other", phase=LoadPhase.LOADING, done=0, total=0),
    ],
)
def test_a_handler_cannot_emit_what_is_not_its_progress(start: Callable[..., Lanes], sent: Sent, wrong: Event) -> None:
    def behave(command: Command, _token: CancellationToken, emit: Emit) -> Terminal:
        emit(wrong)
        return forgotten(command)

    failed = outcome(start, sent, behave)
    assert isinstance(failed, CommandFailed)
    assert wrong not in sent.events


def test_progress_after_the_end_is_dropped(start: Callable[..., Lanes], sent: Sent) -> None:
    kept: list[Emit] = []

    def behave(command: Command, _token: CancellationToken, emit: Emit) -> Terminal:
        kept.append(emit)
        return forgotten(command)

    outcome(start, sent, behave)
    kept[0](LoadProgress(command_id="a", phase=LoadPhase.LOADING, done=0, total=0))
    assert all(is_terminal(event) for event in sent.events)


def test_a_running_command_is_cancelled(start: Callable[..., Lanes], sent: Sent) -> None:
    lanes = start(until_cancelled)
    lanes.accept(forget("a"))
    time.sleep(0.02)
    assert sent.events == []
    lanes.cancel("a")
    assert sent.terminal("a") == CommandCancelled(command_id="a")


def test_a_waiting_command_is_cancelled_at_once_and_never_run(start: Callable[..., Lanes], sent: Sent) -> None:
    run: list[str] = []

    def behave(command: Command, token: CancellationToken, emit: Emit) -> Terminal:
        run.append(command.command_id)
        return (_well if command.command_id == "c" else until_cancelled)(command, token, emit)

    lanes = start(behave)
    lanes.accept(forget("a"))
    while not run:
        time.sleep(0.001)
    lanes.accept(forget("b"))
    lanes.cancel("b")
    assert sent.events == [CommandCancelled(command_id="b")]
    lanes.cancel("a")
    sent.terminal("a")
    lanes.accept(forget("c"))
    sent.terminal("c")
    assert run == ["a", "c"]


def test_what_runs_in_the_background_gives_way_to_the_user(start: Callable[..., Lanes], sent: Sent) -> None:
    def behave(command: Command, token: CancellationToken, emit: Emit) -> Terminal:
        return (until_cancelled if isinstance(command, PrepareConversation) else _well)(command, token, emit)

    lanes = start(behave)
    lanes.accept(PrepareConversation(command_id="running", conversation_id="c", messages=()))
    lanes.accept(SuggestTitle(command_id="waiting", conversation_id="c", messages=()))
    lanes.accept(forget("patient"))
    assert sent.terminals("running") == []
    lanes.accept(Generate(command_id="user", conversation_id="c", message_id="m", messages=()))
    assert isinstance(sent.terminal("user"), ConversationForgotten)
    assert isinstance(sent.terminal("running"), CommandCancelled)
    assert isinstance(sent.terminal("waiting"), CommandCancelled)
    assert isinstance(sent.terminal("patient"), ConversationForgotten)


def test_cancelling_what_is_not_there_does_nothing(start: Callable[..., Lanes], sent: Sent) -> None:
    lanes = start(_well)
    lanes.cancel("a")
    lanes.accept(forget("a"))
    assert isinstance(sent.terminal("a"), ConversationForgotten)
    lanes.cancel("a")
    assert len(sent.events) == 1


def test_an_id_used_before_is_ignored(start: Callable[..., Lanes], sent: Sent) -> None:
    lanes = start(_well)
    for command_id in ("a", "a", "b", "a"):
        lanes.accept(forget(command_id))
    sent.terminal("b")
    assert lanes.close(PATIENCE_SECONDS)
    assert [event.command_id for event in sent.events if is_terminal(event)] == ["a", "b"]


def test_the_lanes_do_not_wait_for_each_other(start: Callable[..., Lanes], sent: Sent) -> None:
    def transfer(command: Command, _token: CancellationToken, emit: Emit) -> Terminal:
        emit(DownloadProgress(command_id=command.command_id, done_bytes=0, total_bytes=0))
        return CheckpointsListed(command_id=command.command_id, checkpoints=())

    lanes = start(until_cancelled, transfer)
    lanes.accept(forget("a"))
    lanes.accept(ListCheckpoints(command_id="b"))
    lanes.accept(DownloadCheckpoint(command_id="c", checkpoint="x"))
    assert isinstance(sent.terminal("b"), CheckpointsListed)
    assert isinstance(sent.terminal("c"), CheckpointsListed)
    assert sent.terminals("a") == []


def test_handlers_are_built_late_once_and_on_their_lane(sent: Sent) -> None:
    built: list[str] = []

    def factory() -> Handler:
        built.append(threading.current_thread().name)
        return Behaving(_well)

    lanes = Lanes(factory, factory, sent.send)
    assert built == []
    for index in range(3):
        lanes.accept(forget(str(index)))
    lanes.accept(ListCheckpoints(command_id="l"))
    sent.terminal("2")
    sent.terminal("l")
    assert sorted(name.removesuffix("-2") for name in built) == ["compute-lane", "transfer-lane"]
    assert lanes.close(PATIENCE_SECONDS)


def test_a_library_that_is_broken_is_told_and_tried_again(sent: Sent) -> None:
    tries: list[int] = []

    def factory() -> Handler:
        tries.append(1)
        if len(tries) == 1:
            raise ImportError("libtorch.so: cannot open shared object file")
        return Behaving(_well)

    lanes = Lanes(factory, factory, sent.send)
    lanes.accept(LoadCheckpoint(command_id="a", checkpoint="starter"))
    failed = sent.terminal("a")
    assert isinstance(failed, CommandFailed)
    assert "libtorch" in failed.error.details
    assert sent.events[0] == LoadProgress(command_id="a", phase=LoadPhase.IMPORTING, done=0, total=0)
    lanes.accept(forget("b"))
    assert isinstance(sent.terminal("b"), ConversationForgotten)
    assert lanes.close(PATIENCE_SECONDS)


@pytest.mark.parametrize(
    "error",
    [
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        ImportError("libc10.so: cannot apply additional memory protection after relocation: Cannot allocate memory"),
        OSError(1455, "The paging file is too small for this operation to complete"),
    ],
)
def test_a_library_without_memory_is_told_as_what_it_is(sent: Sent, error: Exception) -> None:
    def factory() -> Handler:
        raise error

    lanes = Lanes(factory, factory, sent.send)
    lanes.accept(LoadCheckpoint(command_id="a", checkpoint="starter"))
    failed = sent.terminal("a")
    assert isinstance(failed, CommandFailed)
    assert failed.error.kind is ErrorKind.OUT_OF_MEMORY
    assert lanes.close(PATIENCE_SECONDS)


def test_closing_ends_what_runs_and_what_waits(sent: Sent) -> None:
    lanes = Lanes(lambda: Behaving(until_cancelled), lambda: Behaving(until_cancelled), sent.send)
    for index in range(4):
        lanes.accept(forget(str(index)))
    assert lanes.close(PATIENCE_SECONDS)
    assert all(len(sent.terminals(str(index))) == 1 for index in range(4))


def test_closing_does_not_wait_for_a_lane_that_hangs(sent: Sent) -> None:
    release, hangs, went_on = threading.Event(), threading.Event(), []

    def hang(command: Command, _token: CancellationToken, _emit: Emit) -> Terminal:
        hangs.set()
        went_on.append(release.wait(PATIENCE_SECONDS))
        return forgotten(command)

    lanes = Lanes(lambda: Behaving(hang), lambda: Behaving(hang), sent.send)
    lanes.accept(forget("a"))
    assert hangs.wait(PATIENCE_SECONDS)
    assert not lanes.close(0.1)
    assert not went_on
    release.set()
    assert lanes.close(PATIENCE_SECONDS)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["forget", "list", "sleep"]), st.integers(0, 9)),
        st.tuples(st.just("cancel"), st.integers(0, 9)),
    ),
    max_size=30,
)


BEHAVIOURS = ["well", "wait", "bug", "emit", "nonsense", "cancelled"]


@settings(max_examples=100, deadline=None)
@given(STEPS, st.lists(st.sampled_from(BEHAVIOURS), min_size=10, max_size=10))
def test_any_order_of_commands_and_cancels_ends_each_command_once(
    steps: list[tuple[str, int]], behaviours: list[str]
) -> None:
    sent = Sent()

    def behave(command: Command, token: CancellationToken, emit: Emit) -> Terminal:
        match behaviours[int(command.command_id)]:
            case "wait":
                return until_cancelled(command, token, emit)
            case "bug":
                raise KeyError
            case "emit":
                emit(DownloadProgress(command_id=command.command_id, done_bytes=0, total_bytes=0))
            case "nonsense":
                return ConversationForgotten(command_id="other", freed_bytes=0)
            case "cancelled":
                token.raise_if_cancelled()
        return forgotten(command)

    lanes = Lanes(lambda: Behaving(behave), lambda: Behaving(behave), sent.send)
    submitted: set[str] = set()
    for kind, number in steps:
        command_id = str(number)
        if kind == "cancel":
            lanes.cancel(command_id)
        elif kind == "sleep":
            time.sleep(0.001)
        else:
            submitted.add(command_id)
            lanes.accept(forget(command_id) if kind == "forget" else ListCheckpoints(command_id=command_id))
    assert lanes.close(PATIENCE_SECONDS)
    assert {command_id: len(sent.terminals(command_id)) for command_id in submitted} == dict.fromkeys(submitted, 1)
    for command_id in submitted:
        assert is_terminal([event for event in sent.events if getattr(event, "command_id", "") == command_id][-1])


def test_two_downloads_run_at_once_and_the_third_waits(sent: Sent) -> None:
    running: list[str] = []

    def transfer(command: Command, cancellation: CancellationToken, emit: Emit) -> Terminal:
        running.append(command.command_id)
        return until_cancelled(command, cancellation, emit)

    lanes = Lanes(lambda: Behaving(_well), lambda: Behaving(transfer), sent.send)
    for name in ("a", "b", "c"):
        lanes.accept(DownloadCheckpoint(command_id=name, checkpoint="x/y"))
    wait_until(lambda: len(running) == 2)
    time.sleep(0.05)
    assert sorted(running) == ["a", "b"]
    lanes.cancel("b")
    wait_until(lambda: running[-1] == "c")
    assert isinstance(sent.terminal("b"), CommandCancelled)
    assert lanes.close(PATIENCE_SECONDS)


def test_lists_and_searches_wait_for_no_download(sent: Sent) -> None:
    lanes = Lanes(
        lambda: Behaving(until_cancelled),
        lambda: Behaving(until_cancelled),
        sent.send,
        lambda: Behaving(lambda command, *_: CheckpointsFound(command_id=command.command_id, results=())),
        lambda: Behaving(lambda command, *_: CheckpointsListed(command_id=command.command_id, checkpoints=())),
    )
    for name in ("a", "b", "c"):
        lanes.accept(DownloadCheckpoint(command_id=name, checkpoint="x/y"))
    lanes.accept(forget("answer"))
    lanes.accept(ListCheckpoints(command_id="list"))
    lanes.accept(SearchCheckpoints(command_id="search", text="qwen"))
    assert isinstance(sent.terminal("list"), CheckpointsListed)
    assert isinstance(sent.terminal("search"), CheckpointsFound)
    assert sent.terminals("answer") == []
    assert lanes.close(PATIENCE_SECONDS)


def test_a_lane_of_several_threads_has_one_handler_and_closes_it_once(sent: Sent) -> None:
    made: list[str] = []
    closed: list[str] = []

    class Closing(Behaving):
        def close(self) -> None:
            closed.append(threading.current_thread().name)

    def factory() -> Handler:
        time.sleep(0.05)  # long enough for the other threads to want one too
        made.append(threading.current_thread().name)
        return Closing(_well)

    lanes = Lanes(lambda: Behaving(_well), factory, sent.send)
    for number in range(6):
        lanes.accept(DownloadCheckpoint(command_id=f"d{number}", checkpoint="x/y"))
    for number in range(6):
        sent.terminal(f"d{number}")
    assert lanes.close(PATIENCE_SECONDS)
    assert (len(made), len(closed)) == (1, 1)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {PATIENCE_SECONDS:.0f} s"
        time.sleep(0.002)
