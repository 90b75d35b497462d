import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.worker import open_commands
from app.worker.engine_link import EngineLink
from app.worker.engine_state import EngineState, EngineStateChanged, LinkEvent
from app.worker.reload import on_the_same_card
from engine.api.commands import (
    DescribeHardware,
    DownloadCheckpoint,
    ForgetConversation,
    Generate,
    ListCheckpoints,
    UnloadCheckpoint,
)
from engine.api.errors import ErrorKind
from engine.api.events import (
    CheckpointLoaded,
    CheckpointsListed,
    CommandCancelled,
    CommandFailed,
    FinishReason,
    GenerationFinished,
    HardwareDescribed,
)
from engine.api.sampling import Sampling
from tests.engine_scripts import PLAN, Script
from tests.link_probe import PATIENCE_SECONDS, LinkProbe, generate, load
from tests.scripted_engine import scripted_engine_command

StartLink = Callable[..., LinkProbe]


@pytest.mark.usefixtures("patient_link")
def test_commands_are_answered_in_order(start_link: StartLink) -> None:
    probe = start_link("answer")
    for command in (load(), generate("g"), DescribeHardware(command_id="h"), ListCheckpoints(command_id="l")):
        probe.submit(command)
    finished = probe.terminal("g")
    assert isinstance(finished, GenerationFinished)
    assert probe.text("g") == finished.text == "Paris is the capital of France."
    assert isinstance(probe.terminal("load"), CheckpointLoaded)
    assert isinstance(probe.terminal("h"), HardwareDescribed)
    assert isinstance(probe.terminal("l"), CheckpointsListed)
    assert probe.states() == [EngineState.STARTING, EngineState.READY]
    probe.stop()
    assert probe.states()[-1] is EngineState.STOPPED


def test_a_flood_is_joined_without_losing_or_reordering(start_link: StartLink) -> None:
    probe = start_link("flood")
    finished = probe.do(generate("g"))
    assert isinstance(finished, GenerationFinished)
    assert len(finished.text) == 1_000_000
    assert probe.text("g") == finished.text
    ids = [token_id for piece in probe.pieces("g") for token_id in piece.token_ids]
    assert ids == list(finished.token_ids)
    assert len(probe.pieces("g")) < 1_000


def test_the_first_piece_and_the_end_do_not_wait(start_link: StartLink) -> None:
    probe = start_link(Script(answer="one two three", first_delay_seconds=0.2))
    probe.do(generate("g"))
    assert probe.pieces("g")[0].text == "one"
    assert probe.pieces("g")[-1].text.endswith("three")


@pytest.mark.usefixtures("patient_link")
def test_a_running_answer_is_stopped_and_kept(start_link: StartLink) -> None:
    probe = start_link("slow")
    probe.submit(generate("g"))
    probe.wait_for_text("g")
    probe.link.cancel("g")
    finished = probe.terminal("g")
    assert isinstance(finished, GenerationFinished)
    assert finished.reason is FinishReason.STOPPED
    assert finished.text == probe.text("g") != ""


@pytest.mark.usefixtures("patient_link")
def test_a_stop_before_the_start_counts(start_link: StartLink) -> None:
    script = Script(delay_seconds=0.3)  # before the first word
    probe = start_link(script, before=lambda link: (link.submit(generate("g")), link.cancel("g")))
    probe.terminal("g")
    assert probe.text("g") == ""
    assert isinstance(probe.do(UnloadCheckpoint(command_id="u")).command_id, str)


@pytest.mark.usefixtures("patient_link")
def test_a_waiting_command_is_cancelled_at_once_and_the_running_one_goes_on(start_link: StartLink) -> None:
    probe = start_link("slow")
    probe.submit(generate("running"))
    probe.wait_for_text("running")
    probe.submit(generate("waiting"))
    probe.link.cancel("waiting")
    assert probe.terminal("waiting") == CommandCancelled(command_id="waiting")
    assert probe.terminals("running") == []
    probe.link.cancel("running")
    assert isinstance(probe.terminal("running"), GenerationFinished)
    assert probe.of("waiting") == [CommandCancelled(command_id="waiting")]
    assert len(probe.process_ids()) == 1


def test_the_transfer_lane_does_not_wait_for_an_answer(start_link: StartLink) -> None:
    probe = start_link("slow")
    probe.submit(generate("g"))
    probe.wait_for_text("g")
    probe.do(ListCheckpoints(command_id="l"))
    assert probe.terminals("g") == []


def test_an_id_is_used_once(start_link: StartLink) -> None:
    probe = start_link()
    probe.do(generate("g"))
    with pytest.raises(ValueError, match="used before"):
        probe.submit(generate("g"))


@pytest.mark.parametrize(
    "bad",
    [
        generate("bad", "\ud800"),
        msgspec.structs.replace(generate("bad"), sampling=Sampling(seed=2**70)),
        msgspec.structs.replace(generate("bad"), started_at=object()),
    ],
    ids=["surrogate", "huge number", "wrong type"],
)
def test_a_command_that_fits_in_no_frame_fails_alone(start_link: StartLink, bad: Generate) -> None:
    probe = start_link()
    failed = probe.do(bad)
    assert isinstance(failed, CommandFailed)
    assert failed.error.kind is ErrorKind.INVALID_COMMAND
    assert isinstance(probe.do(generate("good")), GenerationFinished)


def test_an_unloaded_model_is_not_loaded_again(start_link: StartLink) -> None:
    probe = start_link("exit", once=True)
    probe.do(load())
    probe.do(UnloadCheckpoint(command_id="u"))
    assert isinstance(probe.do(generate("g1")), CommandFailed)
    probe.do(generate("g2"))
    assert probe.reloads() == []


def test_a_model_whose_reload_kills_the_engine_is_not_loaded_a_third_time(
    start_link: StartLink, tmp_path: Path
) -> None:
    probe = start_link(Script(fault="kill", fault_on="load_checkpoint", fault_after=2, delay_seconds=0.05), once=True)
    (tmp_path / "once").touch()
    probe.do(load())
    (tmp_path / "once").unlink()
    probe.link._process._kill_group()  # type: ignore[union-attr]
    probe.wait_for_process(3)
    assert isinstance(probe.do(generate("g")), GenerationFinished)
    reload_ids = {event.command_id for event in probe.reloads()}
    assert len(reload_ids) == 1
    (failed,) = probe.terminals(reload_ids.pop())
    assert isinstance(failed, CommandFailed)
    assert EngineState.FAILED not in probe.states()


def test_a_restart_after_failure_can_be_asked_for(start_link: StartLink, tmp_path: Path) -> None:
    probe = start_link("die_at_start")
    probe.wait_for_state(EngineState.FAILED)
    assert probe.states() == [
        EngineState.STARTING,
        EngineState.RESTARTING,
        EngineState.RESTARTING,
        EngineState.FAILED,
    ]
    probe.link._argv = scripted_engine_command("answer")
    probe.link.restart()
    assert isinstance(probe.do(generate("g")), GenerationFinished)


def test_a_program_that_is_not_there_fails_every_command(tmp_path: Path) -> None:
    probe = LinkProbe([str(tmp_path / "nothing")])
    failed = probe.do(generate("g"))
    probe.stop()
    assert isinstance(failed, CommandFailed)
    assert failed.error.message == "The engine could not be started."
    assert probe.states() == [EngineState.STARTING, EngineState.FAILED, EngineState.STOPPED]


def test_a_command_after_the_end_is_answered_on_the_spot(start_link: StartLink) -> None:
    probe = start_link()
    probe.stop()
    probe.submit(generate("g"))
    (failed,) = probe.terminals("g")
    assert isinstance(failed, CommandFailed)
    assert failed.error.kind is ErrorKind.ENGINE_DIED


@pytest.mark.usefixtures("patient_link")
def test_stopping_ends_what_runs_and_what_waits_and_starts_nothing(start_link: StartLink) -> None:
    probe = start_link("slow")
    probe.submit(load())
    for index in range(3):
        probe.submit(generate(f"g{index}"))
    probe.wait_for_text("g0")
    probe.stop()
    finished = probe.terminal("g0")
    assert isinstance(finished, GenerationFinished)
    assert finished.reason is FinishReason.STOPPED
    assert isinstance(probe.terminal("g1"), CommandCancelled)
    assert isinstance(probe.terminal("g2"), CommandCancelled)
    assert len(probe.process_ids()) == 1
    assert EngineState.RESTARTING not in probe.states()


@pytest.mark.usefixtures("patient_link")
def test_stopping_before_the_engine_is_ready(start_link: StartLink) -> None:
    probe = start_link(Script(first_delay_seconds=0.1))
    probe.submit(generate("g"))
    probe.stop()
    assert len(probe.terminals("g")) == 1


def test_submitting_never_blocks_even_if_the_engine_reads_nothing(start_link: StartLink) -> None:
    probe = start_link(Script(fault="freeze", fault_after=0))
    probe.submit(generate("g"))
    time.sleep(0.3)
    for index in range(20):  # far more than a pipe holds: one that waited would never come back
        probe.submit(generate(f"large {index}", "x" * 1_000_000))
    probe.link.cancel("large 3")
    assert isinstance(probe.terminal("large 3"), CommandCancelled)


def test_a_mistake_in_the_receiver_ends_everything_and_is_not_swallowed() -> None:
    events: list[LinkEvent] = []

    def on_event(event: LinkEvent) -> None:
        events.append(event)
        if isinstance(event, CheckpointsListed):
            raise KeyError("a bug in the app")

    link = EngineLink(scripted_engine_command("slow"), on_event)
    link.submit(generate("g"))
    link.submit(ListCheckpoints(command_id="l"))
    with pytest.raises(KeyError, match="a bug in the app"):
        link.run()
    ended = [event.command_id for event in events if isinstance(event, CommandCancelled)]
    assert ended == ["g"]
    last = events[-1]
    assert isinstance(last, EngineStateChanged)
    assert last.state is EngineState.FAILED
    assert "a bug in the app" in last.details


def test_a_death_that_the_pipe_hides_is_noticed(start_link: StartLink) -> None:
    """A child that the engine forked holds its end of the pipe open; it goes with the engine."""
    probe = start_link(Script(fault="orphan"))
    failed = probe.do(generate("g"))
    assert isinstance(failed, CommandFailed)
    assert failed.error.kind is ErrorKind.ENGINE_DIED
    assert probe.wait_for_process(2)


def test_the_same_promise_from_many_threads(start_link: StartLink) -> None:
    probe = start_link("answer")

    def work(name: int) -> None:
        for index in range(20):
            probe.submit(generate(f"{name}-{index}"))
            if index % 3 == 0:
                probe.link.cancel(f"{name}-{index}")

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    probe.wait_for(lambda: all(probe.terminals(f"{name}-{index}") for name in range(4) for index in range(20)))
    assert all(len(probe.terminals(f"{name}-{index}")) == 1 for name in range(4) for index in range(20))


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["load", "generate", "forget", "list", "download", "pause"]), st.just(0)),
        st.tuples(st.just("cancel"), st.integers(0, 12)),
        st.tuples(st.just("kill"), st.just(0)),
    ),
    max_size=12,
)
FAULTS = st.sampled_from(["", "fail", "exit", "garbage", "half_frame", "bug", "device_lost", "close_pipe", "hang"])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=ACTIONS, fault=FAULTS, ignores=st.booleans(), waits=st.booleans())
def test_any_order_of_commands_cancels_and_deaths_ends_each_command_once(
    monkeypatch: pytest.MonkeyPatch, actions: list[tuple[str, int]], fault: str, ignores: bool, waits: bool
) -> None:
    monkeypatch.setattr(open_commands, "CANCEL_SECONDS", 0.1)
    monkeypatch.setattr(open_commands, "KILL_SECONDS", 0.3)
    script = Script(fault=fault, delay_seconds=0.002, ignore_cancel=ignores)  # type: ignore[arg-type]
    probe = LinkProbe(scripted_engine_command(script))
    submitted: list[str] = []
    try:
        for action, number in actions:
            _act(probe, action, number, submitted)
        if waits and fault not in ("hang", "close_pipe"):
            probe.wait_for(lambda: all(probe.terminals(command_id) for command_id in submitted), PATIENCE_SECONDS)
    finally:
        probe.stop()
    assert [len(probe.terminals(command_id)) for command_id in submitted] == [1] * len(submitted)
    for command_id in submitted:
        assert probe.of(command_id)[-1:] == probe.terminals(command_id), "nothing comes after the terminal event"


def _act(probe: LinkProbe, action: str, number: int, submitted: list[str]) -> None:
    command_id = f"c{len(submitted)}"
    commands = {
        "load": load(command_id),
        "generate": generate(command_id),
        "forget": ForgetConversation(command_id=command_id, conversation_id="conversation"),
        "list": ListCheckpoints(command_id=command_id),
        "download": DownloadCheckpoint(command_id=command_id, checkpoint="someone/something"),
    }
    if action in commands:
        submitted.append(command_id)
        probe.submit(commands[action])
    elif action == "cancel":
        probe.link.cancel(f"c{number}")
    elif action == "kill":
        process = probe.link._process
        if process is not None:
            process._kill_group()
    else:
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("wanted", "loaded_on", "device_map", "again"),
    [
        ("auto", "cuda:0", {}, "cuda:0"),
        ("auto", "cpu", {}, "auto"),
        ("cpu", "cpu", {}, "cpu"),
        ("auto", "cuda:0", {"model.layers.0": "cuda:0", "model.layers.1": "cuda:1"}, "auto"),
        ("auto", "cuda:0", {"model.layers.0": "cuda:0", "model.layers.1": "cpu"}, "cuda:0"),
    ],
)
def test_a_model_is_loaded_again_where_it_was(
    wanted: str, loaded_on: str, device_map: dict[str, str], again: str
) -> None:
    """A card that is gone after a fault is told about, not quietly replaced by the processor."""
    command = msgspec.structs.replace(load(), device=wanted)
    plan = msgspec.structs.replace(PLAN, device=loaded_on, device_map=device_map)
    assert on_the_same_card(command, plan).device == again


@pytest.mark.usefixtures("patient_link")
def test_another_engine_takes_over_in_good_order(start_link: StartLink) -> None:
    probe = start_link("slow")
    assert isinstance(probe.do(load()), CheckpointLoaded)
    probe.submit(generate("running"))
    probe.wait_for_text("running")
    probe.link.renew(scripted_engine_command("answer"))
    probe.submit(generate("put-off"))
    stopped = probe.terminal("running")
    assert isinstance(stopped, GenerationFinished)
    assert stopped.reason is FinishReason.STOPPED
    finished = probe.terminal("put-off")
    assert isinstance(finished, GenerationFinished)
    assert finished.text == "Paris is the capital of France."
    ready = [EngineState.STARTING, EngineState.READY]
    assert probe.states() == [*ready, *ready]
    probe.stop()
